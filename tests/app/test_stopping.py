"""Runs that stop themselves, or go in stages: whatever stops one, the next bills what is left."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from support.accounts import account
from support.mishaps import UNKNOWN_UNEXECUTED
from support.runs import Away, Billing, Project, Told
from support.world_host import Looks
from zbatch.app.loading import Overrides
from zbatch.app.review.approval import choose
from zbatch.app.review.preview import preview
from zbatch.emulator import Scheduled, delete_invoice
from zbatch.emulator.catalogue import fault
from zbatch.engine.stages import Choice

Start = Callable[..., Away]
ONE_BY_ONE = {"concurrency": 1, "rate": "1200/min"}


def billed_once(project: Project, numbers: Iterable[int]) -> bool:
    billing = Billing(project.state / "emulator")
    return all(len(billing.of(number)) == 1 for number in numbers)


def invoiced(told: Told) -> int:
    return told.outcomes.get("invoiced", 0)


def test_a_rule_that_is_met_stops_a_run_and_the_next_one_bills_the_rest_once(
    project: Project,
) -> None:
    """Exit 4, and the rule with its value, limit and line; failures of that run count no more."""
    project.book(a1="Canceled,due,1,0s", a2="Canceled,due,1,0s", a12="Canceled,due,1,0s")
    spec = project.spec(*range(1, 21), stop={"failures": 2}, limits=ONE_BY_ONE)
    line = spec.read_text("utf-8").splitlines().index("  failures: 2") + 1
    first = project.run(spec)
    assert first.code == 4
    said = f"2 items failed in this run (stop.failures is 2, {spec}:{line})"
    assert first.result.stop == f"{said}; zbatch run goes on with what is left"
    record = json.loads(first.result.run_record.read_text("utf-8"))
    rule = {"rule": "failures", "value": 2, "limit": 2, "file": str(spec), "line": line}
    assert (record["stop"], record["stop_rule"]) == (first.result.stop, rule)
    assert first.outcomes["failed"] == 2
    assert first.outcomes["not_attempted"] >= 10

    second = project.run(spec)
    assert (second.code, second.outcomes) == (1, {"invoiced": 17, "failed": 3})
    assert billed_once(project, (*range(3, 12), *range(13, 21)))

    project.book()
    third = project.run(spec, retry_failed=True)
    assert (third.code, third.outcomes) == (0, {"invoiced": 20})
    assert billed_once(project, range(1, 21))


def test_a_run_that_stops_tells_from_when_its_doubt_can_be_settled(
    project: Project, tenant: Start
) -> None:
    """Exit 3, and the time on the line as in the result: what stops a run ends no rest."""
    canceled = fault("account_canceled")
    away = tenant(faults=(Scheduled(UNKNOWN_UNEXECUTED, at=1), Scheduled(canceled, at=2)))
    spec = project.spec(*range(1, 21), tenant="real", stop={"failures": 1}, limits=ONE_BY_ONE)
    told = project.run(spec)
    assert (told.code, told.line(1)["outcome"]) == (3, "unknown")
    assert told.result.stop is not None
    at = told.result.settles_at
    assert at is not None
    assert 3590 < (at - told.result.started_at).total_seconds() < 3700
    said = f"; from {at:%Y-%m-%d %H:%M:%S} UTC zbatch run or zbatch reconcile can settle it"
    assert told.line(1)["error"]["message"].endswith(said)
    project.let_pass(told.result, away.billing, hours=0.9)
    assert project.reconcile(spec).line(1)["outcome"] == "unknown"
    project.let_pass(told.result, away.billing, hours=0.2)
    assert project.run(spec).line(1)["outcome"] == "invoiced"


def test_a_wrong_invoice_date_that_was_stopped_in_time_is_mended(project: Project) -> None:
    """R13: what a stopped run had ready to leave was never sent, and takes the mended date."""
    project.book(a1="Canceled,due,1,0s")
    wrong = project.spec(*range(1, 21), stop={"failures": 1}, limits=ONE_BY_ONE)
    first = project.run(wrong)
    left = [n for n in range(1, 21) if first.line(n)["outcome"] == "not_attempted"]
    assert len(left) >= 10
    assert project.reconcile().outcomes == {}
    dates = [{"target_date": "2026-11-30", "invoice_date": "2026-12-01"}]
    mended = project.spec(*left, dates=dates)
    look = preview(choose(mended, Overrides())).held
    assert (look.changed, look.to_send) == (0, len(left))
    told = project.run(mended)
    assert (told.code, told.outcomes) == (0, {"invoiced": len(left)})
    made = {
        one.account_id: one.invoice_date for one in Billing(project.state / "emulator").invoices
    }
    assert all(made[account(n)] == date(2026, 12, 1) for n in left)
    assert billed_once(project, left)


def test_what_failed_and_was_ready_to_be_tried_again_has_failed_as_before(
    project: Project,
) -> None:
    """R10: it holds back a later date, and waits for `--retry-failed`, as if nobody had tried."""
    everyone = range(1, 21)
    project.book(**{f"a{n}": "Canceled,due,1,0s" for n in everyone})
    october: dict[str, Any] = {"name": "october", "dates": ["2026-10-31"], "limits": ONE_BY_ONE}
    assert project.run(project.spec(*everyone, **october)).outcomes == {"failed": 20}
    project.book(a1="Canceled,due,1,0s")
    stopping = project.spec(*everyone, stop={"failures": 1}, **october)
    stopped = project.run(stopping, retry_failed=True)
    again = {n for n in everyone if stopped.line(n, "2026-10-31")["outcome"] == "failed"}
    assert stopped.result.sent == 1 + len(set(everyone) - again)
    assert len(again) >= 10
    november = project.run(project.spec(20, name="november"))
    assert (november.code, november.error(20)) == (4, "EARLIER_DATE_OPEN")
    spec = project.spec(*everyone, **october)
    plain = project.run(spec)
    assert (plain.code, plain.result.sent, plain.outcomes["failed"]) == (1, 0, len(again))
    project.book()
    assert project.run(spec, retry_failed=True).outcomes == {"invoiced": 20}


def test_without_a_terminal_each_run_goes_one_stage_further(project: Project) -> None:
    """Two, then three more, then the rest; what failed is settled, and holds no stage up."""
    project.book(a2="Canceled,due,1,0s")
    spec = project.spec(*range(1, 10), stages=[2, 3, "rest"])
    runs = [project.run(spec) for _ in range(4)]
    assert [run.code for run in runs] == [4, 4, 1, 1]
    assert [run.result.sent for run in runs] == [2, 3, 4, 0]
    assert [invoiced(run) for run in runs] == [1, 4, 8, 8]
    assert runs[0].result.stop == "stage 1 of 3 is over; zbatch run begins stage 2"
    assert runs[2].result.stop is None
    assert billed_once(project, (1, *range(3, 10)))


def test_a_stage_never_cuts_a_call(project: Project) -> None:
    """Calls of two: the stage of three items has four, in every run alike."""
    spec = project.spec(*range(1, 8), stages=[3, "rest"], limits={"objects_per_call": 2})
    runs = [project.run(spec) for _ in range(2)]
    assert [(run.code, run.result.sent, invoiced(run)) for run in runs] == [(4, 2, 4), (0, 2, 7)]
    assert billed_once(project, range(1, 8))


def test_a_person_lets_one_run_go_through_all_stages(project: Project) -> None:
    """Confirmed once and continued once, it bills everything in one go."""
    spec = project.spec(*range(1, 8), stages=[1, 2, 3, "rest"])
    looks = Looks(deque([Choice.CONFIRM, Choice.CONTINUE]), seconds=0.0)
    told = project.run(spec, gate=looks)
    assert (told.code, told.result.sent, invoiced(told)) == (0, 7, 7)
    assert not looks.answers


def test_a_failure_tried_again_begins_its_stage_anew(project: Project) -> None:
    """With --retry-failed there is something to send in the first stage: it is looked at again."""
    project.book(a1="Canceled,due,1,0s")
    spec = project.spec(1, 2, 3, stages=[1, "rest"])
    assert project.run(spec).code == 4
    project.book()
    again = project.run(spec, retry_failed=True)
    assert (again.code, again.result.sent, invoiced(again)) == (4, 1, 1)
    last = project.run(spec)
    assert (last.code, invoiced(last)) == (0, 3)
    assert billed_once(project, (1, 2, 3))


def test_a_stage_that_a_rule_has_ended_is_looked_at_before_the_next_begins(
    project: Project,
) -> None:
    """Stopped by its last answer, nobody has seen it: the next run tells of it and sends nothing.

    To run it again is the answer then, and each stage is billed once.
    """
    project.book(a2="Canceled,due,1,0s")
    spec = project.spec(1, 2, 3, 4, stages=[2, "rest"], stop={"failures": 1}, limits=ONE_BY_ONE)
    runs = [project.run(spec) for _ in range(3)]
    assert [(run.code, run.result.sent, invoiced(run)) for run in runs] == [
        (4, 2, 1),
        (4, 0, 1),
        (1, 2, 3),
    ]
    assert runs[0].result.stop is not None
    assert "stop.failures" in runs[0].result.stop
    assert runs[1].result.stop == "stage 1 of 2 is over; zbatch run begins stage 2"
    assert billed_once(project, (1, 3, 4))


def test_outcomes_whose_invoices_are_gone_are_sent_a_stage_at_a_time(project: Project) -> None:
    """All was billed by others; once that is seen to be gone, nothing is sent past a look."""
    billing = Billing(project.state / "emulator")
    project.run(project.spec(9, name="opens-the-tenant"))
    theirs = [billing.by_hand(number) for number in (1, 2, 3, 4)]
    twice = {"settle": "1s", "wait": "5s"}
    spec = project.spec(1, 2, 3, 4, stages=[1, 2, "rest"], reconcile=twice)
    looks = Looks(deque([Choice.CONFIRM, Choice.CONTINUE]), seconds=0.0)
    assert project.run(spec, gate=looks).outcomes == {"already_invoiced": 4}
    assert (project.run(spec).code, project.run(spec).result.sent) == (0, 0)
    for invoice_id in theirs:
        delete_invoice(billing.folder, invoice_id)
    runs = [project.run(spec) for _ in range(3)]
    assert [(run.code, run.result.sent) for run in runs] == [(4, 1), (4, 2), (0, 1)]
    assert billed_once(project, (1, 2, 3, 4))


def test_a_stage_that_waits_for_another_spec_is_looked_at(project: Project) -> None:
    """An earlier date has failed there: the stage is told as not attempted, before the rest."""
    project.book(a1="Canceled,due,1,0s")
    early = project.spec(1, name="early", dates=["2026-10-31"])
    assert project.run(early).code == 1
    spec = project.spec(1, 2, 3, stages=[1, "rest"])
    runs = [project.run(spec) for _ in range(2)]
    assert [run.result.sent for run in runs] == [0, 2]
    assert runs[0].result.stop == "stage 1 of 2 is over; zbatch run begins stage 2"
    assert runs[0].outcomes == {"not_attempted": 3}


def test_stages_hold_what_an_earlier_run_had_prepared_and_not_sent(project: Project) -> None:
    """A run without stages stops with calls ready to leave; with stages, they leave in theirs."""
    project.book(a1="Canceled,due,1,0s")
    first = project.run(project.spec(*range(1, 31), stop={"failures": 1}, limits=ONE_BY_ONE))
    assert (first.code, first.outcomes["failed"]) == (4, 1)
    left = first.outcomes["not_attempted"]
    assert left >= 20
    settled = 30 - left
    spec = project.spec(*range(1, 31), stages=[settled + 1, settled + 2, "rest"])
    runs = [project.run(spec) for _ in range(2)]
    assert [(run.code, run.result.sent) for run in runs] == [(4, 1), (4, settled + 2)]
    assert runs[-1].outcomes["not_attempted"] == left - 1 - (settled + 2)


def test_other_stages_of_a_plan_are_looked_at_anew(project: Project) -> None:
    """Who has looked at one item has not looked at two."""
    assert project.run(project.spec(1, 2, 3, 4, stages=[1, "rest"])).code == 4
    spec = project.spec(1, 2, 3, 4, stages=[2, "rest"])
    runs = [project.run(spec) for _ in range(2)]
    assert [(run.code, run.result.sent) for run in runs] == [(4, 1), (0, 2)]


def test_reconcile_knows_neither_rules_nor_stages(project: Project) -> None:
    """It sends nothing, so that nothing of it can be one too many."""
    spec = project.spec(1, 2, stages=[1, "rest"], stop={"deadline": "1ms"})
    assert project.run(spec).code == 4
    told = project.reconcile(spec)
    assert (told.code, told.result.stop) == (0, None)
