"""Saboteurs of keys, intents and sends: what leaves, under which key, and what is kept of it."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from support.saboteurs.bench import Bench, Provoked
from support.saboteurs.saboteur import LOST, RULES, TWICE, saboteur
from zbatch.engine import carrier
from zbatch.engine.aftermath import Aftermath
from zbatch.engine.carrier import Carrier, send_of
from zbatch.engine.decision import Again, Pause
from zbatch.engine.loop import Committer, Engine
from zbatch.engine.order import Work
from zbatch.ledger.store import Store
from zbatch.model import Attempt, Result, Send
from zbatch.zuora import request
from zbatch.zuora.request import KEY_PREFIX, track_id, wire_of
from zbatch.zuora.wire import Fault, FaultKind, Reply, Request


@saboteur("D2", test=f"{TWICE}d02_a_retry_never_mints_a_key")
def a_key_for_each_send(bench: Bench) -> None:
    """The code that sends gives each send a key of its own."""

    def substitute(work: Work, attempt: Attempt) -> Send:
        send = send_of(work, attempt)
        key = f"{send.call.key[:-3]}{attempt.number:03x}"
        return replace(send, call=replace(send.call, key=key))

    bench.local(carrier, "send_of", substitute)


@saboteur("D3", test=f"{TWICE}d03_a_crash_after_the_send_finds_the_key_in_the_ledger")
def a_key_is_kept_with_its_answer(bench: Bench) -> None:
    """A call is written to the ledger only once its answer is in: a crash leaves no trace of it."""
    commit = Store.commit
    unwritten: dict[Store, list[Send]] = {}

    def write(
        store: Store,
        run_id: str,
        sends: Sequence[Send],
        results: Sequence[Result],
        findings: Any,
        now: Any,
    ) -> None:
        answered = {result.call.key for result in results}
        due = [send for send in unwritten.get(store, []) if send.call.key in answered]
        unwritten[store] = [send for send in unwritten.get(store, []) if send not in due]
        unwritten[store].extend(sends)
        if due:
            commit(store, run_id, due, (), (), now)
        commit(store, run_id, (), results, findings, now)

    bench.method(Store, "commit", write)


@saboteur("D14", test=f"{TWICE}d14_a_copied_spec_on_another_host_has_equal_keys")
def keys_by_chance(bench: Bench) -> None:
    """A key is drawn, so that another machine or a lost ledger never lands on the same one."""
    derived, drawn = request.idempotency_key, itertools.count()

    def substitute(*given: Any) -> str:
        seed = f"{derived(*given)}{next(drawn)}"
        return KEY_PREFIX + hashlib.sha256(seed.encode()).hexdigest()

    bench.function(derived, substitute)


@saboteur("D18", test=f"{TWICE}d18_what_was_in_flight_at_the_second_signal_is_in_doubt")
def an_interrupt_takes_calls_back(bench: Bench) -> None:
    """Calls in flight at the second signal are put down as never sent."""
    carry = Engine._carry

    async def substitute(engine: Any, armed: Any) -> None:
        try:
            await carry(engine, armed)
        except asyncio.CancelledError:
            engine._withdrawn.append(armed)
            raise

    bench.method(Engine, "_carry", substitute)


@saboteur("D21", test=f"{TWICE}d21_no_second_call_for_the_other_invoice_ids")
def a_second_call_for_more_ids(bench: Bench) -> None:
    """After an answer the account is called once more, to learn what else it got."""
    send = Carrier._send

    async def substitute(self: Any, work: Work, attempt: Attempt) -> Reply | Fault:
        exchange = await send(self, work, attempt)
        if isinstance(exchange, Reply) and exchange.status == 200:
            call = self._settings.make_call(work.items, work.generation + 1)
            tracked = track_id(call.key, self._settings.run_tail, 1)
            await self._ports.sender.send(Request(call.key, call.wire, tracked, None, None))
        return exchange

    bench.method(Carrier, "_send", substitute)


@saboteur(
    "L17",
    test=f"{LOST}l17_one_items_bug_does_not_cancel_its_siblings",
    beyond="the simulation draws faults of the world, not bugs of ours",
)
def one_bug_ends_all(bench: Bench) -> None:
    """An error in one call cancels the calls beside it."""
    send, guarded = Carrier._send, Engine._guarded

    async def raising(self: Any, work: Work, attempt: Attempt) -> Reply | Fault:
        exchange = await send(self, work, attempt)
        if isinstance(exchange, Fault) and exchange.kind is FaultKind.INTERNAL:
            raise Provoked
        return exchange

    async def cancelling(self: Any, part: Any) -> None:
        await guarded(self, part)
        if self._brake.stopped:
            self.abandon()

    bench.method(Carrier, "_send", raising)
    bench.method(Engine, "_guarded", cancelling)


@saboteur("R1", test=f"{RULES}r01_doubt_never_mints_a_second_key")
def a_second_key_beside_the_first(bench: Bench) -> None:
    """A retry takes the next key while the last is unsettled, and the ledger lets it."""
    try_again = Aftermath._try_again

    def substitute(self: Any, work: Work, decision: Again) -> None:
        if decision.pause is not Pause.BACKOFF:
            try_again(self, work, decision)
            return
        for item, trail in zip(work.items, work.trails, strict=True):
            self._renew(work, item, trail, work.asked_at, self._brake.jitter(work.tries))

    bench.method(Aftermath, "_try_again", substitute)
    _let_the_ledger(bench)


@saboteur(
    "R1",
    test="tests/ledger/test_store.py::test_a_second_live_key_of_an_item_is_refused",
    beyond="the engine never asks the ledger for a second key: only a second fault would show it",
)
def the_ledger_takes_two_keys(bench: Bench) -> None:
    """The ledger no longer refuses a second unsettled key of an item."""
    _let_the_ledger(bench)


def _let_the_ledger(bench: Bench) -> None:
    open_store = Store.__init__

    def substitute(self: Store, connection: sqlite3.Connection, path: Path) -> None:
        open_store(self, connection, path)
        connection.execute("DROP INDEX IF EXISTS one_live_key")

    bench.method(Store, "__init__", substitute)


@saboteur("R2", test=f"{RULES}r02_the_intent_is_durable_before_the_first_byte")
def the_intent_comes_after_the_send(bench: Bench) -> None:
    """A call leaves first, and is written to the ledger once it is answered."""
    carry = Carrier.carry

    async def no_intent(self: Any, sends: Sequence[Send]) -> None:
        """Write nothing."""

    async def then_intent(self: Any, work: Work, attempt: Attempt) -> Any:
        judgement = await carry(self, work, attempt)
        await self._ports.ledger.commit([send_of(work, attempt)], (), ())
        return judgement

    bench.method(Committer, "begin", no_intent)
    bench.method(Carrier, "carry", then_intent)


@saboteur("R2", test=f"{RULES}r02_a_resend_carries_the_same_bytes_under_the_same_key")
def a_resend_is_built_anew(bench: Bench) -> None:
    """A resend serialises the request again, and not byte for byte as before."""

    def substitute(work: Work, attempt: Attempt) -> Send:
        send = send_of(work, attempt)
        body = json.dumps(json.loads(send.call.body)).encode()
        wire = send.call.wire if attempt.number == 1 else wire_of(body)
        return replace(send, call=replace(send.call, wire=wire))

    bench.local(carrier, "send_of", substitute)
