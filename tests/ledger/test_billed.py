"""What the ledger tells of whole accounts: what is credited there, and what may have billed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
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
from zbatch.ledger.billed import Billed
from zbatch.ledger.glance import Glance, glance
from zbatch.ledger.store import Store
from zbatch.model import Detail, Effect, IfAbsent, Item, KeyState, Result

A, B, C = "a" * 32, "b" * 32, "c" * 32


def billed(folder: Path, *items: Item) -> list[Billed]:
    """Read what is told of items."""
    found = glance(folder, lambda ledger: list(ledger.billed(items)))
    assert found is not None
    assert [one for one, _ in found] == list(items)
    return [one for _, one in found]


def plan(store: Store, *items: Item) -> str:
    """Let a run of these items begin."""
    run = a_run_id()
    store.start_run(run, a_plan(items), NOON)
    return run


def bill(store: Store, run: str, one: Item, *ids: str) -> None:
    """Bill an item with one send."""
    call = a_call(one)
    store.begin(run, [a_send(call)], NOON)
    record = a_record(one, invoice_id=ids[0], invoice_ids=ids, idempotency_key=call.key)
    effect = Effect(KeyState.SETTLED, "row", record)
    attempt = an_attempt(answer="rows", finished_at=NOON)
    store.finish(run, [Result(call, attempt, (effect,))], NOON)


def test_what_is_credited_to_other_revisions(tmp_path: Path, store: Store) -> None:
    """Lower or higher; what other dates or accounts have is no other revision's."""
    first, later, other = item(1, 10), item(1, 20), item(2)
    second = replace(first, identity=replace(first.identity, revision=2))
    run = plan(store, first, later, other, second)
    bill(store, run, first, A, B)
    bill(store, run, other, C)
    found = billed(tmp_path, first, second, later, other, item(3))
    assert [one for _, one in store.billed([first, second, later, other, item(3)])] == found
    assert found == [
        Billed(frozenset(), 1, NOON),
        Billed(frozenset({A, B}), 0),
        Billed(frozenset(), 0),
        Billed(frozenset(), 1, NOON),
        Billed(),
    ]


def test_what_the_runs_have_seen_of_the_others(tmp_path: Path, store: Store) -> None:
    """Of the account's other items, each invoice that came with an amount; not of its own."""
    first, second = item(1, 10), item(1, 20)
    run = plan(store, first, second)
    bill(store, run, first, A, B)
    seen = (Detail(A, amount="10.00"), Detail(B))
    record = a_record(first, invoice_id=A, invoice_ids=(A, B), invoices=seen)
    store.detail([record], NOON)
    own, other = billed(tmp_path, first, second)
    assert (own.seen, other.seen) == (frozenset(), frozenset({(A, "10.00")}))


@pytest.mark.parametrize(
    ("answer", "sends"),
    [
        ("lost", 2),
        ("server_error", 2),
        ("unreadable", 2),
        ("limit_in_success", 2),
        ("busy", 2),
        ("throttled", 1),
        ("unauthorized", 1),
        ("conflict", 2),
        ("rows", 2),
    ],
)
def test_sends_that_may_have_billed(tmp_path: Path, store: Store, answer: str, sends: int) -> None:
    """A send without an answer may have, one that was turned away has not; the last one has.

    A 409 tells of another send, which may be one that is not known here.
    """
    one = item(1)
    run = plan(store, one)
    call = a_call(one)
    store.begin(run, [a_send(call)], NOON)
    store.finish(run, [left(call, KeyState.LIVE, answer=answer)], NOON)
    later = NOON + timedelta(minutes=1)
    store.begin(run, [a_send(call, 2, started_at=later)], NOON)
    record = a_record(one, idempotency_key=call.key)
    done = Effect(KeyState.SETTLED, "row", record)
    attempt = an_attempt(2, answer="rows", started_at=later, finished_at=later)
    store.finish(run, [Result(call, attempt, (done,))], NOON)
    assert billed(tmp_path, one) == [Billed(sends=sends, since=later if sends == 1 else NOON)]


@pytest.mark.parametrize("kind", [None, IfAbsent.RENEW_TWICE])
def test_a_renewed_key(tmp_path: Path, store: Store, kind: IfAbsent | None) -> None:
    """A row that proves that nothing was billed counts for nothing; an unknown error may have."""
    one = item(1)
    run = plan(store, one)
    first, second = a_call(one), a_call(one, generation=1)
    store.begin(run, [a_send(first)], NOON)
    attempt = an_attempt(answer="rows", finished_at=NOON)
    if kind is not None:
        burnt = Effect(KeyState.BURNT, "row", if_absent=kind)
        store.finish(run, [Result(first, attempt, (burnt,))], NOON)
    store.finish(run, [settled(first, None)], NOON)
    store.begin(run, [a_send(second)], NOON)
    record = a_record(one, idempotency_key=second.key)
    done = Effect(KeyState.SETTLED, "row", record)
    store.finish(run, [Result(second, attempt, (done,))], NOON)
    assert billed(tmp_path, one) == [Billed(sends=1 if kind is None else 2, since=NOON)]


def test_the_items_of_a_run(tmp_path: Path, store: Store) -> None:
    """They come in the order of its plan, as the ledger holds them."""
    items = [item(3), item(1), item(2)]
    run = plan(store, *items)
    later = a_run_id()
    store.start_run(later, a_plan(items[:1]), NOON + timedelta(hours=1))

    def read(ledger: Glance) -> list[list[Item]]:
        return [ledger.items_of(name) for name in (run, later, "none")]

    assert glance(tmp_path, read) == [items, items[:1], []]
