"""What the ledger's state machine keeps beside the ledger, and a process that may end anywhere."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from zbatch.model import (
    Attempt,
    Baseline,
    Call,
    Effect,
    Identity,
    IfAbsent,
    Item,
    KeyState,
    Outcome,
    Standing,
)

COUNTED = (IfAbsent.RENEW, IfAbsent.RENEW_TWICE)
LIVE, SETTLED, BURNT = KeyState.LIVE, KeyState.SETTLED, KeyState.BURNT


class Gone(BaseException):
    """The process ends here, without a word."""


class Fragile(sqlite3.Connection):
    """A connection whose process ends before the n-th statement from now on."""

    fuse: int | None = None

    def execute(self, *args: Any) -> sqlite3.Cursor:
        self._burn()
        return super().execute(*args)

    def executemany(self, *args: Any) -> sqlite3.Cursor:
        self._burn()
        return super().executemany(*args)

    def _burn(self) -> None:
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse <= 0:
                raise Gone


@dataclass
class HeldKey:
    """What must be known of one call; `states` and `absent` by the position of its items."""

    call: Call
    attempts: list[Attempt] = field(default_factory=list)
    states: list[KeyState] = field(default_factory=list)
    absent: list[IfAbsent | None] = field(default_factory=list)

    def put(self, position: int, effect: Effect) -> None:
        self.states[position] = effect.state
        self.absent[position] = effect.if_absent or self.absent[position]

    def position(self, one: Item) -> int:
        return self.call.items.index(one)

    @property
    def never_left(self) -> bool:
        return BURNT not in self.states and not any(one.sent for one in self.attempts)


@dataclass
class HeldItem:
    """What must be known of one item; `before` is what its last key was to try again."""

    outcome: Outcome | None = None
    before: Outcome | None = None
    invoice_id: str | None = None
    baseline: Baseline | None = None
    rests_until: datetime | None = None

    def open(self) -> None:
        """Take note that a next key is to try again what the item has come to."""
        tried = (Outcome.FAILED, Outcome.NOTHING_TO_BILL)
        self.before = self.outcome if self.outcome in tried else None
        self.outcome = None


@dataclass
class Books:
    """What must be known of all items, by identity, and of all keys, by their text."""

    pool: list[Item]
    items: dict[Identity, HeldItem] = field(default_factory=dict)
    keys: dict[str, HeldKey] = field(default_factory=dict)

    def record(self, one: Item, effect: Effect) -> None:
        if effect.record:
            held = self.items[one.identity]
            held.outcome, held.invoice_id = effect.record.outcome, effect.record.invoice_id
        if effect.restored:
            self.items[one.identity].outcome = effect.restored.outcome

    def known(self) -> list[Item]:
        return [one for one in self.pool if one.identity in self.items]

    def keys_of(self, one: Item) -> list[HeldKey]:
        return [held for held in self.keys.values() if one in held.call.items]

    def open_key(self, one: Item) -> HeldKey | None:
        keys = (k for k in self.keys_of(one) if k.states[k.position(one)] is not SETTLED)
        return next(keys, None)

    def open_call(self, one: Item) -> HeldKey | None:
        """Give an item's open key, but for one that never left and has left its outcome."""
        held = self.open_key(one)
        outcome = self.items[one.identity].outcome if one.identity in self.items else None
        return None if held and outcome and held.never_left else held

    def replaceable(self) -> list[Item]:
        """Give the items whose open key makes way for a next one, since nothing ever left."""
        return [one for one in self.open_items() if self._makes_way(one)]

    def held_fast(self) -> list[Item]:
        """Give the items that may get no other key before their open one is settled."""
        return [one for one in self.open_items() if not self._makes_way(one)]

    def _makes_way(self, one: Item) -> bool:
        held = self.open_key(one)
        live = held is not None and held.states[held.position(one)] is LIVE
        return live and held is not None and not any(each.sent for each in held.attempts)

    def open_items(self) -> list[Item]:
        return [one for one in self.known() if self.open_key(one)]

    def fresh(self) -> list[Item]:
        """Give the items that may get a new key."""
        closed = [one for one in self.known() if not self.open_key(one)]
        return [one for one in closed if self.items[one.identity].invoice_id is None]

    def sendable(self) -> list[HeldKey]:
        return [held for held in self.keys.values() if set(held.states) == {LIVE}]

    def settled(self) -> list[HeldKey]:
        """Give the keys of which something is settled."""
        return [held for held in self.keys.values() if SETTLED in held.states]

    def with_outcome(self, *outcomes: Outcome) -> list[Item]:
        return [
            one
            for one in self.known()
            if self.items[one.identity].outcome in outcomes and not self.open_key(one)
        ]

    def check(self, standing: Standing) -> None:
        one = standing.item
        held = self.items.get(one.identity, HeldItem())
        keys = self.keys_of(one)
        record = standing.record
        assert (record.outcome if record else None) == held.outcome
        assert (record.invoice_id if record else None) == held.invoice_id
        assert standing.generation == max((k.call.generation + 1 for k in keys), default=0)
        assert standing.attempts == sum(a.sent for key in keys for a in key.attempts)
        assert standing.trail.baseline == held.baseline
        assert standing.trail.rests_until == held.rests_until
        settled = [k for k in keys if k.states[k.position(one)] is SETTLED]
        assert standing.trail.renewals == sum(k.absent[k.position(one)] in COUNTED for k in settled)
        self.check_key(standing, self.open_call(one))
        self.check_account(standing)

    def check_key(self, standing: Standing, held: HeldKey | None) -> None:
        if held is None:
            assert standing.call is None
            return
        assert standing.call is not None
        assert standing.call.call == held.call
        assert list(standing.call.attempts) == held.attempts
        assert list(standing.call.states) == held.states
        assert [trail.if_absent for trail in standing.call.trails] == held.absent

    def check_account(self, standing: Standing) -> None:
        """Hold what the account's other dates say: later invoices, earlier troubles, open keys."""
        one = standing.item
        others = [o for o in self.known() if _of(o) == _of(one) and o is not one]
        ids = {o.identity.target_date: self.items[o.identity].invoice_id for o in others}
        credited = {invoice for invoice in ids.values() if invoice}
        assert standing.trail.credited == credited
        target = one.identity.target_date
        invoiced = {
            o.identity.target_date
            for o in others
            if self.items[o.identity].outcome is Outcome.INVOICED
        }
        assert standing.later_invoiced == min((d for d in invoiced if d > target), default=None)
        troubled = [
            o.identity
            for o in others
            if self.open_call(o) or (o.identity.target_date < target and self.troubled(o))
        ]
        assert [earlier.item.identity for earlier in standing.earlier] == troubled

    def troubled(self, one: Item) -> bool:
        """Tell whether an item has failed, and nothing later is invoiced."""
        later = [
            o
            for o in self.known()
            if _of(o) == _of(one)
            and o.identity > one.identity
            and self.items[o.identity].outcome is Outcome.INVOICED
        ]
        return self.items[one.identity].outcome is Outcome.FAILED and not later


def _of(one: Item) -> str:
    return one.identity.account_id
