"""What is invoiced already, read in a row for the report of a later run."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from support.engine import item
from support.plans import NOON, a_call, a_plan, a_record, a_send, as_record, settled
from zbatch.errors import LedgerFailure
from zbatch.ledger.store import Store, open_store
from zbatch.model import Detail, Effect, Item, ItemRecord, KeyState, Outcome, Problem

FIRST, AGAIN = "20261130T120000Z-0007", "20261130T130000Z-0008"
ITEMS = [*(item(number, day) for number in (3, 1, 2) for day in (10, 20)), item(7, 20)]
ODD = 'a"\\\u2028\x00é'
WHOLE = Detail("d", ODD, "Posted", "1.00", "0", "EUR", None, "", appended=True)


@pytest.fixture
def month(tmp_path: Path) -> Iterator[Store]:
    """Give a ledger in which each item was invoiced, and that a second run has listed."""
    with closing(open_store(tmp_path)) as store:
        store.start_run(FIRST, a_plan(ITEMS), NOON)
        for one in ITEMS:
            settle(store, a_record(one))
        store.start_run(AGAIN, a_plan(ITEMS), NOON)
        yield store


def settle(store: Store, record: ItemRecord) -> None:
    """Let an item come to an outcome."""
    call = a_call(record.item)
    store.begin(FIRST, [a_send(call)], NOON)
    effect = Effect(KeyState.SETTLED, "row", record)
    store.finish(FIRST, [replace(settled(call, None), effects=(effect,))], NOON)


def repeated(store: Store, items: Sequence[Item], start: int = 0) -> list[ItemRecord] | None:
    """Read what the second run is to repeat of the items that stand in its list from there on."""
    planned = [*[item(99)] * start, *items]
    found = store.repeated(AGAIN, planned, start, len(planned))
    return None if found is None else list(map(as_record, found, items))


def test_what_is_repeated_is_what_the_ledger_holds(month: Store) -> None:
    """All of it or a part, in the order of the list."""
    assert repeated(month, ITEMS) == list(month.outcomes(ITEMS))
    assert repeated(month, ITEMS[2:4], 2) == list(month.outcomes(ITEMS[2:4]))


@pytest.mark.parametrize(
    "values",
    [
        {"invoice_id": ODD, "invoice_ids": (ODD,)},
        {"invoice_id": "b", "invoice_ids": ("b", ODD)},
        {"invoice_id": "b", "invoice_ids": ()},
        {"error": Problem(ODD, "")},
        {"http_status": 409, "attempts": 7, "track_id": ODD, "request_id": "r", "started_at": None},
        {"finished_at": NOON + timedelta(microseconds=1), "idempotency_key": "zb1-of-its-call"},
    ],
)
def test_whatever_an_outcome_holds_is_repeated(tmp_path: Path, values: dict[str, Any]) -> None:
    """Odd characters, several invoices and what is not there; each settlement is its own item's."""
    with closing(open_store(tmp_path)) as store:
        for run in (FIRST, AGAIN):
            store.start_run(run, a_plan(ITEMS), NOON)
        for one in ITEMS[:3]:
            settle(store, a_record(one))
        settle(store, a_record(ITEMS[3], **values))
        for one in ITEMS[4:]:
            settle(store, a_record(one))
        found = repeated(store, ITEMS)
        assert found is not None
        assert found == list(store.outcomes(ITEMS))
        assert replace(found[3], run_id=None) == a_record(ITEMS[3], **values)


def test_what_the_tenant_has_shown_is_repeated(month: Store) -> None:
    """As it was read back."""
    shown = a_record(ITEMS[1]).with_invoices(("a" * 32, "d"), (Detail("a" * 32), WHOLE))
    month.detail([shown], NOON)
    found = repeated(month, ITEMS)
    assert found is not None
    assert found[1].invoices == shown.invoices
    assert found == list(month.outcomes(ITEMS))


def test_other_items_are_not_repeated(month: Store) -> None:
    """What the run has not listed there: another order, date, revision or account, or too many."""
    second = replace(ITEMS[0], identity=replace(ITEMS[0].identity, revision=2))
    for other in (second, item(3, 11), item(1, 10)):
        assert repeated(month, [other, *ITEMS[1:]]) is None
    assert repeated(month, ITEMS[::-1]) is None
    assert repeated(month, [*ITEMS, item(9)]) is None
    assert month.repeated("no such run", ITEMS, 0, len(ITEMS)) is None


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.ALREADY_INVOICED, None])
def test_one_item_that_is_not_invoiced_is_enough(tmp_path: Path, outcome: Outcome | None) -> None:
    """Then each has to be looked at."""
    with closing(open_store(tmp_path)) as store:
        store.start_run(AGAIN, a_plan(ITEMS), NOON)
        store.start_run(FIRST, a_plan(ITEMS), NOON)
        for one in ITEMS[1:]:
            settle(store, a_record(one))
        if outcome:
            settle(store, a_record(ITEMS[0], outcome))
        assert repeated(store, ITEMS) is None
        assert repeated(store, ITEMS[1:], 1) == list(store.outcomes(ITEMS[1:]))


@pytest.mark.parametrize(
    "damage",
    [
        "finished_at = '2026-11-3q'",
        "invoice_ids = '{'",
        "invoices = '[1]'",
        "invoice_id = 'e3b9fc23b6a64880f78e34609e940b9f'",
        """invoice_ids = '["e3b9fc23b6a64880f78e34609e940b9f"]'""",
        """invoices = '[["e3b9fc23b6a64880f78e34609e940b9f"]]'""",
    ],
)
def test_f96_damage_is_told_by_the_closer_look(tmp_path: Path, month: Store, damage: str) -> None:
    """F96: what zbatch never writes is not repeated, and whoever looks at the item is told."""
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as connection, connection:
        connection.execute(f"UPDATE item SET {damage} WHERE id = 1")  # noqa: S608 - fixed texts
    assert repeated(month, ITEMS) is None
    with pytest.raises(LedgerFailure, match=rf"damaged.*{ITEMS[0].identity}"):
        list(month.outcomes(ITEMS))
