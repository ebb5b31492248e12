"""What a later run reads from the ledger alone: items as they were sent, rests, and times."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta, timezone
from pathlib import Path

import pytest

from support.engine import item
from support.plans import (
    NOON,
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
from zbatch.errors import CannotStart, LedgerFailure
from zbatch.ledger import rows
from zbatch.ledger.store import LEDGER_FILE, Store, open_store
from zbatch.model import (
    Charges,
    Effect,
    Finding,
    Item,
    KeyState,
    Outcome,
    Plan,
    Result,
    Send,
    Settling,
    Source,
)

RUN = "20261130T120000Z-0000"
HOUR = timedelta(hours=1)
FULL = replace(
    item(7, 15),
    identity=replace(item(7, 15).identity, revision=2),
    invoice_date=date(2026, 12, 24),
    charges=Charges(one_time=False, recurring=True, usage=False),
    source=Source("accounts/emea.csv", 17, 4),
    reason="early termination",
    account_number="A00991201",
)


def revision(one: Item, number: int) -> Item:
    return replace(one, identity=replace(one.identity, revision=number))


def in_doubt(store: Store, one: Item, state: KeyState = KeyState.BURNT, run: str = RUN) -> None:
    call = a_call(one)
    store.begin(run, [a_send(call)], NOON)
    store.finish(run, [left(call, state)], NOON)


def plan_with(settle: float, *items: Item) -> Plan:
    plan = a_plan(items)
    return replace(plan, spec=replace(plan.spec, settling=Settling(settle)))


# Items


@pytest.mark.parametrize("charge", ["one_time", "recurring", "usage"])
def test_an_item_in_doubt_is_read_back_whole(store: Store, charge: str) -> None:
    """R14: a run whose spec does not list it knows its payload, place and reason all the same."""
    charges = Charges(**{kind: kind == charge for kind in ("one_time", "recurring", "usage")})
    one = replace(FULL, charges=charges)
    store.start_run(a_run_id(), a_plan([one]), NOON)
    in_doubt(store, one)
    (held,) = store.unsettled()
    assert held.item == one
    assert held.call is not None
    assert held.call.call.items == (one,)


def test_an_earlier_item_is_read_back_whole(store: Store) -> None:
    """R10: what holds a later date back is named as it was planned."""
    store.start_run(a_run_id(), a_plan([FULL]), NOON)
    in_doubt(store, FULL)
    (earlier,) = standing(store, item(7, 30)).earlier
    assert (earlier.item, earlier.outcome) == (FULL, None)


# Rests


def test_a_rest_is_kept_until_its_very_moment(store: Store, items: list[Item]) -> None:
    """R12: what waits for somebody else's call waits as long in the next run."""
    until = NOON + HOUR + timedelta(microseconds=3)
    store.finish(RUN, [], NOON, [Finding(items[0], rests_until=until)])
    assert standing(store, items[0]).trail.rests_until == until
    assert standing(store, items[1]).trail.rests_until is None


def test_a_rest_of_an_item_that_no_run_planned_is_refused(store: Store) -> None:
    """What is noted belongs to something."""
    with pytest.raises(LedgerFailure):
        store.finish(RUN, [], NOON, [Finding(item(9), rests_until=NOON)])


def test_a_key_rests_as_long_as_any_run_that_sent_it_wanted(tmp_path: Path) -> None:
    """R6: another spec with a shorter rest does not cut it short."""
    one = item(1)
    call = a_call(one)
    with closing(open_store(tmp_path)) as store:
        for number, settle in enumerate((1800.0, 7200.0, 60.0), 1):
            run = a_run_id()
            store.start_run(run, plan_with(settle, one), NOON)
            store.begin(run, [a_send(call, number)], NOON)
        held = standing(store, one)
        assert held.call is not None
        assert held.call.settle == 7200.0


# Times


def test_how_long_the_lower_revision_took_is_told(store: Store, items: list[Item]) -> None:
    """R9b: it tells the lower one's invoices from this one's: of this account, date and revision.

    Whether or not the item itself is in the ledger already.
    """
    first, second, third = (revision(items[0], n) for n in (1, 2, 3))
    took = timedelta(seconds=5)
    store.start_run(a_run_id(), a_plan([third]), NOON)
    in_doubt(store, items[1])
    call = a_call(first)
    store.begin(RUN, [a_send(call)], NOON)
    record = a_record(first, finished_at=NOON + took, idempotency_key=call.key)
    effect = Effect(KeyState.SETTLED, "row", record)
    store.finish(RUN, [replace(settled(call, None), effects=(effect,))], NOON)
    assert standing(store, second).trail.lower_took == took
    store.start_run(a_run_id(), a_plan([second]), NOON)
    assert standing(store, second).trail.lower_took == took
    for other in (first, third, revision(items[1], 2), revision(items[2], 2)):
        assert standing(store, other).trail.lower_took is None


@pytest.mark.parametrize(
    ("answer", "took"),
    [("throttled", 0), ("unauthorized", 0), ("lost", 60), ("conflict", 60)],
)
def test_what_was_turned_away_before_took_no_part_in_it(
    store: Store, items: list[Item], answer: str, took: int
) -> None:
    """A wait that the tenant has asked for made no invoice; a send without an answer may have."""
    first, second = (revision(items[0], n) for n in (1, 2))
    call, later = a_call(first), NOON + timedelta(minutes=1)
    store.begin(RUN, [a_send(call)], NOON)
    store.finish(RUN, [left(call, KeyState.LIVE, answer=answer)], NOON)
    store.begin(RUN, [Send(call, an_attempt(2, started_at=later))], NOON)
    record = a_record(first, finished_at=later, idempotency_key=call.key)
    effect = Effect(KeyState.SETTLED, "row", record)
    attempt = an_attempt(2, answer="rows", started_at=later, finished_at=later)
    store.finish(RUN, [Result(call, attempt, (effect,))], NOON)
    assert standing(store, second).trail.lower_took == timedelta(seconds=took)


def test_a_revision_in_doubt_takes_along_how_long_the_lower_one_took(
    store: Store, items: list[Item]
) -> None:
    """The trail of the open call is the item's own."""
    first, second = (revision(items[0], n) for n in (1, 2))
    call = a_call(first)
    store.begin(RUN, [a_send(call)], NOON)
    store.finish(RUN, [settled(call, Outcome.INVOICED)], NOON)
    store.start_run(a_run_id(), a_plan([second]), NOON)
    in_doubt(store, second)
    held = standing(store, second)
    assert held.call is not None
    assert held.trail.lower_took == timedelta()
    assert held.call.trails[0].lower_took == timedelta()


@pytest.fixture(params=["UTC0", "XST-9"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Stand in a zone for one test."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_stamps_of_every_zone_sort_by_time(zone: str) -> None:
    """The newest stamp is found by comparing texts, so all are UTC, wherever the machine stands."""
    east = NOON.astimezone(timezone(timedelta(hours=9)))
    assert rows.stamp(east) == rows.stamp(NOON) == "2026-11-30T12:00:00.000000+00:00"
    assert rows.moment(rows.stamp(east)) == NOON
    assert rows.stamp(None) is None
    assert rows.moment(None) is None


# Failures


def test_half_a_group_is_not_even_read(store: Store, items: list[Item]) -> None:
    """What a refused write has begun is taken back at once: nobody sees it, in this run either."""
    with pytest.raises(LedgerFailure):
        store.begin(RUN, [a_send(a_call(items[0])), a_send(a_call(item(9)))], NOON + HOUR)
    assert standing(store, items[0]).call is None
    assert store.newest_stamp() == NOON


def test_whatever_breaks_a_write_takes_it_back(store: Store, items: list[Item]) -> None:
    """Also a bug of ours in the middle of it, which is told as such and ends all writing."""
    broken = replace(a_send(a_call(items[1])), call=None)  # type: ignore[arg-type] # the bug
    with pytest.raises(AttributeError):
        store.begin(RUN, [a_send(a_call(items[0])), broken], NOON)
    assert standing(store, items[0]).call is None
    with pytest.raises(LedgerFailure, match="failed before"):
        store.begin(RUN, [a_send(a_call(items[0]))], NOON)


def test_failures_name_the_file_and_the_cause(tmp_path: Path, items: list[Item]) -> None:
    """Whoever reads the message knows where to look."""
    with pytest.raises(CannotStart, match=r"cannot open the ledger .*No such file"):
        open_store(tmp_path / "missing")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / LEDGER_FILE).write_bytes(b"not a database, but long enough to look" * 99)
    with pytest.raises(CannotStart, match=r"cannot open the ledger .*not a database"):
        open_store(tmp_path / "odd")
    with closing(open_store(tmp_path)) as store:
        store.start_run(RUN, a_plan(items), NOON)
        with pytest.raises(LedgerFailure, match=r"cannot be written: .*FOREIGN KEY"):
            store.begin("no-such-run", [a_send(a_call(items[0]))], NOON)
    with closing(open_store(tmp_path)) as store:
        (tmp_path / LEDGER_FILE).rename(tmp_path / "moved")
        (tmp_path / LEDGER_FILE).write_bytes(b"")
        with pytest.raises(LedgerFailure, match=r"cannot be written: .*replaced by another"):
            store.begin(RUN, [a_send(a_call(items[0]))], NOON)
    with pytest.raises(LedgerFailure, match=r"cannot be read: .*closed"):
        store.newest_stamp()


def test_a_change_that_finds_no_row_says_how_many_it_needed(
    store: Store, items: list[Item]
) -> None:
    """An outcome that would be lost is refused, and the message says what was expected."""
    with pytest.raises(LedgerFailure, match="0 rows changed where 1 must"):
        store.finish(RUN, [settled(a_call(items[0]), Outcome.INVOICED)], NOON)


def test_a_finding_that_finds_no_row_says_how_many_it_needed(store: Store) -> None:
    """The same for what a question has shown."""
    with pytest.raises(LedgerFailure, match="0 rows changed where one must"):
        store.finish(RUN, [], NOON, [Finding(item(9), rests_until=NOON)])


def test_a_statement_outside_a_transaction_is_its_own(store: Store) -> None:
    """Nothing but BEGIN opens a transaction, so nothing that was only read holds one open."""
    connection = store._connection  # how it was opened can be read nowhere else
    assert connection.isolation_level is None
    assert list(store.unsettled()) == []
    assert not connection.in_transaction
    with pytest.raises(sqlite3.OperationalError, match="no transaction"):
        connection.execute("COMMIT")


# Payload and place


def test_an_item_that_was_never_sent_follows_the_spec_in_everything(
    store: Store, items: list[Item]
) -> None:
    """D19: charges, place, number and reason are those of the last plan, whatever others are at."""
    in_doubt(store, items[1])
    old = replace(FULL, charges=Charges(False, False, True))
    new = replace(
        FULL,
        invoice_date=date(2026, 12, 31),
        charges=Charges(True, True, False),
        source=Source("accounts/apac.csv", 3, 9),
        reason="as agreed",
        account_number="A7",
    )
    for planned in (old, new):
        store.start_run(a_run_id(), a_plan([planned]), NOON)
    in_doubt(store, revision(FULL, 2))
    (held,) = standing(store, replace(FULL, identity=item(7, 30).identity)).earlier
    assert held.item == new


def test_an_item_with_an_outcome_keeps_what_it_was_asked_about_with(
    store: Store, items: list[Item]
) -> None:
    """R13: what was found already invoiced is no payload that a spec may change unnoticed."""
    record = a_record(items[0], Outcome.ALREADY_INVOICED, attempts=0)
    store.finish(RUN, [], NOON, [Finding(items[0], effect=Effect(KeyState.SETTLED, "q", record))])
    changed = replace(items[0], charges=Charges(usage=False))
    store.start_run(a_run_id(), a_plan([changed]), NOON)
    held = standing(store, changed)
    assert held.payload_changed
    assert held.was == items[0]
    assert standing(store, items[0]).was is None


def test_the_items_of_a_run_are_kept_for_auditors(tmp_path: Path, store: Store) -> None:
    """Each run's plan can be read from the ledger: which item, in which order."""
    planned = [item(1, 10), item(2, 10), item(1, 20), revision(item(1, 20), 2)]
    run = a_run_id()
    store.start_run(run, a_plan(planned), NOON)
    with closing(sqlite3.connect(tmp_path / LEDGER_FILE)) as connection:
        found = connection.execute(
            "SELECT account_id, target_date, revision FROM run_item"
            " JOIN item ON item.id = item_id WHERE run_id = ? ORDER BY ordinal",
            (run,),
        ).fetchall()
    assert found == [
        (one.identity.account_id, one.identity.target_date.isoformat(), one.identity.revision)
        for one in planned
    ]


@pytest.mark.parametrize("charge", ["one_time", "recurring", "usage"])
def test_a_new_key_takes_date_and_charges_that_are_sent(store: Store, charge: str) -> None:
    """R13: each of them is the one of the new payload, whatever the failed one was."""
    one = item(1)
    call = a_call(one)
    store.begin(RUN, [a_send(call)], NOON)
    store.finish(RUN, [settled(call, Outcome.FAILED)], NOON)
    charges = Charges(**{kind: kind == charge for kind in ("one_time", "recurring", "usage")})
    changed = replace(one, charges=charges, invoice_date=date(2026, 12, 1))
    store.begin(RUN, [a_send(a_call(changed, generation=1))], NOON)
    held = standing(store, one)
    assert held.payload_changed
    assert held.call is not None
    assert held.call.call.items == (changed,)
    assert not standing(store, changed).payload_changed


def test_an_item_found_invoiced_gets_no_first_key_either(store: Store, items: list[Item]) -> None:
    """An item that was never sent and is there already is not billed, whoever asks."""
    effect = Effect(KeyState.SETTLED, "question", a_record(items[0], Outcome.ALREADY_INVOICED))
    store.finish(RUN, [], NOON, [Finding(items[0], effect=effect)])
    with pytest.raises(LedgerFailure):
        store.begin(RUN, [a_send(a_call(items[0]))], NOON)


def test_a_damaged_ledger_is_told_with_the_item_that_it_is_found_at(
    store: Store, items: list[Item], tmp_path: Path
) -> None:
    """What zbatch never writes is read as nothing; whoever mends it is told where to look."""
    in_doubt(store, items[0])
    with closing(sqlite3.connect(tmp_path / LEDGER_FILE, isolation_level=None)) as other:
        other.execute("UPDATE item SET invoice_date = 'soon'")
    with pytest.raises(LedgerFailure) as found_at_an_item:
        list(store.standing(items))
    with pytest.raises(LedgerFailure) as found_before:
        store.unsettled()
    for told, where in ((found_at_an_item, f" of {items[0].identity}"), (found_before, "")):
        says = f"is damaged: what it holds{where} is nothing that zbatch writes"
        assert says in str(told.value)
