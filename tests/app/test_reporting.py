"""A real run is told again from what it left behind."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from support.accounts import account
from support.mishaps import UNKNOWN_EXECUTED, UNKNOWN_UNEXECUTED
from support.runs import Away, Billing, Project, Told, Watch, lines_of
from zbatch.app.api import RunOptions
from zbatch.app.clock import SystemClock
from zbatch.app.desk import opened
from zbatch.app.loading import Overrides, load_plan
from zbatch.app.outside import Outside
from zbatch.app.outstanding import Wish
from zbatch.app.reporting import past_run
from zbatch.app.run import run
from zbatch.app.state import State
from zbatch.app.task import to_converge
from zbatch.cli.report_markdown import report_markdown
from zbatch.emulator import Mishap, Scheduled, set_status
from zbatch.errors import CannotStart
from zbatch.model import Outcome
from zbatch.report.digest import digest_of
from zbatch.report.page import page

NOW = 1_790_000_000.0


def test_a_run_is_told_from_report_record_and_ledger(project: Project) -> None:
    """By its spec or its ID, with every send that the ledger holds of it."""
    project.book(a2="Canceled,due,1,0s")
    spec = project.spec(1, 2, 3)
    told = project.run(spec)
    past = past_run(str(spec), Path("/"), None)
    assert past.run.run_id == told.result.run_id
    assert past.counts == {Outcome.INVOICED: 2, Outcome.FAILED: 1}
    assert [one.account_id for one in past.lines()] == [one["account_id"] for one in told.lines]
    assert len(past.sends()) == told.result.sent
    text = "".join(page(past.head, past.lines, past.sends(), past.beside()))
    assert re.search("3 calls, at most 3 a second, under a limit of 50000/min", text)
    assert past_run(told.result.run_id[-4:], project.root, None).head == past.head


def test_without_its_ledger_a_run_is_told_all_the_same(project: Project) -> None:
    """Only the pictures of its sends are missing."""
    spec = project.spec(1)
    told = project.run(spec)
    past = past_run("latest", project.root, None)
    ledger = past.tenant_folder / "ledger.sqlite3"
    ledger.write_bytes(b"not a ledger")
    assert past.sends() == ()
    shutil.rmtree(past.tenant_folder)
    assert past.sends() == ()
    told.result.report.unlink()
    with pytest.raises(CannotStart, match=r"cannot be reported: the report .* cannot be read"):
        list(past.lines())


def told_since(project: Project, run_id: str) -> tuple[str, str]:
    """Give page and Markdown of a run as they are by now."""
    past = past_run(run_id, project.root, None)
    beside = past.beside()
    html = "".join(page(past.head, past.lines, (), beside))
    digest = digest_of(past.head, past.lines())
    return html, "".join(report_markdown(past.head, digest, past.lines, beside))


def test_what_was_proved_not_billed_since_is_told(
    project: Project, tenant: Callable[..., Away]
) -> None:
    """Unknown then, and nothing created by the word of a reconciliation, which is named."""
    away = tenant(faults=(Scheduled(UNKNOWN_UNEXECUTED, at=1),))
    spec = project.spec(1, 2, tenant="real", retry={"max_attempts": 1}, limits={"concurrency": 1})
    first = project.run(spec).result
    (doubt,) = first.unknown
    assert past_run(first.run_id, project.root, None).changes() == ()
    project.let_pass(first, away.billing, 2.0)
    asked = project.reconcile(spec).result
    unknown = doubt.item.identity.account_id
    (change,) = past_run(first.run_id, project.root, None).changes()
    assert (change.disproved, change.accounts, change.runs) == (True, (unknown,), (asked.run_id,))
    html, text = told_since(project, first.run_id)
    said = f"proved not billed by reconciliation <code>{asked.run_id}</code>: <code>{unknown}"
    assert said in html
    assert "it was proved for 1 of those unknown that nothing was billed: see below" in html
    assert f"proved not billed by reconciliation `{asked.run_id}`: `{unknown}`" in text
    record = json.loads(asked.run_record.read_text("utf-8"))
    foreign = {**record, "tenant": {**record["tenant"], "host": "sandbox.example.com"}}
    asked.run_record.write_text(json.dumps(foreign), "utf-8")
    (change,) = past_run(first.run_id, project.root, None).changes()
    assert (change.disproved, change.runs) == (True, ())
    asked.run_record.write_text(json.dumps(record), "utf-8")
    asked.report.unlink()
    html, text = told_since(project, first.run_id)
    assert f"proved not billed: <code>{unknown}" in html
    assert f"proved not billed: `{unknown}`" in text
    project.run(spec)
    (change,) = past_run(first.run_id, project.root, None).changes()
    assert (change.was, change.now) == (Outcome.UNKNOWN, Outcome.INVOICED)


def verdict(project: Project, run_id: str) -> str:
    """Give the sentence with which the report of a run begins."""
    past = past_run(run_id, project.root, None)
    return digest_of(past.head, past.lines()).verdict


def test_a_run_that_nothing_stopped_is_not_said_to_go_on_by_itself(project: Project) -> None:
    """The same run again would end like it, as long as the earlier date is not settled."""
    project.book(a1="Canceled,due,1,0s")
    project.run(project.spec(1, dates=[{"target_date": "2026-10-31"}], name="october"))
    told = project.run(project.spec(1, 2, name="november"))
    assert (told.code, told.outcomes) == (4, {"invoiced": 1, "not_attempted": 1})
    said = verdict(project, told.result.run_id)
    assert said == "Some items wait for what is named with them: settle that, then run again."


def test_a_reconciliation_tells_of_doubt_alone(
    project: Project, tenant: Callable[..., Away]
) -> None:
    """Neither is everything settled once nothing is in doubt, nor has anything stopped it."""
    away = tenant(faults=(Scheduled(UNKNOWN_UNEXECUTED, at=1),))
    spec = project.spec(1, tenant="real", retry={"max_attempts": 1})
    first = project.run(spec).result
    project.let_pass(first, away.billing, 2.0)
    for code, said in (
        (4, "Nothing is left in doubt; a run of the spec sends what was proved not to be there."),
        (0, "Nothing is left in doubt."),
    ):
        told = project.reconcile(spec)
        assert (told.code, verdict(project, told.result.run_id)) == (code, said)


class SetBack(SystemClock):
    """A clock that somebody has set back by an hour."""

    def now(self) -> datetime:
        return super().now() - timedelta(hours=1)


def test_the_newest_run_is_the_last_one_though_the_clock_was_set_back(project: Project) -> None:
    """It is found by its spec and as the latest, and what it has settled was settled since."""
    project.book(a1="Canceled,due,1,0s")
    spec = project.spec(1)
    first = project.run(spec)
    assert first.outcomes == {"failed": 1}
    project.book()
    plan, outside, book = load_plan(spec, Overrides()), Outside(clock=SetBack()), "book.csv"
    for _ in range(2):
        with opened(plan.tenant, State(project.state), outside) as desk:
            task = to_converge(plan, desk.store, Wish(retry_failed=True))
            last = desk.execute(task, project.root / book, Watch())
    assert last.totals[Outcome.INVOICED] == 1
    assert last.started_at < first.result.started_at
    for named in (str(spec), "latest"):
        assert past_run(named, project.root, None).run.run_id == last.run_id
    (change,) = past_run(first.result.run_id, project.root, None).changes()
    assert (change.was, change.now) == (Outcome.FAILED, Outcome.INVOICED)


def test_what_is_in_doubt_again_is_not_proved(
    project: Project, tenant: Callable[..., Away]
) -> None:
    """A run has sent it under the next key, and nobody knows what came of that."""
    away = tenant(faults=(Scheduled(UNKNOWN_UNEXECUTED, every=1),))
    spec = project.spec(1, tenant="real", retry={"max_attempts": 1})
    first = project.run(spec).result
    project.let_pass(first, away.billing, 2.0)
    assert project.reconcile(spec).error(1) == "NOT_CREATED"
    assert project.run(spec).outcomes == {"unknown": 1}
    assert past_run(first.run_id, project.root, None).changes() == ()


def test_what_came_to_be_in_doubt_since_is_told(
    project: Project, tenant: Callable[..., Away]
) -> None:
    """Failed then, for certain; it was sent again since, so nobody is to bill it by hand."""
    project.book(a1="Canceled,due,1,0s")
    away = tenant(book=project.root / "book.csv")
    spec = project.spec(1, tenant="real", retry={"max_attempts": 1})
    first = project.run(spec)
    assert first.outcomes == {"failed": 1}
    away.faults.switch([Scheduled(UNKNOWN_UNEXECUTED, every=1)])
    assert project.run(spec, retry_failed=True).outcomes == {"unknown": 1}
    html, text = told_since(project, first.result.run_id)
    said = "sent since, and nobody knows what came of it"
    assert f"{said}: <code>{account(1)}</code>" in html
    assert f"- 1 failed then, now UNKNOWN, {said}: `{account(1)}`" in text
    assert "Since then 1 came to be in doubt: see below." in text


def test_what_never_left_did_not_come_to_be_in_doubt(project: Project) -> None:
    """A run that stops leaves intents whose calls never left: nothing is unknown of those."""
    project.book(a1="Canceled,due,1,0s")
    limits = {"concurrency": 1, "rate": "1200/min"}
    stopped = project.run(project.spec(*range(1, 7), stop={"failures": 1}, limits=limits))
    assert stopped.outcomes["not_attempted"]
    assert any(one.call for one in project.standings(stopped.result))
    assert past_run(stopped.result.run_id, project.root, None).changes() == ()
    for text in told_since(project, stopped.result.run_id):
        assert "in doubt" not in text


def test_what_was_turned_away_did_not_come_to_be_in_doubt(
    project: Project, tenant: Callable[..., Away]
) -> None:
    """A 429 is the word of a server that has executed nothing."""
    slow = Mishap(executed=False, status=429, headers=(("Retry-After", "7200"),))
    tenant(faults=(Scheduled(slow, every=1),))
    told = project.run(project.spec(1, tenant="real"))
    (standing,) = project.standings(told.result)
    assert (told.outcomes, standing.attempts, bool(standing.call)) == (
        {"not_attempted": 1},
        1,
        True,
    )
    assert past_run(told.result.run_id, project.root, None).changes() == ()


def test_an_outcome_of_before_is_not_told_as_settled_since(project: Project) -> None:
    """The run has asked again what an earlier one had settled, and the answer was unclear."""
    billing = Billing(project.state / "emulator")
    project.run(project.spec(9, name="opens"))
    theirs = billing.by_hand(1)
    spec = project.spec(1)
    first = project.run(spec)
    assert first.outcomes == {"already_invoiced": 1}
    set_status(billing.folder, theirs, "Quarantined", NOW)
    second = run(RunOptions(spec), Watch())
    assert [line["outcome"] for line in lines_of(second.report)] == ["unknown"]
    assert past_run(second.run_id, project.root, None).changes() == ()
    for text in told_since(project, second.run_id):
        assert "Since then" not in text


def test_what_was_unknown_to_a_report_alone_is_told_by_the_ledger(project: Project) -> None:
    """A run that could not read the ledger knew nothing of what was settled before it."""
    spec = project.spec(1)
    first, second = project.run(spec).result, project.run(spec)
    (line,) = second.lines
    error = {"code": "LEDGER_UNREADABLE", "message": ""}
    unread = {**line, "outcome": "unknown", "error": error, "invoice_id": None, "invoice_ids": []}
    second.result.report.write_text(json.dumps(unread) + "\n", "utf-8")
    (change,) = past_run(second.result.run_id, project.root, None).changes()
    assert (change.was, change.now) == (Outcome.UNKNOWN, Outcome.INVOICED)
    assert change.runs == (first.run_id,)


def settled_earlier(told: Told) -> int:
    count: int = json.loads(told.result.run_record.read_text("utf-8"))["settled_earlier"]
    return count


@pytest.mark.parametrize("asking", [True, False])
def test_what_this_run_has_settled_is_not_told_as_settled_before(
    project: Project, tenant: Callable[..., Away], asking: bool
) -> None:
    """It was sent before, and its last answer is of then; what it was, this run has found out."""
    away = tenant(faults=(Scheduled(UNKNOWN_EXECUTED, at=1),))
    spec = project.spec(1, tenant="real", retry={"max_attempts": 1})
    first = project.run(spec)
    assert (first.outcomes, settled_earlier(first)) == ({"unknown": 1}, 0)
    project.let_pass(first.result, away.billing, 30.0)
    told = project.reconcile(spec) if asking else project.run(spec)
    assert (told.outcomes, told.result.sent) == ({"invoiced": 1}, 0)
    assert settled_earlier(told) == 0
    for text in told_since(project, told.result.run_id):
        assert "by an earlier run" not in text
    again = project.run(project.spec(1, 2, tenant="real"))
    assert settled_earlier(again) == 1
    for text in told_since(project, again.result.run_id):
        assert "1 of them were settled by an earlier run" in text


def test_outcomes_of_each_kind_are_counted_as_settled_before(project: Project) -> None:
    """What was asked about again and is as it was is no work of this run either."""
    project.book(a2="Canceled,due,1,0s", a3="Active,none,1,0s")
    first = project.run(project.spec(1, 2, 3))
    assert first.outcomes == {"invoiced": 1, "failed": 1, "nothing_to_bill": 1}
    again = project.run(project.spec(1, 2, 3, 4))
    assert settled_earlier(again) == 3


def test_what_was_settled_since_is_told(project: Project) -> None:
    """Failed then, invoiced by a later run: page and Markdown say so, beside what was."""
    project.book(a2="Canceled,due,1,0s")
    spec = project.spec(1, 2, 3)
    first = project.run(spec).result
    past = past_run(first.run_id, project.root, None)
    assert past.changes() == ()
    project.book(a2="Active,due,1,0s")
    later = project.run(spec, retry_failed=True).result
    (change,) = past.changes()
    assert (change.was, change.now, change.count) == (Outcome.FAILED, Outcome.INVOICED, 1)
    assert (change.accounts, change.runs) == ((account(2),), (later.run_id,))
    text = "".join(page(past.head, past.lines, (), past.beside()))
    assert f"by run <code>{later.run_id}</code>: <code>{account(2)}</code>" in text
    digest = digest_of(past.head, past.lines())
    summary = report_markdown(past.head, digest, past.lines, past.beside())
    said = "".join(summary)
    assert "Since then all that needed a look has been settled: see below." in said
    assert f"- 1 failed then, now invoiced, by run `{later.run_id}`: `{account(2)}`" in said
    (past.tenant_folder / "ledger.sqlite3").write_bytes(b"not a ledger")
    assert past.changes() == ()
