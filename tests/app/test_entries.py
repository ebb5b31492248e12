"""What is held against the tenant: every field of the ledger that a comparison goes by."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from support.engine import START, item
from zbatch.app.entries import ledger_entry
from zbatch.engine.agreement import LedgerEntry
from zbatch.ledger.billed import Billed
from zbatch.model import Baseline, Detail, Draft, ItemRecord, Outcome, Problem, Standing, Trail

ONE = item(1)
A, B, C, D = "a" * 32, "b" * 32, "c" * 32, "d" * 32
BEFORE = Baseline(START, (C,), (Draft(D, "10.00", START),))
BILLED = Billed(frozenset({B}), 1, START)
RECORD = ItemRecord(
    ONE,
    Outcome.INVOICED,
    A,
    attempts=3,
    started_at=START,
    finished_at=START + timedelta(seconds=5),
)
STANDING = Standing(ONE, RECORD, None, 1, 3, payload_changed=False, trail=Trail(BEFORE))


def held(**fields: object) -> LedgerEntry:
    """Hold what the ledger has of an item that was invoiced, but for these fields of its record."""
    record = replace(RECORD, **fields)  # type: ignore[arg-type] # by name
    return ledger_entry(replace(STANDING, record=record), BILLED)


def test_an_item_that_was_invoiced() -> None:
    """Its times and invoices, what was there before, and how many sends may have billed it."""
    assert held() == LedgerEntry(
        ONE.identity,
        Outcome.INVOICED,
        (A,),
        before=frozenset({C}),
        credited=frozenset({B}),
        drafts=frozenset({D}),
        sends=1,
        started_at=START,
        finished_at=START + timedelta(seconds=5),
        invoice_date=ONE.invoice_date,
    )


def test_the_time_of_a_call_begins_with_the_first_send_that_may_have_billed() -> None:
    """What was turned away before it made nothing."""
    later = START + timedelta(seconds=3)
    found = ledger_entry(STANDING, replace(BILLED, since=later))
    assert (found.started_at, found.finished_at) == (later, START + timedelta(seconds=5))


def test_all_the_invoices_of_an_item() -> None:
    """Those that a question has found, the first of them being the one that it was told of."""
    assert held(invoice_ids=(A, B)).invoice_ids == (A, B)


def test_what_the_run_itself_has_seen() -> None:
    """By invoice, so that what has changed since can be told."""
    details = (Detail(A, amount="10.00"), Detail(B, amount="7.00"))
    assert held(invoice_ids=(A, B), invoices=details).seen == {A: details[0], B: details[1]}


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.NOTHING_TO_BILL])
def test_what_was_there_before_explains_nothing_where_nothing_was_billed(outcome: Outcome) -> None:
    """An invoice that the ledger does not know is told, though it was there before the call."""
    found = held(outcome=outcome, invoice_id=None)
    assert (found.outcome, found.invoice_ids, found.before) == (outcome, (), frozenset())


def test_what_others_billed_is_held_by_its_invoices_alone() -> None:
    """A second one that was there as well is no less a duplicate."""
    assert held(outcome=Outcome.ALREADY_INVOICED).before == frozenset()


def test_an_item_that_a_person_has_decided() -> None:
    """Its invoice may be of any date, and proves nothing of others."""
    found = held(error=Problem("ACCEPTED", "looked it up"))
    assert (found.decided, found.drafts) == (True, frozenset({A}))
    assert not held(error=Problem("LATE", "")).decided


def test_an_item_of_which_no_draft_was_noted() -> None:
    """Nobody can tell then whether its own invoice was an older draft."""
    found = ledger_entry(replace(STANDING, trail=Trail()), BILLED)
    assert (found.before, found.drafts) == (frozenset(), frozenset({A}))


def test_an_item_that_was_never_sent() -> None:
    """Nothing is held of it but what others of its account are credited with."""
    nothing = replace(STANDING, record=None, trail=Trail())
    assert ledger_entry(nothing, BILLED) == LedgerEntry(ONE.identity, None, credited=frozenset({B}))
