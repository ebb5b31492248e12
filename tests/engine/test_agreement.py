"""Ledger and tenant held against each other, item by item: every difference, and no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from support.engine import START, item
from zbatch.engine.agreement import (
    CLOCKS,
    TAX_FAILURES,
    Agreement,
    Code,
    LedgerEntry,
    compare,
)
from zbatch.engine.question import COUNTS, GRAIN, NEVER_COUNTS, ONE_CALL
from zbatch.model import Detail, Invoice, Outcome

ITEM = item(1).identity
A, B, C = "a" * 32, "b" * 32, "c" * 32
LATER = START + timedelta(seconds=10)
OURS = LedgerEntry(ITEM, Outcome.INVOICED, (A,), sends=1, started_at=START, finished_at=LATER)
THEIRS = LedgerEntry(ITEM, Outcome.ALREADY_INVOICED, (A,))


def an_invoice(invoice_id: str = A, **fields: object) -> Invoice:
    """Make an invoice of the item that nothing is to be said of."""
    values: dict[str, object] = {
        "status": "Draft",
        "target_date": ITEM.target_date,
        "amount": "10.00",
        "created_at": START,
        "source": "API",
        **fields,
    }
    return Invoice(invoice_id, ITEM.account_id, **values)  # type: ignore[arg-type] # by name


def compared(entry: LedgerEntry, *invoices: Invoice) -> Agreement:
    """Compare what is held with what is shown."""
    return compare(entry, {one.id: one for one in invoices})


def codes(entry: LedgerEntry, *invoices: Invoice) -> list[Code]:
    """Name what differs."""
    return [one.code for one in compared(entry, *invoices).differences]


@pytest.mark.parametrize("status", sorted(COUNTS))
@pytest.mark.parametrize("entry", [OURS, THEIRS], ids=["ours", "theirs"])
def test_what_is_there_agrees(entry: LedgerEntry, status: str) -> None:
    """An invoice that counts, whoever made it, is what the ledger says."""
    found = compared(entry, an_invoice(status=status))
    assert (found.differences, [one.id for one in found.invoices]) == ((), [A])
    assert set(found.shown) == {A}
    assert not found.may_pass


@pytest.mark.parametrize("outcome", [Outcome.NOTHING_TO_BILL, Outcome.FAILED, Outcome.UNKNOWN])
def test_nothing_is_there_where_nothing_was_billed(outcome: Outcome) -> None:
    """A failure without an invoice is no difference: the ledger says so; doubt is told apart."""
    assert codes(LedgerEntry(ITEM, outcome)) == []
    assert codes(LedgerEntry(ITEM, outcome), an_invoice(status="Canceled")) == []


def test_an_item_that_nobody_has_billed_is_missing() -> None:
    """What was never sent and is not there bills nobody; what is there is not in the ledger."""
    assert codes(LedgerEntry(ITEM, None)) == [Code.MISSING]
    (told,) = compared(LedgerEntry(ITEM, None), an_invoice()).differences
    assert (told.code, told.invoice_ids) == (Code.UNRECORDED, (A,))
    assert told.message == f"invoice {A} is there, and the ledger knows nothing of it"


@pytest.mark.parametrize("outcome", [Outcome.NOTHING_TO_BILL, Outcome.FAILED, Outcome.UNKNOWN])
def test_an_invoice_that_the_ledger_does_not_know(outcome: Outcome) -> None:
    """One is not in the ledger; two are a duplicate, whoever made them."""
    assert codes(LedgerEntry(ITEM, outcome), an_invoice()) == [Code.UNRECORDED]
    found = compared(LedgerEntry(ITEM, outcome), an_invoice(), an_invoice(B))
    (duplicate,) = found.differences
    assert (duplicate.code, duplicate.invoice_ids) == (Code.DUPLICATE, (A, B))
    doubted = outcome is Outcome.UNKNOWN  # then one of them may be zbatch's own
    assert ("zbatch made none of them" in duplicate.message) is not doubted
    assert ("the item is in doubt" in duplicate.message) is doubted
    (told,) = compared(LedgerEntry(ITEM, Outcome.UNKNOWN), an_invoice()).differences
    assert "zbatch reconcile" in told.message


def test_an_invoice_that_is_not_shown() -> None:
    """A returned ID that the tenant does not show is told, and asked for again."""
    found = compared(OURS)
    assert [one.code for one in found.differences] == [Code.NOT_SHOWN]
    assert found.may_pass
    shown = replace(OURS, seen={A: Detail(A, status="Draft")})
    assert not compared(shown).may_pass
    assert compared(replace(OURS, seen={A: Detail(A)})).may_pass
    late = replace(shown, invoice_ids=(A, B))
    assert compared(late).may_pass
    assert compared(late, an_invoice(B, status="Generating")).may_pass
    another = compared(OURS, an_invoice(B))
    assert [one.code for one in another.differences] == [Code.NOT_SHOWN, Code.UNRECORDED]


@pytest.mark.parametrize("status", sorted(NEVER_COUNTS))
def test_an_invoice_that_bills_nothing_any_more(status: str) -> None:
    """What was canceled since, or is in error, bills nobody; its money is not looked at."""
    (told,) = compared(OURS, an_invoice(status=status, amount="0", tax_status="Error")).differences
    assert (told.code, told.invoice_ids) == (Code.CANCELED, (A,))
    assert told.message == f"invoice {A} is {status} and bills nothing"


def test_an_invoice_that_is_not_finished() -> None:
    """It is waited for, whether by its status or by its number, and its amount is not judged."""
    for one in (an_invoice(status="Generating", amount="0"), an_invoice(number="TMP-1")):
        found = compared(OURS, one)
        (told,) = found.differences
        assert (told.code, told.invoice_ids) == (Code.GENERATING, (A,))
        named = "TMP-1 " if one.number else ""
        assert told.message.startswith(f"invoice {named}")
        assert A in told.message
        assert told.message.endswith(" is still being generated")
        assert found.may_pass


def test_a_status_that_we_do_not_know() -> None:
    """It is told, never taken for anything."""
    (told,) = compared(OURS, an_invoice(status="Simmering")).differences
    assert (told.code, told.invoice_ids) == (Code.STATUS_UNKNOWN, (A,))
    assert told.message == f"invoice {A} has the status 'Simmering', which zbatch does not know"


def test_tax_and_amounts() -> None:
    """A tax that failed and an amount of zero are told; where nothing is told, nothing is."""
    failed = compared(OURS, an_invoice(tax_status="Error", tax_message="no engine", number="I1"))
    (told,) = failed.differences
    assert told.code is Code.TAX_FAILED
    assert told.message == f"the tax of invoice I1 ({A}) has failed: no engine"
    assert codes(OURS, an_invoice(tax_status="Error")) == [Code.TAX_FAILED]
    for amount in ("0", "0.00", "-0.0", "0E-2"):
        (nothing,) = compared(OURS, an_invoice(amount=amount)).differences
        assert (nothing.code, nothing.invoice_ids) == (Code.ZERO_AMOUNT, (A,))
    for other in (None, "-5.10", "1E-9"):
        assert codes(OURS, an_invoice(amount=other)) == []


@pytest.mark.parametrize("status", sorted(TAX_FAILURES - {"Error"}))
def test_each_way_in_which_a_tax_can_fail(status: str) -> None:
    """Zuora has a word for each kind of trouble; all of them leave the invoice without its tax."""
    (told,) = compared(OURS, an_invoice(tax_status=status, number="I1")).differences
    assert told.code is Code.TAX_FAILED
    assert told.message == f"the tax of invoice I1 ({A}) has failed as {status}"


def test_a_tax_that_is_complete_or_of_which_nothing_is_told() -> None:
    """Nothing is to be said; a status that we do not know is told, never taken for anything."""
    for status in ("Complete", None):
        assert codes(OURS, an_invoice(tax_status=status)) == []
    (told,) = compared(OURS, an_invoice(tax_status="Simmering")).differences
    assert told.code is Code.TAX_FAILED
    assert "has the status 'Simmering', which zbatch does not know" in told.message


def test_the_money_of_others_is_not_the_items() -> None:
    """An invoice that is credited to nobody is told once, whatever it comes to."""
    odd = an_invoice(B, source="BillRun", amount="0", tax_status="Error")
    assert codes(LedgerEntry(ITEM, Outcome.FAILED), odd) == [Code.UNRECORDED]
    assert codes(OURS, an_invoice(), odd) == [Code.DUPLICATE]


def test_an_own_invoice_that_bills_nothing_is_no_duplicate() -> None:
    """Ours was canceled and somebody has billed again: one bill, which the ledger does not know."""
    canceled, again = an_invoice(status="Canceled"), an_invoice(B, source="BillRun")
    assert codes(OURS, canceled, again) == [Code.CANCELED, Code.UNRECORDED]
    both = replace(THEIRS, invoice_ids=(A, B))
    assert codes(both, canceled, again) == [Code.CANCELED]


def test_what_others_made_claims_no_further_invoice() -> None:
    """Where the item was billed already, a second invoice is a duplicate, however close by."""
    theirs = replace(OURS, outcome=Outcome.ALREADY_INVOICED)
    found = compared(theirs, an_invoice(), an_invoice(B))
    assert [one.code for one in found.differences] == [Code.DUPLICATE]
    assert [one.id for one in found.invoices] == [A]


def test_a_second_invoice_beside_ours() -> None:
    """Two that count for one identity are a duplicate: ours or somebody's."""
    by_others = an_invoice(B, source="BillRun", number="I2")
    found = compared(OURS, an_invoice(), by_others)
    (duplicate,) = found.differences
    assert (duplicate.code, duplicate.invoice_ids) == (Code.DUPLICATE, (A, B))
    assert duplicate.message == f"2 invoices count for it: {A}, I2 ({B}); zbatch was told of 1"
    assert codes(THEIRS, an_invoice(), by_others) == [Code.DUPLICATE]
    both = replace(THEIRS, invoice_ids=(A, B))
    assert codes(both, an_invoice(), by_others) == [Code.DUPLICATE]


def test_invoices_of_one_call() -> None:
    """One call may make several and name the first: where it is proved, they are the item's own."""
    several = (an_invoice(), an_invoice(B), an_invoice(C))
    found = compared(OURS, *several)
    assert (found.differences, [one.id for one in found.invoices]) == ((), [A, B, C])


@pytest.mark.parametrize(
    ("entry", "second"),
    [
        (replace(OURS, sends=2), {}),
        (replace(OURS, sends=0), {}),
        (replace(OURS, started_at=None), {}),
        (replace(OURS, finished_at=None), {}),
        (OURS, {"source": "BillRun"}),
        (OURS, {"source": None}),
        (OURS, {"created_at": None}),
        (OURS, {"created_at": LATER + 2 * GRAIN}),
        (
            replace(OURS, finished_at=START + 2 * ONE_CALL),
            {"created_at": START + ONE_CALL + timedelta(seconds=1)},
        ),
    ],
    ids=range(9),
)
def test_invoices_of_which_it_is_not_proved(entry: LedgerEntry, second: dict[str, object]) -> None:
    """After two calls, of another author, or at another time: a second invoice is a duplicate."""
    assert codes(entry, an_invoice(), an_invoice(B, **second)) == [Code.DUPLICATE]


def test_a_persons_decision_proves_nothing_of_other_invoices() -> None:
    """Simulation, seed 601718: two hosts billed at once, and a person accepted one invoice."""
    assert codes(replace(OURS, decided=True), an_invoice(), an_invoice(B)) == [Code.DUPLICATE]


@pytest.mark.parametrize("source", ["BillRun", None])
def test_an_own_invoice_that_others_made_proves_nothing(source: str | None) -> None:
    """A person has accepted it, or it was appended to: the second one is not of its call."""
    assert codes(OURS, an_invoice(source=source), an_invoice(B)) == [Code.DUPLICATE]


SECOND = timedelta(seconds=1)
FIVE = timedelta(minutes=5)  # as far as clocks may be apart


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (START - FIVE, START - FIVE + 2 * SECOND),
        (LATER + FIVE - 2 * SECOND, LATER + FIVE),
        (START, LATER),
        (LATER + GRAIN, START),
    ],
)
def test_invoices_that_arose_together_while_a_call_ran(first: datetime, second: datetime) -> None:
    """As far apart as the call took, and by a clock that is off by as much as clocks may be."""
    pair = (an_invoice(created_at=first), an_invoice(B, created_at=second))
    assert codes(OURS, *pair) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (START - FIVE - SECOND, START - FIVE + SECOND),
        (LATER + FIVE + SECOND, LATER + FIVE - SECOND),
        (LATER + GRAIN + SECOND, START),
    ],
)
def test_invoices_of_which_one_is_out_of_a_calls_time(first: datetime, second: datetime) -> None:
    """What has one of them in its time has not made both: the second one is a duplicate."""
    for pair in ((first, second), (second, first)):
        several = [an_invoice(f"{n:032x}", created_at=at) for n, at in enumerate(pair)]
        held = replace(OURS, invoice_ids=(several[0].id,))
        assert codes(held, *several) == [Code.DUPLICATE]


@pytest.mark.parametrize("when", [START - 2 * CLOCKS, LATER + 2 * CLOCKS])
def test_invoices_that_arose_when_no_call_ran(when: object) -> None:
    """Both were made together, and not while we were sending."""
    pair = (an_invoice(created_at=when), an_invoice(B, created_at=when))
    assert codes(OURS, *pair) == [Code.DUPLICATE]


def test_a_key_that_was_forgotten_early() -> None:
    """The one case that no client prevents: two sends of one key have both been executed."""
    sent_twice = replace(OURS, sends=2)
    (told,) = compared(sent_twice, an_invoice(), an_invoice(B)).differences
    assert "it was sent 2 times, so that it may be billed twice" in told.message


def test_invoices_that_are_known() -> None:
    """What was there before, what is credited to others and what is of another date is no extra."""
    entry = replace(OURS, before=frozenset({B}), credited=frozenset({C}))
    other_day = an_invoice("d" * 32, target_date=date(2026, 10, 31))
    gone = an_invoice("e" * 32, status="Canceled")
    temporary = an_invoice("f" * 32, number="TMP-1")
    shown = (an_invoice(), an_invoice(B), an_invoice(C), other_day, gone, temporary)
    found = compared(entry, *shown)
    assert (found.differences, [one.id for one in found.invoices]) == ((), [A])


def test_an_invoice_of_another_date_is_ours_all_the_same() -> None:
    """Charges may be appended to an older draft, whose ID is what was returned."""
    appended = an_invoice(target_date=date(2026, 10, 31))
    found = compared(replace(OURS, drafts=frozenset({A})), appended)
    assert (found.differences, found.invoices) == ((), (appended,))


@pytest.mark.parametrize("entry", [OURS, THEIRS, replace(OURS, drafts=frozenset({B}))])
def test_an_invoice_of_another_date_that_was_no_draft_before(entry: LedgerEntry) -> None:
    """Nobody can tell that it bills what was asked for: a person looks, and it is added up."""
    for told, said in ((date(2026, 10, 31), "the target date 2026-10-31"), (None, "no date")):
        found = compared(entry, an_invoice(target_date=told))
        (difference,) = found.differences
        assert (difference.code, difference.invoice_ids) == (Code.CHANGED, (A,))
        assert difference.message == f"invoice {A} is for {said}"
        assert len(found.invoices) == 1


def test_another_invoice_date_than_was_asked_for() -> None:
    """The period that it is booked in is another one: a person looks, if zbatch has made it."""
    day, other = date(2026, 11, 30), date(2026, 12, 1)
    held = replace(OURS, invoice_date=day)
    (told,) = compared(held, an_invoice(invoice_date=other)).differences
    assert told.code is Code.CHANGED
    assert told.message == (
        f"invoice {A} has the invoice date 2026-12-01, and 2026-11-30 is asked for"
    )
    assert codes(held, an_invoice(invoice_date=day)) == []
    assert codes(held, an_invoice()) == []
    for silent in (
        OURS,
        replace(held, decided=True),
        replace(held, drafts=frozenset({A})),
        replace(THEIRS, invoice_date=day),
    ):
        assert codes(silent, an_invoice(invoice_date=other)) == []


def test_an_amount_that_has_changed_since() -> None:
    """What the run itself has seen of an invoice is held against what is there now."""
    then = {A: Detail(A, status="Draft", amount="10.00")}
    entry = replace(OURS, seen=then)
    assert codes(entry, an_invoice(amount="10")) == []
    (told,) = compared(entry, an_invoice(amount="12.5")).differences
    assert told.code is Code.CHANGED
    assert told.message.endswith("comes to 12.50, and to 10.00 when the run saw it")
    for one in (Detail(A), Detail(A, amount="x")):
        assert codes(replace(OURS, seen={A: one}), an_invoice()) == []
    assert codes(entry, an_invoice(amount=None)) == []
    assert codes(entry, an_invoice(amount="9.99")) == [Code.CHANGED]


def test_an_amount_that_another_date_has_raised() -> None:
    """Charges of a later date were appended, which a run has seen: what came then is new."""
    then = {A: Detail(A, status="Draft", amount="10.00")}
    raised = frozenset({(A, "15.00"), (B, "99.00"), (A, "x")})
    held = replace(OURS, seen=then, seen_for_others=raised)
    assert codes(held, an_invoice(amount="15")) == []
    assert codes(held, an_invoice(amount="99")) == [Code.CHANGED]


def test_each_invoice_is_held_against_what_was_seen_of_it() -> None:
    """Of several no amount is taken for that of another."""
    then = {A: Detail(A, amount="10.00"), B: Detail(B, amount="7.00")}
    held = replace(OURS, invoice_ids=(A, B), seen=then)
    assert codes(held, an_invoice(), an_invoice(B, amount="7.00")) == []
    (told,) = compared(held, an_invoice(), an_invoice(B, amount="10.00")).differences
    assert (told.code, told.invoice_ids) == (Code.CHANGED, (B,))


def test_an_invoice_that_was_seen_and_is_gone() -> None:
    """Then it is certain that it was deleted; one that was never shown may be late."""
    for then, words in (
        ({A: Detail(A, status="Draft")}, "deleted since the run, which saw it as Draft"),
        ({A: Detail(A)}, "or cannot be read yet"),
        ({}, "or cannot be read yet"),
    ):
        (told,) = compared(replace(OURS, seen=then)).differences
        assert (told.code, words in told.message) == (Code.NOT_SHOWN, True)


def test_an_item_that_is_not_alone() -> None:
    """Where lower revisions have invoices of their own, only its own is looked at."""
    entry = replace(OURS, alone=False)
    assert codes(entry, an_invoice(), an_invoice(B, source="BillRun")) == []
    assert codes(entry, an_invoice(B)) == [Code.NOT_SHOWN]
