"""The ledger beside a dict that does the same: through crashes, reopenings and further runs."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from support.budget import examples
from support.engine import item
from support.ledger_model import BURNT, LIVE, SETTLED, Books, Fragile, Gone, HeldItem, HeldKey
from support.plans import NOON, a_call, a_plan, a_record, a_run_id, an_attempt
from zbatch.errors import LedgerFailure
from zbatch.ledger.schema import migrate
from zbatch.ledger.store import LEDGER_FILE, Store
from zbatch.model import (
    Baseline,
    Call,
    Draft,
    Effect,
    Finding,
    IfAbsent,
    Item,
    Outcome,
    Result,
    Send,
)

POOL = [item(1, 28), item(1, 29), item(1, 30), item(2), item(3)]
CRASHES = st.one_of(*[st.none()] * 4, st.integers(1, 9))


class LedgerMachine(RuleBasedStateMachine):
    """Do to a ledger what runs do, and keep the same in dicts."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.books = Books(POOL)
        self.clock = NOON
        self.newest: datetime | None = None
        self.number = 0
        self.connection: Fragile | None = None
        self.open()

    def open(self) -> None:
        """Open the file as a new process does; the disk's own part is tested elsewhere."""
        path = Path(self.folder.name) / LEDGER_FILE
        self.connection = sqlite3.connect(path, isolation_level=None, factory=Fragile)
        self.connection.row_factory = sqlite3.Row
        migrate(self.connection)
        for pragma in ("journal_mode = MEMORY", "synchronous = OFF", "foreign_keys = ON"):
            self.connection.execute(f"PRAGMA {pragma}")
        self.store = Store(self.connection, path)

    @rule()
    def reopen(self) -> None:
        """End the process and start another."""
        assert self.connection is not None
        self.connection.close()
        self.open()

    def now(self, back: bool = False) -> datetime:
        """Read a clock that may have been set back."""
        self.number += 1
        self.clock += timedelta(seconds=1)
        now = self.clock - timedelta(hours=2) if back else self.clock
        self.newest = max(now, self.newest or now)
        return now

    def lost(self) -> None:
        """Take back what the last transaction would have made of the newest stamp."""
        self.newest = self.before

    @initialize(chosen=st.sets(st.sampled_from(range(len(POOL))), min_size=1))
    def first_run(self, chosen: set[int]) -> None:
        """Begin with some of the items."""
        self.start_run(chosen, back=False)

    @rule(chosen=st.sets(st.sampled_from(range(len(POOL))), min_size=1), back=st.booleans())
    def start_run(self, chosen: set[int], back: bool) -> None:
        """Let a further run plan some items."""
        self.run = a_run_id()
        planned = [POOL[number] for number in sorted(chosen)]
        self.store.start_run(self.run, a_plan(planned), self.now(back))
        for one in planned:
            self.books.items.setdefault(one.identity, HeldItem())

    # what runs do

    @precondition(lambda self: self.books.fresh())
    @rule(data=st.data(), crash=CRASHES)
    def begin(self, data: st.DataObject, crash: int | None) -> None:
        """Record the first send of a new key: of one item, or of several never sent before."""
        one = data.draw(st.sampled_from(self.books.fresh()))
        group = [
            other
            for other in self.books.fresh()
            if not self.books.keys_of(other) and self.books.items[other.identity].outcome is None
        ]
        members = [one]
        if one in group and data.draw(st.booleans()):
            others = {other.identity.account_id: other for other in group}
            others.pop(one.identity.account_id)
            members += others.values()
        call = a_call(*members, generation=len(self.books.keys_of(one)))
        if any(held.call.key == call.key for held in self.books.keys.values()):
            return
        attempt = an_attempt(1, started_at=self.clock)
        if not self.writes(
            lambda: self.store.begin(self.run, [Send(call, attempt)], self.now()), crash
        ):
            return
        held = HeldKey(call, [attempt], [LIVE] * len(members), [None] * len(members))
        self.books.keys[call.key] = held
        for member in members:
            if call.generation:
                self.books.items[member.identity].open()

    @precondition(lambda self: self.books.replaceable())
    @rule(data=st.data(), crash=CRASHES)
    def begin_instead(self, data: st.DataObject, crash: int | None) -> None:
        """Record the first send of a key that takes the place of one that never left."""
        one = data.draw(st.sampled_from(self.books.replaceable()))
        old = self.books.open_key(one)
        assert old is not None
        call = a_call(one, generation=len(self.books.keys_of(one)))
        attempt = an_attempt(1, started_at=self.clock)
        send = Send(call, attempt)
        if self.writes(lambda: self.store.begin(self.run, [send], self.now()), crash):
            old.states[old.position(one)] = SETTLED
            self.books.keys[call.key] = HeldKey(call, [attempt], [LIVE], [None])
            self.books.items[one.identity].open()

    @precondition(lambda self: self.books.sendable())
    @rule(data=st.data(), crash=CRASHES)
    def send_again(self, data: st.DataObject, crash: int | None) -> None:
        """Record a further attempt under the same key."""
        held = data.draw(st.sampled_from(self.books.sendable()))
        attempt = an_attempt(len(held.attempts) + 1, started_at=self.clock)
        send = Send(held.call, attempt)
        if self.writes(lambda: self.store.begin(self.run, [send], self.now()), crash):
            held.attempts.append(attempt)
            for one in held.call.items if held.call.generation else ():
                self.books.items[one.identity].outcome = None

    @precondition(lambda self: self.books.sendable())
    @rule(data=st.data(), crash=CRASHES)
    def take_back(self, data: st.DataObject, crash: int | None) -> None:
        """Record that the last attempt never left: what was to be tried again is as it was."""
        held = data.draw(st.sampled_from(self.books.sendable()))
        attempt = replace(held.attempts[-1], answer="unsent", sent=False)
        clean = not any(one.sent for one in held.attempts[:-1])
        effects = tuple(self.restoring(one, clean) for one in held.call.items)
        result = Result(held.call, attempt, effects)
        if self.writes(lambda: self.store.finish(self.run, [result], self.now()), crash):
            held.attempts[-1] = attempt
            for one, effect in zip(held.call.items, effects, strict=True):
                self.books.record(one, effect)

    @precondition(lambda self: self.books.sendable())
    @rule(data=st.data(), crash=CRASHES)
    def answer(self, data: st.DataObject, crash: int | None) -> None:
        """Record what came of the last attempt, for each item of its call."""
        held = data.draw(st.sampled_from(self.books.sendable()))
        effects = tuple(data.draw(self.effects(one)) for one in held.call.items)
        attempt = replace(
            held.attempts[-1],
            answer=data.draw(st.sampled_from(["rows", "lost", "unreachable"])),
            sent=data.draw(st.booleans()),
            finished_at=self.clock,
        )
        result = Result(held.call, attempt, effects)
        if not self.writes(lambda: self.store.finish(self.run, [result], self.now()), crash):
            return
        held.attempts[-1] = attempt
        for position, (one, effect) in enumerate(zip(held.call.items, effects, strict=True)):
            held.put(position, effect)
            self.books.record(one, effect)

    @precondition(lambda self: self.books.open_items())
    @rule(data=st.data(), crash=CRASHES)
    def question(self, data: st.DataObject, crash: int | None) -> None:
        """Settle or burn an item's key by what the tenant shows."""
        one = data.draw(st.sampled_from(self.books.open_items()))
        held = self.books.open_key(one)
        assert held is not None
        effect = data.draw(self.effects(one).filter(lambda effect: effect.state is not LIVE))
        finding = Finding(one, key=held.call.key, effect=effect)
        if self.notes(finding, crash):
            held.put(held.position(one), effect)
            self.books.record(one, effect)

    @precondition(lambda self: self.books.items)
    @rule(data=st.data(), crash=CRASHES)
    def baseline_and_rest(self, data: st.DataObject, crash: int | None) -> None:
        """Keep what was there before, and how long a question must wait."""
        one = data.draw(st.sampled_from(self.books.known()))
        drafts = (Draft("d", "1.10", None),) if data.draw(st.booleans()) else ()
        baseline = Baseline(self.clock, ("i",), drafts)
        until = data.draw(st.none() | st.just(self.clock + timedelta(hours=1)))
        if self.notes(Finding(one, baseline=baseline, rests_until=until), crash):
            held = self.books.items[one.identity]
            held.baseline = baseline
            held.rests_until = until or held.rests_until

    @precondition(lambda self: self.books.fresh())
    @rule(data=st.data(), crash=CRASHES)
    def found_there(self, data: st.DataObject, crash: int | None) -> None:
        """Find an invoice that somebody else has made."""
        one = data.draw(st.sampled_from(self.books.fresh()))
        record = a_record(one, Outcome.ALREADY_INVOICED, **self.ids())
        effect = Effect(SETTLED, "an invoice is there", record)
        if self.notes(Finding(one, effect=effect), crash):
            self.books.record(one, effect)

    @precondition(lambda self: self.books.with_outcome(Outcome.ALREADY_INVOICED))
    @rule(data=st.data(), crash=CRASHES)
    def gone_again(self, data: st.DataObject, crash: int | None) -> None:
        """Find that what somebody else had made is there no more."""
        one = data.draw(st.sampled_from(self.books.with_outcome(Outcome.ALREADY_INVOICED)))
        if self.notes(Finding(one, reopen=True), crash):
            held = self.books.items[one.identity]
            held.outcome, held.invoice_id = None, None

    # what must be refused

    @precondition(lambda self: self.books.held_fast())
    @rule(data=st.data())
    def second_key(self, data: st.DataObject) -> None:
        """Never take another key for an item whose last one is not settled and may have left."""
        one = data.draw(st.sampled_from(self.books.held_fast()))
        self.refused(a_call(one, generation=50))

    @precondition(lambda self: self.books.with_outcome(Outcome.INVOICED, Outcome.ALREADY_INVOICED))
    @rule(data=st.data())
    def key_for_an_invoiced_item(self, data: st.DataObject) -> None:
        """Never take a new key for an item that has an invoice."""
        there = self.books.with_outcome(Outcome.INVOICED, Outcome.ALREADY_INVOICED)
        self.refused(a_call(data.draw(st.sampled_from(there)), generation=50))

    @precondition(lambda self: self.books.settled())
    @rule(data=st.data())
    def answer_to_a_settled_key(self, data: st.DataObject) -> None:
        """Never take back what is settled, by whatever comes late."""
        held = data.draw(st.sampled_from(self.books.settled()))
        effects = tuple(data.draw(self.effects(one)) for one in held.call.items)
        late = Result(held.call, held.attempts[-1], effects)
        self.refuses(lambda: self.store.finish(self.run, [late], self.now()))

    def refused(self, call: Call) -> None:
        send = Send(call, an_attempt(1))
        self.refuses(lambda: self.store.begin(self.run, [send], self.now()))

    def refuses(self, write: Callable[[], None]) -> None:
        self.before = self.newest
        with pytest.raises(LedgerFailure):
            write()
        with pytest.raises(LedgerFailure, match="failed before"):
            self.store.begin(self.run, [], self.now())
        self.lost()
        self.reopen()

    # what must hold

    @invariant()
    def nothing_told_is_forgotten(self) -> None:
        """Each item stands as the dicts have it, for those who read it one by one or all."""
        for standing in self.store.standing(POOL):
            self.books.check(standing)
        unsettled = [standing.item.identity for standing in self.store.unsettled()]
        assert unsettled == sorted(one.identity for one in self.books.open_items())
        assert self.store.newest_stamp() == self.newest

    @invariant()
    def one_live_key_an_item(self) -> None:
        """Hold the promise against the tables themselves."""
        assert self.connection is not None
        rows = self.connection.execute(
            "SELECT count(*) FROM call_item WHERE state <> 'settled' GROUP BY item_id"
        )
        assert all(count == 1 for (count,) in rows)

    def teardown(self) -> None:
        """Remove the file."""
        assert self.connection is not None
        self.connection.close()
        self.folder.cleanup()

    # the dicts

    def writes(self, write: Callable[[], None], crash: int | None) -> bool:
        """Write, perhaps die before the n-th statement; tell whether it is durable."""
        assert self.connection is not None
        self.before = self.newest
        self.connection.fuse = crash
        try:
            write()
        except Gone:
            self.connection.close()
            self.lost()
            self.open()
            return False
        self.connection.fuse = None
        return True

    def notes(self, finding: Finding, crash: int | None) -> bool:
        return self.writes(
            lambda: self.store.finish(self.run, [], self.now(), [finding]),
            crash,
        )

    def ids(self) -> dict[str, Any]:
        self.number += 1
        invoice_id = f"{self.number:032x}"
        return {"invoice_id": invoice_id, "invoice_ids": (invoice_id,)}

    def restoring(self, one: Item, clean: bool) -> Effect:
        """Say what an attempt that never left means for an item."""
        before = self.books.items[one.identity].before if clean else None
        return Effect(LIVE, "", restored=a_record(one, before) if before else None)

    def effects(self, one: Item) -> st.SearchStrategy[Effect]:
        """Draw what an answer may mean for an item."""
        absent = st.sampled_from(IfAbsent)
        outcomes = st.sampled_from([Outcome.FAILED, Outcome.NOTHING_TO_BILL])
        return st.one_of(
            st.just(Effect(LIVE, "")),
            st.builds(Effect, st.just(SETTLED), st.just("renewed"), if_absent=st.none() | absent),
            st.builds(Effect, st.just(BURNT), st.just("not known"), if_absent=absent),
            outcomes.map(lambda outcome: Effect(SETTLED, "row", a_record(one, outcome))),
            st.builds(lambda: Effect(SETTLED, "row", a_record(one, **self.ids()))),
        )


TestLedger = LedgerMachine.TestCase
TestLedger.settings = examples(50, steps=40)
