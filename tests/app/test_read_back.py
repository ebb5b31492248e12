"""All the invoices of a run: read back beside the sending, and never at its cost."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from support.accounts import account
from support.engine import item
from support.plans import NOON, a_record
from support.runs import GENERATE, QUERY, Away, Project, Told, Watch
from support.world_host import Looks
from zbatch.app import readback
from zbatch.app.api import RunOptions
from zbatch.app.gate import Seen
from zbatch.app.run import run
from zbatch.app.worth import Purse, totals, worth
from zbatch.emulator import Drafts, Modes, Scheduled, SecondGenerate, Temporary, history
from zbatch.emulator.catalogue import fault
from zbatch.engine.agreement import Code
from zbatch.engine.stages import Choice
from zbatch.errors import LedgerFailure
from zbatch.ledger.store import Store
from zbatch.model import Detail, ExitCode, Outcome
from zbatch.report.amounts import Amount, Total
from zbatch.report.kept import read_lines
from zbatch.report.lines import line_of

GUARDED = Modes(second_generate=SecondGenerate.NOTHING_TO_BILL)
Start = Callable[..., Away]


def details(told: Told, number: int = 1) -> list[dict[str, Any]]:
    """Give what a report tells of an account's invoices."""
    found: list[dict[str, Any]] = told.line(number)["invoices"]
    return found


def findings(told: Told) -> dict[str, int]:
    """Give what reading back has found, as run and run record tell it."""
    found = told.result.read_back
    assert found is not None
    record = json.loads(told.result.run_record.read_text("utf-8"))["read_back"]
    counts = dict(found.findings)
    assert record == {"questions": found.questions, "unread": found.unread, "findings": counts}
    return counts


def test_a_report_tells_of_each_invoice(project: Project, tenant: Start) -> None:
    """Number, status, money, currency and tax stand in the line, and in later reports too."""
    server = tenant()
    spec = project.spec(1, tenant="real")
    told = project.run(spec)
    (invoice,) = server.billing.invoices
    amount = f"{invoice.cents // 100}.{invoice.cents % 100:02}"
    expected = {
        "id": invoice.id,
        "number": invoice.number,
        "status": "Draft",
        "amount": amount,
        "balance": amount,
        "currency": "USD",
        "tax_status": "Complete",
        "tax_message": None,
        "appended": False,
    }
    assert details(told) == [expected]
    assert findings(told) == {}
    assert told.result.amounts == (Amount("USD", 1, amount),)
    calls = len(history(server.billing.folder))
    again = project.run(spec)
    assert details(again) == [expected]
    assert again.result.amounts == ()
    assert len(history(server.billing.folder)) == calls


def test_all_invoices_of_one_call(project: Project, tenant: Start, tmp_path: Any) -> None:
    """L9: where a call made three and named one, the report and the ledger have all of them."""
    book = tmp_path / "three.csv"
    book.write_text(f"account_id,invoices,tax\n{account(1)},3,failed\n")
    server = tenant(modes=GUARDED, book=book)
    told = project.run(project.spec(1, tenant="real"))
    ids = server.billing.of(1)
    assert len(ids) == 3
    assert told.line(1)["invoice_ids"] == ids
    assert [one["id"] for one in details(told)] == ids
    assert {one["tax_status"] for one in details(told)} == {"Error"}
    assert findings(told) == {Code.TAX_FAILED: 3}
    assert told.code == 0


@pytest.mark.parametrize(
    "before",
    [fault("throttled", retry_after="1"), fault("unauthorized"), fault("locked")],
    ids=["throttled", "unauthorized", "locked"],
)
def test_all_invoices_of_a_call_that_was_turned_away_first(
    project: Project, tenant: Start, tmp_path: Any, before: Any
) -> None:
    """What is proved to have billed nothing makes no second bill of what one call has made."""
    book = tmp_path / "two.csv"
    book.write_text(f"account_id,invoices\n{account(1)},2\n")
    server = tenant(modes=GUARDED, book=book, faults=(Scheduled(before, at=1),))
    told = project.run(project.spec(1, tenant="real"))
    assert told.line(1)["attempts"] == 2
    assert told.line(1)["invoice_ids"] == server.billing.of(1)
    assert len(details(told)) == 2
    assert findings(told) == {}


def test_all_invoices_of_a_revision(project: Project, tenant: Start, tmp_path: Any) -> None:
    """They are its own, and those of the lower one, which are still there, are not."""
    book = tmp_path / "two.csv"
    book.write_text(f"account_id,invoices\n{account(1)},2\n")
    server = tenant(book=book)
    project.run(project.spec(1, tenant="real"))
    first = server.billing.of(1)
    again = {"id": 1, "revision": 2, "reason": "billed anew"}
    told = project.run(project.spec(again, tenant="real"))
    assert told.line(1)["invoice_ids"] == [one for one in server.billing.of(1) if one not in first]
    assert len(details(told)) == 2
    assert findings(told) == {}


def test_what_is_not_proved_is_not_claimed(project: Project, tenant: Start) -> None:
    """Somebody's invoice beside ours is told, and stands in no line."""
    billed = fault("billed_by_others", turn="after")
    server = tenant(faults=(Scheduled(billed, at=1),))
    told = project.run(project.spec(1, tenant="real"))
    assert len(server.billing.of(1)) == 2
    assert len(told.line(1)["invoice_ids"]) == len(details(told)) == 1
    assert findings(told) == {Code.DUPLICATE: 1}
    assert told.result.exit_code is ExitCode.FAILURES


def test_a_wave_is_a_question(project: Project, tenant: Start) -> None:
    """A hundred accounts are read back by one question, the rest at the end by another."""
    server = tenant()
    told = project.run(project.spec(*range(1, 121), tenant="real"))
    texts = [one.content or b"" for one in server.billing.exchanges(QUERY)]
    mine = [text for text in texts if b"TaxStatus" in text]
    assert [text.count(b"AccountId =") for text in mine] == [100, 20]
    assert told.result.read_back is not None
    assert told.result.read_back.questions == 2
    assert told.result.asked == len(texts)
    assert all(len(line["invoices"]) == 1 for line in told.lines)


@pytest.mark.parametrize(
    "trouble",
    [fault("query_fault", code="INVALID_TYPE"), fault("reset"), fault("invalid_json")],
    ids=["refused", "reset", "unreadable"],
)
def test_a_failing_read_back_changes_nothing(project: Project, tenant: Start, trouble: Any) -> None:
    """The outcomes stand, the run ends as it would have, and it is said."""
    server = tenant(faults=(Scheduled(trouble, every=1, action="query", skip=1),))
    told = project.run(project.spec(1, 2, tenant="real"))
    assert (told.code, told.outcomes) == (0, {"invoiced": 2})
    assert [line["invoices"] for line in told.lines] == [None, None]
    assert [len(line["invoice_ids"]) for line in told.lines] == [1, 1]
    assert told.result.read_back is not None
    assert told.result.read_back.unread == 2
    assert told.result.amounts == (Amount(None, 2, None, untold=2),)
    assert len(server.billing.exchanges(GENERATE)) == 2


def test_a_ledger_that_fails_while_it_takes_what_was_read_back(
    project: Project, tenant: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outcomes stand; screen and run record say why it ends with 3, and what was not kept."""
    tenant()

    def full(store: Store, records: object, now: object) -> None:
        raise LedgerFailure("the ledger cannot be written: the disk is full")

    monkeypatch.setattr(Store, "detail", full)
    result = run(RunOptions(project.spec(1, 2, tenant="real")), Watch())
    assert (result.exit_code, result.totals[Outcome.INVOICED]) == (ExitCode.UNKNOWN, 2)
    assert result.stop == "the ledger cannot be written: the disk is full"
    assert json.loads(result.run_record.read_text("utf-8"))["stop"] == result.stop
    lines = [json.loads(line) for line in result.report.read_text("utf-8").splitlines()]
    assert [line["invoices"] for line in lines] == [None, None]
    assert result.read_back is not None
    assert result.read_back.unread == 2


@pytest.mark.parametrize("temporary", list(Temporary))
def test_what_is_still_being_generated(
    project: Project, tenant: Start, temporary: Temporary
) -> None:
    """It is told as it was last seen once its time is over; one beside it is none.

    Under a number that is not its own yet it counts all the same, for an amount that is not known.
    """
    tenant(modes=Modes(generating=600.0, temporary=temporary))
    spec = project.spec(1, tenant="real")
    told = project.run(spec, read_back=0.0)
    (invoice,) = details(told)
    assert invoice["status"] == "Generating"
    assert findings(told) == {Code.GENERATING: 1}
    assert told.outcomes == {"invoiced": 1}
    own = temporary is Temporary.OWN
    amount = Amount("USD", 1, None, untold=1) if own else Amount("USD", 1, invoice["amount"])
    assert told.result.amounts == (amount,)
    for report in (told, project.run(spec)):
        lines = list(read_lines(report.result.report))
        assert totals(lines) == (Total(Outcome.INVOICED, amount),)
        assert worth(lines[0]) == (amount,)


def test_an_invoice_that_the_tenant_does_not_show(project: Project, tenant: Start) -> None:
    """Its ID stands in the line, with nothing else of it, and it is said."""
    tenant(modes=Modes(read_lag=600.0))
    told = project.run(project.spec(1, tenant="real"), read_back=0.0)
    (line,) = details(told)
    assert (line["status"], line["amount"]) == (None, None)
    assert line["id"] == told.line(1)["invoice_id"]
    assert findings(told) == {Code.NOT_SHOWN: 1}


def test_a_stage_is_read_back_before_anybody_looks_at_it(
    project: Project, tenant: Start, tmp_path: Any
) -> None:
    """What a person should look at is said of the stage that has it, though the run ends there."""
    book = tmp_path / "taxes.csv"
    book.write_text(f"account_id,tax\n{account(1)},failed\n{account(2)},\n{account(3)},\n")
    tenant(book=book)
    spec = project.spec(1, 2, 3, tenant="real", stages=[2, "rest"])
    looks = Looks(deque())
    told = project.run(spec, gate=looks)
    assert (told.code, told.outcomes) == (4, {"invoiced": 2, "not_attempted": 1})
    assert findings(told) == {Code.TAX_FAILED: 1}
    assert [len(details(told, number)) for number in (1, 2)] == [1, 1]
    (seen,) = looks.seen
    assert seen == Seen(agreed=1, findings={"tax_failed": 1}, amounts=told.result.amounts)
    assert findings(project.run(spec)) == {}


@pytest.mark.parametrize(
    ("lag", "told"),
    [
        (0.0, [Seen(agreed=1), Seen(agreed=2)]),
        (600.0, [Seen(findings={"not_shown": 1}, open=1), Seen(findings={"not_shown": 3}, open=3)]),
    ],
)
def test_each_look_is_told_of_its_own_stage(
    project: Project, tenant: Start, lag: float, told: list[Seen]
) -> None:
    """What was told of an earlier one is not told again, and what is open still is."""
    tenant(modes=Modes(read_lag=lag))
    looks = Looks(deque([Choice.CONFIRM, Choice.CONFIRM]), seconds=0.0)
    spec = project.spec(1, 2, 3, 4, tenant="real", stages=[1, 2, "rest"])
    project.run(spec, gate=looks, read_back=0.0)
    assert [replace(one, amounts=()) for one in looks.seen] == told
    invoices = [sum(some.invoices for some in one.amounts) for one in looks.seen]
    assert invoices == [one.agreed for one in told]


def test_so_many_unfinished_ones_are_asked_about_again(
    project: Project, tenant: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond these they are told as they were first seen: a run of a million keeps no million."""
    monkeypatch.setattr(readback, "MOST_UNFINISHED", 2)
    server = tenant(modes=Modes(read_lag=600.0))
    told = project.run(project.spec(*range(1, 6), tenant="real"), read_back=0.0)
    assert [len(line["invoices"]) for line in told.lines] == [1] * 5
    assert findings(told) == {Code.NOT_SHOWN: 5}
    texts = [one.content or b"" for one in server.billing.exchanges(QUERY)]
    again = [text for text in texts if b"TaxStatus" in text and b"TargetDate =" not in text]
    assert {text.count(b"AccountId =") for text in again} == {2}


def test_what_is_not_finished_is_waited_for(project: Project, tenant: Start) -> None:
    """A short lag at the end of a run is waited out."""
    tenant(modes=Modes(read_lag=0.5))
    told = project.run(project.spec(1, tenant="real"), read_back=1.0)
    assert [one["status"] for one in details(told)] == ["Draft"]
    assert findings(told) == {}


def test_charges_appended_to_a_draft(project: Project, tenant: Start) -> None:
    """The invoice was there before, which the line says."""
    server = tenant(modes=Modes(drafts=Drafts.APPENDED))
    server.billing.by_hand(1, "2026-10-31", source="API", at=1_790_000_000.0)
    told = project.run(project.spec(1, tenant="real"))
    assert [one["appended"] for one in details(told)] == [True]
    assert findings(told) == {}


def test_charges_appended_to_more_drafts_than_a_question_holds(
    project: Project, tenant: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger knows which drafts were there: however many they are, they are looked for."""
    monkeypatch.setattr(readback, "BRANCHES", 2)
    server = tenant(modes=Modes(drafts=Drafts.APPENDED))
    for number in (1, 2, 3):
        server.billing.by_hand(number, "2026-10-31", source="API", at=1_790_000_000.0)
    told = project.run(project.spec(1, 2, 3, tenant="real"), read_back=0.0)
    assert [one["appended"] for line in told.lines for one in line["invoices"]] == [True] * 3
    assert findings(told) == {}


def test_many_invoices_that_the_tenant_does_not_show(
    project: Project, tenant: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing tells of a draft, no account is looked into as a whole."""
    monkeypatch.setattr(readback, "BRANCHES", 2)
    tenant(modes=Modes(read_lag=600.0))
    told = project.run(project.spec(1, 2, 3, tenant="real"), read_back=0.0)
    assert findings(told) == {Code.NOT_SHOWN: 3}
    assert told.result.read_back is not None
    assert told.result.read_back.questions == 2


def test_charges_appended_to_the_draft_of_an_earlier_date(project: Project, tenant: Start) -> None:
    """A date of the same run has made the draft: the line says so, and nothing has changed."""
    tenant(modes=Modes(drafts=Drafts.APPENDED))
    dates = [{"target_date": "2026-10-31"}, {"target_date": "2026-11-30"}]
    told = project.run(project.spec(1, tenant="real", dates=dates))
    appended = [one["appended"] for line in told.lines for one in line["invoices"]]
    assert appended == [False, True]
    assert findings(told) == {}
    (total,) = totals(read_lines(told.result.report))
    assert told.result.amounts == (total.amount,)
    assert (total.amount.invoices, total.amount.appended) == (1, 0)


def test_an_invoice_of_two_dates_comes_to_what_the_later_call_has_left(
    project: Project, tenant: Start
) -> None:
    """Seen with the first date alone and then with both, it counts once and as a whole."""
    server = tenant(modes=Modes(drafts=Drafts.APPENDED))
    dates = [{"target_date": "2026-10-31"}, {"target_date": "2026-11-30"}]
    looks = Looks(deque([Choice.CONTINUE]), seconds=0.0)
    spec = project.spec(1, tenant="real", dates=dates, stages=[1, "rest"])
    told = project.run(spec, gate=looks)
    (invoice,) = server.billing.invoices
    whole = Amount("USD", 1, f"{invoice.cents // 100}.{invoice.cents % 100:02}")
    assert told.result.amounts == (whole,)
    assert [total.amount for total in totals(read_lines(told.result.report))] == [whole]
    (seen,) = looks.seen
    assert [one.text for one in seen.amounts] == [told.lines[0]["invoices"][0]["amount"]]
    assert seen.amounts != (whole,)


@pytest.mark.parametrize("finished", [NOON + timedelta(hours=1), None])
def test_a_total_takes_an_invoice_as_the_later_call_has_left_it(finished: datetime | None) -> None:
    """The lines of a report follow the plan: which was later their times tell; some had no call."""
    seen = Detail("a" * 32, "INV1", "Draft", "250.00", "250.00", "EUR", appended=True)
    before = replace(seen, amount="100.00", balance="100.00", appended=False)
    lines = [
        line_of(a_record(item(1, 10), invoices=(seen,), finished_at=finished), "run"),
        line_of(a_record(item(1, 20), invoices=(before,), finished_at=NOON), "run"),
    ]
    amount = Amount("EUR", 1, "250.00" if finished else "100.00")
    assert totals(lines) == totals(reversed(lines)) == (Total(Outcome.INVOICED, amount),)


def test_an_invoice_that_is_canceled_meanwhile_is_counted_out_again() -> None:
    """What it came to when it was seen first is nothing that was billed."""
    purse, seen = Purse(), Detail("a" * 32, "INV1", "Draft", "250.00", currency="EUR")
    purse.put((seen, Detail("b" * 32, "INV2", "Draft", currency="EUR")))
    assert purse.amounts == (Amount("EUR", 2, "250.00", untold=1),)
    purse.put((replace(seen, status="Canceled"),))
    assert purse.amounts == (Amount("EUR", 1, None, untold=1),)


def test_a_look_finds_charges_that_were_appended_to_the_draft_of_an_earlier_date(
    project: Project, tenant: Start
) -> None:
    """They are in no invoice of their own date: nobody is told at the look that one is missing."""
    tenant(modes=Modes(drafts=Drafts.APPENDED))
    dates = [{"target_date": "2026-10-31"}, {"target_date": "2026-11-30"}]
    looks = Looks(deque([Choice.CONFIRM, Choice.CONFIRM]), seconds=0.0)
    spec = project.spec(1, 2, 3, tenant="real", dates=dates, stages=[1, 4, "rest"])
    told = project.run(spec, gate=looks)
    assert [replace(one, amounts=()) for one in looks.seen] == [Seen(agreed=1), Seen(agreed=4)]
    assert findings(told) == {}


def test_an_invoice_that_others_made(project: Project, tenant: Start) -> None:
    """What was there already is told of as well, whoever made it."""
    server = tenant()
    server.billing.by_hand(1)
    told = project.run(project.spec(1, tenant="real"))
    assert told.outcomes == {"already_invoiced": 1}
    assert [one["id"] for one in details(told)] == server.billing.of(1)
