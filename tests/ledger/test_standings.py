"""Standings of many items: read together, and each as if it were alone."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from support.engine import item
from support.plans import NOON, a_call, a_plan, a_send, settled
from zbatch.ledger.standings import AT_ONCE
from zbatch.ledger.store import Store, open_store
from zbatch.model import Item, Outcome

RUN = "20261130T120000Z-0000"
MANY = [item(number, day) for number in range(1, AT_ONCE) for day in (10, 20)]


def a_ledger(folder: Path) -> Store:
    """Give a ledger with calls of two accounts far apart, open ones and settled ones."""
    store = open_store(folder)
    store.start_run(RUN, a_plan(MANY), NOON)
    together = a_call(MANY[0], MANY[-2])
    alone, failed, done = (a_call(MANY[n]) for n in (2, 4, 6))
    calls = (together, alone, failed, done)
    store.begin(RUN, [a_send(call) for call in calls], NOON)
    results = [settled(failed, Outcome.FAILED), settled(done, Outcome.INVOICED)]
    store.finish(RUN, results, NOON)
    return store


def one_by_one(store: Store, items: list[Item]) -> list[object]:
    """Read each standing alone."""
    return [held for one in items for held in store.standing([one])]


def test_many_items_stand_as_each_of_them_stands_alone(tmp_path: Path) -> None:
    """Reading ahead changes nothing: not the order, and no item's calls, trail or earlier dates."""
    store = a_ledger(tmp_path)
    among = [*MANY, item(9999), MANY[0]]
    held = list(store.standing(among))
    assert held == one_by_one(store, among)
    assert held[0].call is not None
    assert held[0].call.call.items == (MANY[0], MANY[-2])
    assert [earlier.item for earlier in held[5].earlier] == [MANY[4]]
    store.close()


def test_what_is_unsettled_beyond_some_items_is_told_alone(tmp_path: Path) -> None:
    """A run asks about what its plan does not list; of the rest it knows already."""
    store = a_ledger(tmp_path)
    assert [held.item for held in store.unsettled()] == [MANY[0], MANY[2], MANY[-2]]
    without = {MANY[0].identity, MANY[2].identity}
    assert [held.item for held in store.unsettled(without=without)] == [MANY[-2]]
    store.close()


def test_what_a_shared_call_needs_of_its_other_accounts_is_read_too(tmp_path: Path) -> None:
    """R9: the trail of a call's other member names what is credited to that account's dates."""
    with closing(open_store(tmp_path)) as store:
        store.start_run(RUN, a_plan(MANY), NOON)
        mine, other, others_first = MANY[1], MANY[3], MANY[2]
        first = a_call(others_first)
        store.begin(RUN, [a_send(first)], NOON)
        store.finish(RUN, [settled(first, Outcome.INVOICED)], NOON)
        store.begin(RUN, [a_send(a_call(mine, other))], NOON)
        (held,) = store.standing([mine])
        assert held.call is not None
        assert [trail.credited for trail in held.call.trails] == [frozenset(), {"a" * 32}]
