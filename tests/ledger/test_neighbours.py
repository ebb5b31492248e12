"""A write or a reading is for one item and one run alone: its neighbours are neither hit nor seen.

Neighbours are other dates, revisions and accounts, other keys, other runs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from support.engine import item
from support.plans import (
    NOON,
    PROBLEM,
    a_call,
    a_plan,
    a_record,
    a_run_id,
    a_send,
    an_attempt,
    left,
    settled,
)
from support.standing import standing
from zbatch.errors import LedgerFailure
from zbatch.ledger.store import LEDGER_FILE, Store, open_store
from zbatch.model import (
    Baseline,
    Effect,
    ExitCode,
    Finding,
    IfAbsent,
    Item,
    KeyState,
    Outcome,
    Settling,
)

RUN = "20261130T120000Z-0000"
A = "a" * 32


def revision(one: Item, number: int) -> Item:
    return replace(one, identity=replace(one.identity, revision=number))


ONE = item(1, 20)
NEIGHBOURS = (item(1, 10), item(1, 30), revision(ONE, 2), item(2, 20))


@pytest.fixture
def crowd(store: Store) -> Store:
    """Give a ledger that holds an item and its neighbours."""
    store.start_run(a_run_id(), a_plan([ONE, *NEIGHBOURS]), NOON)
    return store


@pytest.fixture
def raw(tmp_path: Path, crowd: Store) -> Iterator[sqlite3.Connection]:
    """Give the ledger's file opened behind its back."""
    with closing(sqlite3.connect(tmp_path / LEDGER_FILE, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection


def send(store: Store, one: Item, generation: int = 0) -> None:
    store.begin(RUN, [a_send(a_call(one, generation=generation))], NOON)


def settle(
    store: Store, one: Item, outcome: Outcome | None, generation: int = 0, **fields: object
) -> None:
    """Send an item and settle its key, with this outcome or with none."""
    send(store, one, generation)
    call = a_call(one, generation=generation)
    record = a_record(one, outcome, **fields) if outcome else None
    effect = Effect(KeyState.SETTLED, "row", record)
    store.finish(RUN, [replace(settled(call, None), effects=(effect,))], NOON)


# Writes


def test_an_outcome_is_written_to_its_item_alone(crowd: Store) -> None:
    """The others have none."""
    settle(crowd, ONE, Outcome.INVOICED)
    assert standing(crowd, ONE).record is not None
    assert [standing(crowd, one).record for one in NEIGHBOURS] == [None] * 4


def test_a_baseline_and_a_rest_are_written_to_their_item_alone(crowd: Store) -> None:
    """What was there for one date says nothing of another."""
    finding = Finding(ONE, baseline=Baseline(NOON, (A,), ()), rests_until=NOON)
    crowd.finish(RUN, [], NOON, [finding])
    held = standing(crowd, ONE).trail
    assert (held.baseline, held.rests_until) == (finding.baseline, NOON)
    for one in NEIGHBOURS:
        assert standing(crowd, one).trail.baseline is None
        assert standing(crowd, one).trail.rests_until is None


def test_an_item_is_opened_again_alone(crowd: Store) -> None:
    """L21: the others that were already invoiced stay so."""
    for one in (ONE, *NEIGHBOURS):
        effect = Effect(KeyState.SETTLED, "question", a_record(one, Outcome.ALREADY_INVOICED))
        crowd.finish(RUN, [], NOON, [Finding(one, effect=effect)])
    crowd.finish(RUN, [], NOON, [Finding(ONE, reopen=True)])
    assert standing(crowd, ONE).record is None
    assert all(standing(crowd, one).record for one in NEIGHBOURS)


def test_a_new_key_opens_its_item_alone(crowd: Store) -> None:
    """What failed beside it stays failed."""
    for one in (ONE, *NEIGHBOURS):
        settle(crowd, one, Outcome.FAILED)
    send(crowd, ONE, generation=1)
    assert standing(crowd, ONE).record is None
    assert all(standing(crowd, one).record for one in NEIGHBOURS)


def test_an_item_that_is_tried_again_keeps_no_trace_of_its_failure(
    crowd: Store, raw: sqlite3.Connection
) -> None:
    """Whoever reads the table sees no error beside an item that has no outcome."""
    query = "SELECT outcome, error_code, error_message FROM item WHERE account_id = ?"
    one, other = item(2, 20), item(3, 30)
    settle(crowd, one, Outcome.FAILED)
    send(crowd, one, generation=1)
    assert raw.execute(query, (one.identity.account_id,)).fetchone() == (None, None, None)
    crowd.start_run(a_run_id(), a_plan([other]), NOON)
    found = a_record(other, Outcome.ALREADY_INVOICED, error=PROBLEM)
    crowd.finish(RUN, [], NOON, [Finding(other, effect=Effect(KeyState.SETTLED, "q", found))])
    crowd.finish(RUN, [], NOON, [Finding(other, reopen=True)])
    assert raw.execute(query, (other.identity.account_id,)).fetchone() == (None, None, None)
    assert standing(crowd, revision(other, 2)).trail.credited == frozenset()


def test_a_settled_key_is_not_settled_again(crowd: Store) -> None:
    """R1: the evidence that let the next key go is never replaced."""
    settle(crowd, ONE, None)
    with pytest.raises(LedgerFailure):
        crowd.finish(RUN, [settled(a_call(ONE), Outcome.FAILED)], NOON)


def test_a_run_ends_alone(crowd: Store, raw: sqlite3.Connection) -> None:
    """The runs beside it are still seen as killed."""
    crowd.finish_run(RUN, ExitCode.OK, NOON)
    ended = raw.execute("SELECT id FROM run WHERE finished_at IS NOT NULL").fetchall()
    assert ended == [(RUN,)]


# Readings


def test_sends_that_never_left_are_not_counted(crowd: Store) -> None:
    """The report's count of attempts is that of the sends."""
    call = a_call(ONE)
    crowd.begin(RUN, [a_send(call), a_send(call, 2)], NOON)
    unsent = an_attempt(answer="unsent", sent=False, finished_at=NOON)
    crowd.finish(RUN, [replace(left(call, KeyState.LIVE), attempt=unsent)], NOON)
    assert standing(crowd, ONE).attempts == 1


def test_only_later_invoices_of_the_account_make_up_for_a_failure(crowd: Store) -> None:
    """R10: neither an earlier date nor another account has billed what failed."""
    settle(crowd, ONE, Outcome.FAILED)
    settle(crowd, item(1, 10), Outcome.INVOICED)
    settle(crowd, item(2, 20), Outcome.INVOICED)
    assert [earlier.item for earlier in standing(crowd, item(1, 30)).earlier] == [ONE]


def test_keys_of_one_date_hold_back_no_account_but_its_own(crowd: Store) -> None:
    """R10: what is open elsewhere, or settled here, holds nothing back."""
    send(crowd, item(2, 20))
    settle(crowd, item(1, 10), Outcome.NOTHING_TO_BILL)
    assert standing(crowd, item(1, 30)).earlier == ()
    assert [held.item for held in crowd.unsettled()] == [item(2, 20)]


@pytest.mark.parametrize("end", [Outcome.FAILED, Outcome.NOTHING_TO_BILL])
def test_a_revision_that_billed_nothing_has_made_no_invoice(crowd: Store, end: Outcome) -> None:
    """R9b: what is there of its time is somebody else's, and holds the higher one back."""
    settle(crowd, ONE, end)
    assert standing(crowd, revision(ONE, 2)).trail.lower_took is None
    send(crowd, ONE, generation=1)
    assert standing(crowd, revision(ONE, 2)).trail.lower_took is None


def test_the_runs_that_sent_what_is_in_doubt_are_named(tmp_path: Path) -> None:
    """The latest first; one whose items are all settled is not among them."""
    with closing(open_store(tmp_path)) as store:
        assert store.runs_of_unsettled() == ()
        runs = []
        for number in (1, 2, 3):
            one, run = item(number), a_run_id()
            store.start_run(run, a_plan([one]), NOON + timedelta(hours=number))
            store.begin(run, [a_send(a_call(one))], NOON)
            runs.append(run)
        store.finish(runs[1], [settled(a_call(item(2)), Outcome.INVOICED)], NOON)
        assert store.runs_of_unsettled() == (runs[2], runs[0])


def test_a_key_rests_as_its_own_runs_wanted(tmp_path: Path) -> None:
    """R6: what another call rests does not matter."""
    with closing(open_store(tmp_path)) as store:
        for one, rest in ((item(1), 60.0), (item(2), 7200.0)):
            plan = a_plan([one])
            run = a_run_id()
            settling = replace(plan, spec=replace(plan.spec, settling=Settling(rest)))
            store.start_run(run, settling, NOON)
            store.begin(run, [a_send(a_call(one))], NOON)
        held = [one.call.settle for one in store.unsettled() if one.call]
        assert held == [60.0, 7200.0]


def test_only_keys_renewed_by_question_count_as_renewals(crowd: Store) -> None:
    """R9b: neither those of a neighbour, nor one still burnt, nor one that a row has renewed."""
    for one in (item(1, 10), ONE):
        call = a_call(one)
        send(crowd, one)
        crowd.finish(RUN, [left(call, KeyState.BURNT)], NOON)
    effect = Effect(KeyState.SETTLED, "question", if_absent=IfAbsent.RENEW)
    crowd.finish(RUN, [], NOON, [Finding(item(1, 10), key=a_call(item(1, 10)).key, effect=effect)])
    settle(crowd, item(1, 30), None)
    renewals = [standing(crowd, one).trail.renewals for one in (item(1, 10), ONE, item(1, 30))]
    assert renewals == [1, 0, 0]


# What SQLite itself refuses, whoever writes


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("UPDATE item SET account_id = 'short' WHERE id = 1", "CHECK"),
        ("UPDATE item SET revision = 0 WHERE id = 1", "CHECK"),
        ("UPDATE item SET settled_by = 'no-such-run'", "FOREIGN KEY"),
        ("UPDATE call SET generation = -1", "CHECK"),
        ("INSERT INTO call (key, generation, wire) SELECT key, 7, wire FROM call", "UNIQUE"),
        ("UPDATE call_item SET state = 'sent', evidence = 'odd'", "CHECK"),
        ("UPDATE call_item SET if_absent = 'odd'", "CHECK"),
        ("UPDATE call_item SET item_id = 999", "FOREIGN KEY"),
        ("UPDATE call_item SET call_id = 999", "FOREIGN KEY"),
        ("UPDATE attempt SET call_id = 999", "FOREIGN KEY"),
        ("UPDATE attempt SET run_id = 'no-such-run'", "FOREIGN KEY"),
        ("UPDATE run_item SET run_id = 'no-such-run' WHERE item_id = 1", "FOREIGN KEY"),
        ("UPDATE run_item SET item_id = 999 WHERE item_id = 1", "FOREIGN KEY"),
    ],
)
def test_no_program_can_write_what_makes_no_sense(
    crowd: Store, raw: sqlite3.Connection, statement: str, refusal: str
) -> None:
    """Every row belongs to what it names, and words are those that zbatch knows."""
    send(crowd, ONE)
    with pytest.raises(sqlite3.IntegrityError, match=f"{refusal} constraint failed"):
        raw.execute(statement)
