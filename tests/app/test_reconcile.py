"""Settling doubt by questions alone: what is proved, what a person decides, what stays open."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from support.accounts import account
from support.mishaps import DROP_AFTER, DROP_BEFORE, UNKNOWN_EXECUTED, UNKNOWN_UNEXECUTED
from support.runs import GENERATE, IMPATIENT, Away, Project, Told, accepting, away
from zbatch.app.api import ToRun
from zbatch.app.task import ListedElsewhere
from zbatch.cli.exit_code import EXIT_CODES
from zbatch.emulator import Mishap, Scheduled, set_status
from zbatch.errors import NothingSelected, Refused
from zbatch.model import ExitCode, Identity

Start = Callable[..., Away]
ONCE = {"max_attempts": 1}


def doubtful(
    project: Project, tenant: Start, mishap: Mishap, hours: float = 2.0
) -> tuple[Path, Away, Told]:
    """Leave account 1 in doubt, and let it rest."""
    started = tenant(faults=(Scheduled(mishap, at=1),))
    spec = project.spec(1, tenant="real", retry=ONCE)
    told = project.run(spec)
    assert (told.code, told.outcomes) == (3, {"unknown": 1})
    project.let_pass(told.result, started.billing, hours)
    return spec, started, told


def calls(away: Away) -> int:
    return len(away.billing.exchanges(GENERATE))


@pytest.mark.parametrize("mishap", [DROP_AFTER, UNKNOWN_EXECUTED])
@pytest.mark.parametrize("hours", [2.0, 72.0])
def test_what_was_billed_is_claimed(
    project: Project, tenant: Start, mishap: Mishap, hours: float
) -> None:
    """R9b: one invoice, made in the time of our send; nothing is sent to learn it."""
    spec, away, _ = doubtful(project, tenant, mishap, hours)
    told = project.reconcile(spec)
    assert (told.code, told.result.sent, told.outcomes) == (0, 0, {"invoiced": 1})
    assert away.billing.of(1) == [told.line(1)["invoice_id"]]
    assert (calls(away), told.result.asked) == (1, 2)  # to settle it, and to read it back
    again = project.reconcile(spec)
    assert (again.code, again.lines, again.result.asked) == (0, (), 0)
    assert project.run(spec).result.sent == 0


@pytest.mark.parametrize(
    ("mishap", "hours", "outcome", "code", "error"),
    [
        (UNKNOWN_UNEXECUTED, 2.0, "not_attempted", 4, "NOT_CREATED"),
        (DROP_BEFORE, 72.0, "not_attempted", 4, "NOT_CREATED"),
        (DROP_BEFORE, 2.0, "unknown", 3, "IN_DOUBT"),
    ],
)
def test_what_was_not_billed_is_left_to_a_run(
    project: Project,
    tenant: Start,
    mishap: Mishap,
    hours: float,
    outcome: str,
    code: int,
    error: str,
) -> None:
    """A void key is settled but not renewed here; one that still protects is sent by a run."""
    spec, away, _ = doubtful(project, tenant, mishap, hours)
    told = project.reconcile(spec)
    assert (told.code, told.line(1)["outcome"], told.error(1)) == (code, outcome, error)
    assert "zbatch run" in told.line(1)["error"]["message"]
    assert calls(away) == 1
    run = project.run(spec)
    assert (run.code, run.result.sent, run.outcomes) == (0, 1, {"invoiced": 1})
    assert away.billing.of(1) == [run.line(1)["invoice_id"]]


def test_what_is_left_of_a_call_is_said_to_be_settled_not_sent_again(
    project: Project, tenant: Start
) -> None:
    """R12: with its neighbour settled the same call never leaves again, and no run says it will."""
    away = tenant(faults=(Scheduled(DROP_BEFORE, at=1),))
    spec = project.spec(1, 2, tenant="real", retry=ONCE, limits={"objects_per_call": 2})
    first = project.run(spec)
    away.billing.by_hand(1)
    project.let_pass(first.result, away.billing, hours=2)
    told = project.reconcile(spec)
    assert told.outcomes == {"already_invoiced": 1, "unknown": 1}
    assert told.line(2)["error"]["message"].endswith("nothing is there; zbatch run settles it")
    assert project.run(spec).code == 0
    assert (calls(away), len(away.billing.of(2))) == (2, 1)


@pytest.mark.parametrize("mishap", [DROP_AFTER, UNKNOWN_EXECUTED])
def test_what_has_not_rested_stays_unknown(project: Project, tenant: Start, mishap: Mishap) -> None:
    """R6: it is not even asked about; the report says from when it can be."""
    spec, away, _ = doubtful(project, tenant, mishap, hours=0.5)
    told = project.reconcile(spec)
    assert (told.code, told.result.asked, told.outcomes) == (3, 0, {"unknown": 1})
    assert "UTC" in told.line(1)["error"]["message"]
    assert calls(away) == 1


def test_f76_an_invoice_of_somebody_else_is_not_claimed(project: Project, tenant: Start) -> None:
    """F76: made in the same time, but by a bill run: there, and not ours to claim."""
    spec, away, _ = doubtful(project, tenant, DROP_BEFORE, hours=0.0)
    theirs = away.billing.by_hand(1, source="BillRun")
    last = project.runs()[-1]
    assert last.exists()
    project.let_pass(project.reconcile(spec).result, away.billing, hours=2)
    told = project.reconcile(spec)
    assert (told.code, told.error(1)) == (0, "AUTHOR_NOT_PROVED")
    assert (told.line(1)["outcome"], told.line(1)["invoice_id"]) == ("already_invoiced", theirs)


@pytest.mark.parametrize("status", ["Posted", "Draft"])
def test_an_invoice_that_was_posted_since_is_claimed_all_the_same(
    project: Project, tenant: Start, status: str
) -> None:
    """What people do with it later does not change who made it."""
    spec, away, _ = doubtful(project, tenant, UNKNOWN_EXECUTED)
    (mine,) = away.billing.of(1)
    set_status(away.billing.folder, mine, status, 1_790_000_000.0)
    told = project.reconcile(spec)
    assert (told.code, told.line(1)["invoice_id"]) == (0, mine)


def test_a_status_that_nobody_knows_decides_nothing(project: Project, tenant: Start) -> None:
    """R8: an unknown status leaves it unknown, until a person has a look."""
    spec, away, _ = doubtful(project, tenant, UNKNOWN_EXECUTED)
    set_status(away.billing.folder, away.billing.of(1)[0], "Quarantined", 1_790_000_000.0)
    told = project.reconcile(spec)
    assert (told.code, told.error(1)) == (3, "INVOICE_STATUS")


def test_a_spec_that_was_changed_since_is_told_as_it_was_sent(
    project: Project, tmp_path: Path
) -> None:
    """A run refuses it; here the report says what the call in doubt asked for, answered or not."""
    with away(tmp_path / "tenant", faults=(Scheduled(DROP_AFTER, at=1),)) as started:
        project.tenants(real=started.url)
        told = project.run(project.spec(1, tenant="real", retry=ONCE))
        project.let_pass(told.result, started.billing, hours=2)
    dates = [{"target_date": "2026-11-30", "invoice_date": "2026-12-31"}]
    spec = project.spec(1, tenant="real", retry=ONCE, dates=dates)
    unreached = project.reconcile(spec, patience=IMPATIENT)
    assert (unreached.code, unreached.outcomes) == (3, {"unknown": 1})
    assert unreached.line(1)["invoice_date"] == "2026-11-30"


# Decisions


def several(project: Project, tenant: Start) -> tuple[Path, Away]:
    """Leave two invoices that may both be account 1's item."""
    spec, away, _ = doubtful(project, tenant, UNKNOWN_EXECUTED)
    away.billing.by_hand(1, source="API")
    return spec, away


def test_several_invoices_wait_for_a_person(project: Project, tenant: Start) -> None:
    """Both are named; neither a run nor a reconciliation guesses, and nothing is sent."""
    spec, away = several(project, tenant)
    for told in (project.reconcile(spec), project.run(spec)):
        assert (told.code, told.error(1)) == (3, "SEVERAL_INVOICES")
        message = told.line(1)["error"]["message"]
        assert all(invoice_id in message for invoice_id in away.billing.of(1))
    assert calls(away) == 1


@pytest.mark.parametrize("choice", [0, 1])
def test_a_person_decides(project: Project, tenant: Start, choice: int) -> None:
    """`--accept`: the item is that invoice, the reason is told, and every run leaves it alone."""
    spec, away = several(project, tenant)
    chosen = away.billing.of(1)[choice]
    told = project.reconcile(spec, accept=(accepting(1, chosen),))
    assert (told.code, told.result.sent) == (0, 0)
    line = told.line(1)
    assert (line["outcome"], line["invoice_id"], line["error"]["code"]) == (
        "invoiced",
        chosen,
        "ACCEPTED",
    )
    assert "FIN-1" in line["error"]["message"]
    again = project.run(spec)
    assert (again.code, again.result.sent, again.line(1)["invoice_id"]) == (0, 0, chosen)
    assert calls(away) == 1


def test_a_decision_needs_no_rest(project: Project, tenant: Start) -> None:
    """A person who has looked need not wait for the server."""
    spec, away, _ = doubtful(project, tenant, DROP_AFTER, hours=0.0)
    told = project.reconcile(spec, accept=(accepting(1, away.billing.of(1)[0]),))
    assert (told.code, told.outcomes) == (0, {"invoiced": 1})


@pytest.mark.parametrize("wrong", ["f" * 32, "of another account"])
def test_a_decision_for_an_invoice_that_is_not_there_is_not_taken(
    project: Project, tenant: Start, wrong: str
) -> None:
    """The tenant must show it for this very account and date; the doubt stays."""
    spec, away = several(project, tenant)
    foreign = away.billing.by_hand(2)
    invoice_id = foreign if wrong == "of another account" else wrong
    told = project.reconcile(spec, accept=(accepting(1, invoice_id),))
    assert (told.code, told.error(1)) == (3, "NOT_SHOWN")
    assert project.reconcile(spec).error(1) == "SEVERAL_INVOICES"


def test_a_decision_on_an_item_that_is_not_in_doubt_selects_nothing(
    project: Project, tenant: Start
) -> None:
    """Exit 5, for what is settled, whatever the spec lists, and what the ledger never saw."""
    spec, away = several(project, tenant)
    invoice_id = away.billing.of(1)[0]
    settled = project.spec(2, tenant="real", name="settled")
    project.run(settled)
    other = accepting(2, invoice_id)
    for chosen, decision in (
        (settled, other),
        (spec, other),
        (None, other),
        (None, accepting(1, invoice_id, "2026-12-31")),
    ):
        with pytest.raises(NothingSelected, match="not in doubt"):
            project.reconcile(chosen, tenant=None if chosen else "real", accept=(decision,))
    assert EXIT_CODES[NothingSelected] is ExitCode.NO_MATCH
    assert project.reconcile(spec).error(1) == "SEVERAL_INVOICES"


def test_a_decision_on_an_item_of_another_spec_is_told_where_it_is_taken(
    project: Project, tenant: Start
) -> None:
    """It is in doubt all the same, and what is named takes the decision."""
    spec, away = several(project, tenant)
    other = project.spec(2, tenant="real", name="other")
    decision = accepting(1, away.billing.of(1)[0])
    with pytest.raises(ListedElsewhere) as refused:
        project.reconcile(other, accept=(decision,))
    said = str(refused.value)
    assert f"{decision.identity}: this item is in doubt, but {other} does not list it" in said
    assert f"{spec}:" in said
    assert said.endswith("name the spec of that, or none")
    assert refused.value.tenant == "real"
    assert project.reconcile(None, tenant="real", accept=(decision,)).outcomes == {"invoiced": 1}


# Which items


def test_a_reconciliation_of_a_spec_takes_its_items_alone(project: Project, tenant: Start) -> None:
    """What it does not list is named and keeps the exit code at 3; without a spec all is taken."""
    lost = (Scheduled(DROP_AFTER, at=1), Scheduled(DROP_AFTER, at=2))
    away = tenant(faults=lost)
    one = project.spec(1, tenant="real", name="one", retry=ONCE)
    two = project.spec(2, tenant="real", name="two", retry=ONCE)
    project.run(one)
    told = project.run(two)
    assert len(told.result.strays) == 1
    project.let_pass(told.result, away.billing, hours=2)
    first = project.reconcile(one)
    assert (first.code, first.outcomes) == (3, {"invoiced": 1})
    (stray,) = first.result.strays
    assert stray.item.identity == Identity(account(2), date(2026, 11, 30))
    rest = project.reconcile()
    assert (rest.code, rest.outcomes, rest.result.strays) == (0, {"invoiced": 1}, ())
    assert rest.line(2)["success"]


def test_with_nothing_in_doubt_there_is_nothing_to_ask(
    project: Project, tenant: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even credentials are needed, and the report is empty."""
    away = tenant()
    spec = project.spec(1, tenant="real")
    project.run(spec)
    asked = len(away.billing.exchanges("/v1/action/query"))
    monkeypatch.delenv("ZUORA_CLIENT_SECRET")
    for told in (project.reconcile(spec), project.reconcile(), project.reconcile(tenant="real")):
        assert (told.code, told.lines, told.result.asked) == (0, (), 0)
    assert len(away.billing.exchanges("/v1/action/query")) == asked


def test_without_a_spec_the_tenant_must_be_plain(
    project: Project, tenant: Start, tmp_path: Path
) -> None:
    """One ledger speaks for itself; of several a person must say which is meant, none is begun."""
    with pytest.raises(Refused, match="no ledger in"):
        project.reconcile()
    for named in (project.spec(1, tenant="emulator"), None):
        with pytest.raises(Refused, match="no ledger of tenant emulator in"):
            project.reconcile(named, tenant="emulator")
    assert not project.state.exists()
    spec, first, _ = doubtful(project, tenant, DROP_AFTER)
    assert project.reconcile(tenant="real").code == 0
    with away(tmp_path / "second") as second:
        project.tenants(real=first.url, second=second.url)
        project.run(project.spec(5, tenant="second", name="second"))
        with pytest.raises(Refused, match="several ledgers: choose one of --tenant real, second"):
            project.reconcile()
        assert project.reconcile(tenant="second").code == 0
    with pytest.raises(Refused, match="known are emulator, real, second"):
        project.reconcile(tenant="reel")
    assert project.reconcile(spec).code == 0


def test_without_a_spec_the_specs_are_known_that_sent_what_is_in_doubt(
    project: Project, tenant: Start
) -> None:
    """Whoever is told to run again can type it; a spec that is gone, or of another folder, not."""
    away = tenant(faults=(Scheduled(DROP_BEFORE, at=1), Scheduled(DROP_BEFORE, at=2)))
    fine = project.spec(3, tenant="real", name="fine")
    one, two = (project.spec(n, tenant="real", name=f"of-{n}", retry=ONCE) for n in (1, 2))
    for spec in (one, two):
        told = project.run(spec)
    assert project.run(fine).code == 3
    project.let_pass(told.result, away.billing, hours=2)
    named = (ToRun("specs/of-2.yaml"), ToRun("specs/of-1.yaml"))
    assert project.reconcile().result.specs == named
    assert project.reconcile(one).result.specs == ()
    two.unlink()
    assert project.reconcile().result.specs == (ToRun("specs/of-1.yaml"),)
    shutil.rmtree(told.result.report.parent)
    one.unlink()
    assert project.reconcile().result.specs == ()


def test_without_a_spec_a_spec_is_named_with_the_period_that_it_needs(
    project: Project, tenant: Start
) -> None:
    """The one that the run was given, where the spec that is there now has none of its own."""
    tenant(faults=(Scheduled(DROP_BEFORE, at=1),))
    by_expression: dict[str, Any] = {"tenant": "real", "dates": ["end_of_month"], "retry": ONCE}
    assert project.run(project.spec(1, **by_expression), period="2026-11").code == 3
    assert project.reconcile().result.specs == (ToRun("specs/month-end.yaml", "2026-11"),)
    project.spec(1, **by_expression, period="2026-12")
    assert project.reconcile().result.specs == (ToRun("specs/month-end.yaml"),)


@pytest.mark.parametrize(("settle", "seconds"), [("5s", 5), ("2h", 7200)])
def test_without_a_spec_a_key_rests_as_long_as_that_of_its_own_says(
    settle: str, seconds: int, project: Project, tenant: Start
) -> None:
    """The ledger knows how long the specs want it to rest by which it was sent."""
    started = tenant(faults=(Scheduled(DROP_AFTER, at=1),))
    project.run(project.spec(1, tenant="real", retry=ONCE, reconcile={"settle": settle}))
    asked = datetime.now(UTC)
    told = project.reconcile()
    assert told.outcomes == {"unknown": 1}
    assert told.result.settles_at is not None
    left = (told.result.settles_at - asked).total_seconds()
    assert seconds - 60 < left < seconds + 120
    project.let_pass(told.result, started.billing, hours=seconds / 3600 + 0.1)
    assert project.reconcile().outcomes == {"invoiced": 1}


def test_without_a_spec_the_ceilings_hold_all_the_same(project: Project, tenant: Start) -> None:
    """Questions press a tenant no more than its ceilings allow, whoever asks them."""
    _, started, _ = doubtful(project, tenant, DROP_AFTER)
    ceilings = "{concurrency: 2, rate: 9/s}"
    project.tenants(f"tenants: {{real: {{base_url: '{started.url}', ceilings: {ceilings}}}}}")
    limits = json.loads(project.reconcile().result.run_record.read_bytes())["limits"]
    assert (limits["concurrency"], limits["rate"]) == (2, "9/s")


def test_a_void_key_of_a_removed_item_is_no_doubt(project: Project, tenant: Start) -> None:
    """R14: once it is settled that nothing was created, no run names it any more."""
    _, away, _ = doubtful(project, tenant, UNKNOWN_UNEXECUTED)
    other = project.spec(2, tenant="real", name="other")
    assert project.run(other).code == 3
    assert project.reconcile().code == 4
    assert project.run(other).code == 0
    assert away.billing.of(1) == []
