"""What the ledger tells of hundreds of planned items at once: whether anything is left of them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from support.engine import item
from support.plans import NOON, a_call, a_plan, a_run_id, a_send, settled
from zbatch.errors import LedgerFailure
from zbatch.ledger import listing
from zbatch.ledger.standings import AT_ONCE
from zbatch.ledger.store import Store, open_store
from zbatch.ledger.writer import LedgerWriter
from zbatch.model import Baseline, Batch, Charges, Finding, Item, Outcome, batches

ITEMS = [item(number, day) for number in (3, 1, 2) for day in (10, 20)]
RUN = "20261130T120000Z-0007"
NOTHING_THERE = Baseline(NOON, (), ())


@pytest.fixture
def month(tmp_path: Path) -> Iterator[Store]:
    """Give a ledger in which each item is invoiced by one run."""
    with closing(open_store(tmp_path)) as store:
        store.start_run(RUN, a_plan(ITEMS), NOON)
        invoice(store, ITEMS)
        yield store


def invoice(
    store: Store, items: Sequence[Item], outcome: Outcome = Outcome.INVOICED, run: str = RUN
) -> None:
    """Let each item come to an outcome, in a call of its own."""
    for one in items:
        call = a_call(one)
        store.begin(run, [a_send(call)], NOON)
        store.finish(run, [settled(call, outcome)], NOON)


def all_invoiced(store: Store, items: Sequence[Item]) -> bool:
    """Ask about all items, with and without a run that is said to have listed them."""
    alone = store.all_invoiced(items, 0, len(items))
    assert store.all_invoiced(items, 0, len(items), RUN) == alone
    assert store.all_invoiced(items, 0, len(items), "no such run") == alone
    return alone


def listed(folder: Path, run: str) -> list[tuple[int, str, str]]:
    """Read what a run has listed."""
    query = (
        "SELECT ordinal, account_id, target_date FROM run_item JOIN item ON item.id = item_id"
        " WHERE run_id = ? ORDER BY ordinal"
    )
    with closing(sqlite3.connect(folder / "ledger.sqlite3")) as connection:
        return connection.execute(query, (run,)).fetchall()


def in_order(items: Sequence[Item]) -> list[tuple[int, str, str]]:
    """Give what a run of these items is to list."""
    return [
        (n, one.identity.account_id, one.identity.target_date.isoformat())
        for n, one in enumerate(items)
    ]


def test_items_that_are_alike_are_one_batch() -> None:
    """What differs by the account alone is asked about together, by its place in the plan."""
    other = replace(item(4, 10), charges=Charges(usage=False))
    found = list(batches([*ITEMS, other], 1, 7))
    assert [(batch.target_date.day, dict(batch.accounts)) for batch in found] == [
        (20, {n: ITEMS[n].identity.account_id for n in (1, 3, 5)}),
        (10, {n: ITEMS[n].identity.account_id for n in (2, 4)}),
        (10, {6: other.identity.account_id}),
    ]
    assert [batch.charges for batch in found] == [Charges(), Charges(), other.charges]
    assert isinstance(found[0], Batch)


def test_all_that_is_invoiced_as_planned_is_told_so(month: Store) -> None:
    """In whichever order the items stand, and of a part of them too."""
    assert all_invoiced(month, ITEMS)
    assert all_invoiced(month, ITEMS[::-1])
    assert all_invoiced(month, ITEMS[2:])
    assert month.all_invoiced(ITEMS, 2, 4, RUN)


AWRY: dict[str, Callable[[Item], Item]] = {
    "account": lambda one: replace(one, identity=item(9, 10).identity),
    "date": lambda one: replace(one, identity=item(3, 11).identity),
    "revision": lambda one: replace(one, identity=replace(one.identity, revision=2)),
    "invoice date": lambda one: replace(one, invoice_date=date(2026, 12, 1)),
    "one-time": lambda one: replace(one, charges=Charges(one_time=False)),
    "recurring": lambda one: replace(one, charges=Charges(recurring=False)),
    "usage": lambda one: replace(one, charges=Charges(usage=False)),
}


@pytest.mark.parametrize("change", AWRY.values(), ids=AWRY)
def test_one_item_that_is_not_as_planned_is_enough(
    month: Store, change: Callable[[Item], Item]
) -> None:
    """Whatever of it differs, it has to be looked at."""
    assert not all_invoiced(month, [change(ITEMS[0]), *ITEMS[1:]])


KINDS = (
    Charges(one_time=True, recurring=False, usage=False),
    Charges(one_time=False, recurring=True, usage=False),
    Charges(one_time=False, recurring=False, usage=True),
)


@pytest.mark.parametrize("held", KINDS)
@pytest.mark.parametrize("planned", KINDS)
def test_no_kind_of_charges_is_taken_for_another(
    tmp_path: Path, held: Charges, planned: Charges
) -> None:
    """Where all items are changed in the same way, in the order in which they were listed too."""
    before = [replace(one, charges=held) for one in ITEMS]
    with closing(open_store(tmp_path)) as store:
        store.start_run(RUN, a_plan(before), NOON)
        invoice(store, before)
        now = [replace(one, charges=planned) for one in ITEMS]
        assert all_invoiced(store, now) == (held == planned)


@pytest.mark.parametrize("change", [AWRY["date"], AWRY["revision"]])
def test_the_same_accounts_of_another_date_are_others(
    tmp_path: Path, change: Callable[[Item], Item]
) -> None:
    """A run that has listed the accounts in this order has not listed these items."""
    with closing(open_store(tmp_path)) as store:
        store.start_run(RUN, a_plan([item(3)]), NOON)
        invoice(store, [item(3)])
        assert all_invoiced(store, [item(3)])
        assert not all_invoiced(store, [change(item(3))])


def test_what_a_run_has_listed_is_read_in_a_row(
    month: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever other runs have listed or left in doubt, no account is looked for by itself."""
    other = replace(a_plan([item(8), item(9), *ITEMS]), digest="5" * 64)
    month.start_run("other", other, NOON)
    month.begin("other", [a_send(a_call(item(8)))], NOON)
    assert month.all_invoiced(ITEMS, 0, len(ITEMS))
    monkeypatch.setattr(listing, "_invoiced", lambda connection, batch: pytest.fail("looked for"))
    assert month.all_invoiced(ITEMS, 0, len(ITEMS), RUN)
    assert month.all_invoiced(ITEMS, 2, 4, RUN)


def test_a_revision_is_looked_at_though_it_is_invoiced(month: Store) -> None:
    """It depends on the revision below it."""
    again = replace(item(5), identity=replace(item(5).identity, revision=2))
    month.start_run(a_run_id(), a_plan([again]), NOON)
    invoice(month, [again])
    assert not all_invoiced(month, [again])


def test_a_higher_revision_does_not_stand_for_a_lower_one(month: Store) -> None:
    """The lower one had been billed by somebody else, and is asked about again."""
    first = item(5)
    again = replace(first, identity=replace(first.identity, revision=2))
    month.start_run(a_run_id(), a_plan([first, again]), NOON)
    invoice(month, [first], Outcome.ALREADY_INVOICED)
    invoice(month, [again])
    assert not all_invoiced(month, [first])


@pytest.mark.parametrize("outcome", [one for one in Outcome if one.settled])
def test_another_outcome_is_looked_at(month: Store, outcome: Outcome) -> None:
    """Somebody may have changed what zbatch did not invoice itself, and may retry what failed."""
    more = [*ITEMS, item(8)]
    month.start_run(RUN + "1", a_plan([item(8)]), NOON)
    assert not all_invoiced(month, more)
    invoice(month, [item(8)], outcome)
    assert all_invoiced(month, more) == (outcome is Outcome.INVOICED)


def test_an_unsettled_key_is_looked_at(tmp_path: Path, month: Store) -> None:
    """Even one of an item that has its invoice, whoever has made that so."""
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as connection, connection:
        connection.execute("UPDATE call_item SET state = 'live' WHERE call_id = 2")
    assert not all_invoiced(month, ITEMS)


def test_the_runs_that_have_settled_a_part_are_named_in_its_order(tmp_path: Path) -> None:
    """Each of them once; what has no outcome names none."""
    with closing(open_store(tmp_path)) as store:
        runs = [a_run_id() for _ in range(3)]
        for run in runs:
            store.start_run(run, a_plan(ITEMS), NOON)
        for place, by in enumerate((1, 1, 0, 2, 1)):
            invoice(store, [ITEMS[place]], run=runs[by])
        assert store.settled_by(runs[2], 0, 6) == (runs[1], runs[0], runs[2])
        assert store.settled_by(runs[2], 2, 4) == (runs[0], runs[2])
        assert store.settled_by(runs[2], 5, 6) == store.settled_by("no such run", 0, 6) == ()


def untouched(store: Store, items: Sequence[Item]) -> bool:
    """Ask whether nothing was done to the accounts of these items."""
    return store.untouched(items, 0, len(items))


def test_accounts_are_untouched_until_something_is_asked_or_sent(tmp_path: Path) -> None:
    """That a run has listed them is nothing yet, whatever it had planned of them."""
    new = [item(4), item(5), item(6)]
    with closing(open_store(tmp_path)) as store:
        assert untouched(store, new)
        store.start_run(RUN, a_plan([AWRY["invoice date"](new[0]), item(5, 11)]), NOON)
        assert untouched(store, new)
        store.begin(RUN, [a_send(a_call(item(5, 11)))], NOON)
        assert not untouched(store, new)
        assert store.untouched(new, 2, 3)


def test_a_question_touches_an_account(tmp_path: Path) -> None:
    """What it has shown is held against later ones, and so is that it is to rest."""
    shown = [Finding(item(4), baseline=NOTHING_THERE), Finding(item(5), rests_until=NOON)]
    with closing(open_store(tmp_path)) as store:
        store.start_run(RUN, a_plan([item(4), item(5)]), NOON)
        for finding in shown:
            assert untouched(store, [finding.item])
            store.finish(RUN, [], NOON, [finding])
            assert not untouched(store, [finding.item])


@pytest.mark.parametrize("outcome", [one for one in Outcome if one.settled])
def test_an_outcome_of_any_date_touches_its_account(month: Store, outcome: Outcome) -> None:
    """Its invoices are held against those of other dates, and what failed holds them back."""
    month.start_run(RUN + "1", a_plan([item(8)]), NOON)
    invoice(month, [item(8)], outcome)
    assert untouched(month, [item(9, 20)])
    assert not untouched(month, [item(9, 20), item(8, 20)])
    assert not untouched(month, [item(8, 20), item(9, 21)])  # of several dates, each is looked at


def test_a_revision_is_never_taken_for_untouched(tmp_path: Path) -> None:
    """Whether the one below it is settled has to be looked at."""
    with closing(open_store(tmp_path)) as store:
        assert not untouched(store, [AWRY["revision"](item(4))])


def test_a_run_lists_what_is_settled_as_it_lists_anything(tmp_path: Path, month: Store) -> None:
    """Whether all, some or none of its items have an outcome, and in whichever order they stand."""
    more = [*ITEMS, item(7), item(8)]
    plans = {
        "again": a_plan(ITEMS),
        "turned": replace(a_plan(ITEMS[::-1]), digest="2" * 64),
        "more": replace(a_plan(more), digest="3" * 64),
        "more again": replace(a_plan(more), digest="3" * 64),
        "other": a_plan(more[1:]),
    }
    for name, plan in plans.items():
        month.start_run(name, plan, NOON)
        assert listed(tmp_path, name) == in_order(plan.items)


def test_a_long_plan_is_listed_in_stretches(tmp_path: Path, month: Store) -> None:
    """What is settled and what is new are listed in one order, from the first to the last."""
    many = [*ITEMS, *(item(number) for number in range(100, 100 + 2 * AT_ONCE))]
    plan = replace(a_plan(many), digest="4" * 64)
    month.start_run("long", plan, NOON)
    invoice(month, many[len(ITEMS) : 12])
    month.start_run("long again", plan, NOON)
    assert listed(tmp_path, "long") == listed(tmp_path, "long again") == in_order(many)


def test_outcomes_are_read_in_the_order_asked_for(month: Store) -> None:
    """Each as its standing has it; what has none is passed over."""
    among = [*ITEMS[::-1], item(9)]
    found = list(month.outcomes(among))
    assert found == [held.record for held in month.standing(among) if held.record]
    assert len(found) == len(ITEMS)


def test_f96_a_damaged_outcome_is_named(tmp_path: Path, month: Store) -> None:
    """F96: a bit that turned within an outcome is told with the item that has it."""
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as connection, connection:
        connection.execute("UPDATE item SET finished_at = '2026-11-3q' WHERE id = 1")
    with pytest.raises(LedgerFailure, match=rf"damaged.*{ITEMS[0].identity}"):
        list(month.outcomes(ITEMS))


def test_a_keeper_reads_between_its_transactions(month: Store) -> None:
    """What a run makes later is read on the ledger's own thread."""

    async def work() -> bool:
        writer = LedgerWriter(month, RUN, lambda: NOON)
        found = await writer.read(lambda store: store.all_invoiced(ITEMS, 0, len(ITEMS)))
        writer.close()
        return found

    assert asyncio.run(work())
