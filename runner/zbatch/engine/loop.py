"""The loop that sends: intents before, outcomes after; what an answer means is decided elsewhere.

Three kinds of tasks share the run. One arms: it takes calls that may start and makes them durable
in groups, ahead of their turn. The workers, as many as calls may be in flight, send. One commits:
it gathers answers, makes them durable in groups, and only then tells anyone or goes on with the
account.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from dataclasses import replace

from zbatch.engine import backoff
from zbatch.engine.age import expired
from zbatch.engine.events import Event, Gated, InFlight, Retrying, Settled, Stopping
from zbatch.engine.judge import (
    Judgement,
    answered,
    burnt_by_age,
    judge,
    still_live,
    unknown_records,
    unsent,
)
from zbatch.engine.order import Order, Work
from zbatch.engine.pacing import Pace, Reachability
from zbatch.engine.settings import Ending, Ports, Settings, Stop
from zbatch.engine.verdict import Again, Context, Halt, Kind, Pause, Settle, StopReason, doubtful
from zbatch.errors import LedgerFailure
from zbatch.model import Attempt, Item, Outcome, Send
from zbatch.zuora.limits import retry_after
from zbatch.zuora.reply import Answer, Rows, read_reply
from zbatch.zuora.request import track_id
from zbatch.zuora.wire import Fault, FaultKind, Reply, Request

LINGER = 0.05  # seconds that answers are gathered for one commit
STALE_INTENT = 30.0  # seconds after which an intent no longer tells when its call left


class Engine:
    """Send the works of one run, once."""

    def __init__(self, ports: Ports, settings: Settings, works: Iterable[Work]) -> None:
        self._ports = ports
        self._settings = settings
        self._order = Order(works)
        self._pace = Pace(settings.limits.rate)
        self._reachability = Reachability(settings.patience, self._jitter)
        self._armed: asyncio.Queue[tuple[Work, Attempt] | None] = asyncio.Queue()
        self._answers: list[tuple[Work, Judgement]] = []
        self._flying: dict[Work, Attempt] = {}
        self._withdrawn: list[tuple[Work, Attempt]] = []
        self._in_hand = 0  # calls taken out of the order and not yet done with
        self._more = asyncio.Event()
        self._answers_wait = asyncio.Event()
        self._drained = asyncio.Event()
        self._stopping = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []
        self._stop: Stop | None = None
        self._sent = 0
        self._accepted = 0
        self._good_tokens: set[int] = set()
        self._newest = settings.newest
        self._blocked: list[tuple[Item, Item]] = []
        self._abandoned: list[Item] = []

    async def run(self) -> Ending:
        """Send until every item is settled, given up or held back, or until stopped."""
        self._workers = [
            asyncio.create_task(self._guarded(self._work()))
            for _ in range(self._settings.limits.concurrency)
        ]
        committer = asyncio.create_task(self._guarded(self._commit()))
        await self._guarded(self._arm())
        await asyncio.wait(self._workers)
        self._drained.set()
        self._answers_wait.set()
        await committer
        await self._guarded(self._record_withdrawn())
        return Ending(self._stop, self._sent, tuple(self._blocked), tuple(self._abandoned))

    def stop(self, reason: StopReason, message: str) -> None:
        """Start no further call; those in flight are awaited. Only the first reason counts."""
        if self._stop is None:
            self._stop = Stop(reason, message)
            self._stopping.set()
            self._more.set()
            self._tell(Stopping(message, len(self._flying)))

    def abandon(self) -> None:
        """Await no answer any more: calls in flight stay in the ledger as sent and unanswered."""
        for work in self._flying:
            self._abandoned.extend(one for one in work.items if one not in self._abandoned)
        for worker in self._workers:
            worker.cancel()

    async def _guarded(self, part: Coroutine[None, None, None]) -> None:
        """Run one part of the run; its failure ends the run in order and cancels no sibling."""
        try:
            await part
        except LedgerFailure as error:
            self.stop(StopReason.DISK, str(error))
            self.abandon()
        except Exception as error:  # a bug of ours: nothing more is sent, what flies may land
            self._broken(error)

    # Arming: intents before sends

    async def _arm(self) -> None:
        ahead = self._settings.intents_ahead
        try:
            while not self._stopping.is_set():
                self._more.clear()
                now = self._ports.clock.monotonic()
                works = self._order.take(now, ahead - self._armed.qsize())
                if works:
                    await self._begin(works)
                elif self._in_hand or len(self._order):
                    await self._until(self._more, self._order.next_time())
                else:
                    return
        finally:
            for _ in self._workers:
                self._armed.put_nowait(None)

    async def _begin(self, works: list[Work]) -> None:
        self._in_hand += len(works)
        sends = [(work, self._attempt(work)) for work in works if not self._too_old(work)]
        if sends:
            await self._ports.ledger.begin([_send(work, attempt) for work, attempt in sends])
        for work, attempt in sends:
            self._armed.put_nowait((work, attempt))

    def _attempt(self, work: Work) -> Attempt:
        if work.call is None:
            work.call = self._settings.make_call(work.items, work.generation)
        number = len(work.attempts) + 1
        tracked = track_id(work.call.key, self._settings.run_tail, number)
        return Attempt(number, self._ports.clock.now(), tracked)

    def _too_old(self, work: Work, armed: Attempt | None = None) -> bool:
        """Burn a doubtful key that the server may have forgotten: sending it could bill again.

        `armed` is the attempt that is then not made.
        """
        if not doubtful(work.attempts):
            return False
        now = self._ports.clock.now()
        if not expired(work.attempts, now, self._newest):
            self._newest = max(now, self._newest or now)
            return False
        self._answer(work, burnt_by_age(work, unsent(armed, now) if armed else None))
        return True

    # Sending

    async def _work(self) -> None:
        while (armed := await self._armed.get()) is not None:
            work, attempt = armed
            if self._armed.qsize() <= self._settings.intents_ahead // 2:
                self._more.set()
            if await self._turn_of(work, attempt):
                attempt = await self._timely(work, attempt)
                if self._too_old(work, attempt):  # a gate or a suspended machine took the time
                    continue
                exchange = await self._send(work, attempt)
                self._judge(work, attempt, exchange)

    async def _turn_of(self, work: Work, attempt: Attempt) -> bool:
        """Wait for a slot; withdraw the call if the run stops before it comes."""
        clock = self._ports.clock
        try:
            slot = self._pace.reserve(clock.monotonic())
            while not self._stopping.is_set():
                if slot > clock.monotonic():
                    await self._until(self._stopping, slot)
                elif self._pace.holds(slot):
                    return True
                else:
                    slot = self._pace.reserve(clock.monotonic())
        except asyncio.CancelledError:
            self._withdrawn.append((work, attempt))
            raise
        self._withdrawn.append((work, attempt))
        return False

    async def _timely(self, work: Work, attempt: Attempt) -> Attempt:
        """Renew the time of an intent that waited long, since later runs count from it."""
        now = self._ports.clock.now()
        if abs((now - attempt.started_at).total_seconds()) <= STALE_INTENT:
            return attempt
        attempt = replace(attempt, started_at=now)
        try:
            await self._ports.ledger.begin([_send(work, attempt)])
        except asyncio.CancelledError:
            self._withdrawn.append((work, attempt))
            raise
        return attempt

    async def _send(self, work: Work, attempt: Attempt) -> Reply | Fault:
        call = _send(work, attempt).call
        stale = max(work.refused_tokens, default=None)
        self._flying[work] = attempt
        self._tell(InFlight(len(self._flying)))
        try:
            return await self._ports.sender.send(
                Request(call.key, call.wire, attempt.track_id, stale)
            )
        except asyncio.CancelledError:
            self._sent += 1
            raise
        except Exception as error:  # a sender must not raise; if it does, the call may have left
            return Fault(FaultKind.INTERNAL, True, type(error).__name__)
        finally:
            del self._flying[work]
            self._tell(InFlight(len(self._flying)))

    # Judging: no await between the answer and its consequences for the whole run

    def _judge(self, work: Work, attempt: Attempt, exchange: Reply | Fault) -> None:
        answer = self._read(work, exchange)
        attempt = answered(attempt, exchange, answer, self._ports.clock.now())
        self._sent += attempt.sent
        work.tries += 1
        verdict = judge(work, attempt, answer, self._context(work), self._settings.max_attempts)
        if verdict.free:
            work.tries -= 1
        self._learn(work, attempt, answer)
        self._react(work, exchange, verdict)
        self._answer(work, verdict)

    def _read(self, work: Work, exchange: Reply | Fault) -> Answer | Fault:
        if isinstance(exchange, Fault):
            return exchange
        self._reachability.answered()
        return read_reply(exchange, len(work.items))

    def _context(self, work: Work) -> Context:
        if work.accepted_before is None:
            work.accepted_before = self._accepted
        return Context(
            others_accepted=self._accepted > work.accepted_before or not self._flying,
            good_tokens=frozenset(self._good_tokens),
            refused_tokens=frozenset(work.refused_tokens),
        )

    def _learn(self, work: Work, attempt: Attempt, answer: object) -> None:
        if isinstance(answer, Rows):
            self._accepted += 1
            self._good_tokens.add(attempt.token or 0)
        elif attempt.answer == Kind.UNAUTHORIZED:
            work.refused_tokens.add(attempt.token or 0)

    def _react(self, work: Work, exchange: Reply | Fault, verdict: Judgement) -> None:
        decision = verdict.decision
        if isinstance(decision, Halt):
            self.stop(decision.reason, decision.problem.message)
        elif verdict.gates:
            headers = exchange.headers if isinstance(exchange, Reply) else {}
            asked = retry_after(headers, self._ports.clock.now()) or 0.0
            self._gate(verdict.problem.message, max(asked, self._jitter(work.tries)))
        elif isinstance(decision, Again) and decision.pause is Pause.REACHABLE:
            now = self._ports.clock.monotonic()
            until = self._reachability.failed(now)
            if until is None:
                self.stop(StopReason.UNREACHABLE, decision.problem.message)
            else:
                self._gate(decision.problem.message, until - now)

    def _gate(self, reason: str, wait: float) -> None:
        if wait > backoff.LONGEST_GATE:
            self.stop(StopReason.LIMIT, f"the server asks to wait {wait:.0f} s: {reason}")
        elif self._pace.close(self._ports.clock.monotonic() + wait):
            self._tell(Gated(reason, wait))

    # Committing: outcomes before anybody is told

    def _answer(self, work: Work, verdict: Judgement) -> None:
        self._answers.append((work, verdict))
        self._answers_wait.set()

    async def _commit(self) -> None:
        while not (self._drained.is_set() and not self._answers):
            await self._answers_wait.wait()
            await self._until(self._drained, self._ports.clock.monotonic() + LINGER)
            self._answers_wait.clear()
            batch, self._answers = self._answers, []
            if batch:
                await self._ports.ledger.finish([verdict.result for _, verdict in batch])
                for work, verdict in batch:
                    self._apply(work, verdict)
                self._more.set()

    def _apply(self, work: Work, verdict: Judgement) -> None:
        self._in_hand -= 1
        attempt = verdict.result.attempt
        if attempt.number > len(work.attempts):
            work.first_sent = work.first_sent or attempt.started_at
            work.attempts = (*work.attempts, attempt)
        decision = verdict.decision
        if isinstance(decision, Settle):
            self._settle(work, verdict, decision)
        elif verdict.given_up:
            for record in unknown_records(work):
                self._tell(Settled(record))
                self._hold_back(record.item)
        elif isinstance(decision, Again):
            self._try_again(work, decision)

    def _settle(self, work: Work, verdict: Judgement, decision: Settle) -> None:
        unknown = unknown_records(work)
        for position, effect in enumerate(verdict.result.effects):
            item = work.items[position]
            if decision.verdicts[position].renews:
                self._renew(work, item)
            elif effect.record is None:
                self._tell(Settled(unknown[position]))
                self._hold_back(item)
            else:
                self._tell(Settled(effect.record))
                if effect.record.outcome is Outcome.FAILED:
                    self._hold_back(item)
                else:
                    self._order.release(item)

    def _renew(self, work: Work, item: Item) -> None:
        renewed = Work(
            work.ordinal,
            (item,),
            work.generation + 1,
            prior_attempts=work.prior_attempts + len(work.attempts),
            first_sent=work.first_sent,
            tries=work.tries,
        )
        self._postpone(renewed, self._jitter(work.tries), "renewed under the next key")

    def _hold_back(self, item: Item) -> None:
        self._blocked.extend((later, item) for later in self._order.block(item))

    def _try_again(self, work: Work, decision: Again) -> None:
        wait = 0.0
        if decision.pause is Pause.BACKOFF:
            wait = self._jitter(work.tries)
        elif decision.pause is Pause.CONFLICT:
            work.conflicts += 1
            wait = backoff.conflict_wait(work.conflicts)
        self._postpone(work, wait, decision.problem.message)

    def _postpone(self, work: Work, wait: float, reason: str) -> None:
        self._order.postpone(work, self._ports.clock.monotonic() + wait)
        self._tell(Retrying(work.items, reason, wait))

    async def _record_withdrawn(self) -> None:
        """Note that armed calls never left, so that their keys stay clean."""
        while not self._armed.empty():  # what no worker came to, all of them being given up
            if armed := self._armed.get_nowait():
                self._withdrawn.append(armed)
        now = self._ports.clock.now()
        results = [still_live(work, unsent(attempt, now)) for work, attempt in self._withdrawn]
        if results:
            await self._ports.ledger.finish(results)

    # Small things

    def _jitter(self, failures: int) -> float:
        return self._ports.random.uniform(0.0, backoff.ceiling(max(failures, 1)))

    def _tell(self, event: Event) -> None:
        try:
            self._ports.observer(event)
        except Exception as error:  # whoever watches must not cost an answer
            self._broken(error)

    def _broken(self, error: Exception) -> None:
        self.stop(StopReason.INTERNAL, f"internal error: {type(error).__name__}: {error}")

    async def _until(self, event: asyncio.Event, when: float | None) -> None:
        """Wait for an event, at most until a time of the steady clock."""
        wait = None if when is None else max(0.0, when - self._ports.clock.monotonic())
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await event.wait()


def _send(work: Work, attempt: Attempt) -> Send:
    if work.call is None:
        raise ValueError("a call is minted before it is sent")
    return Send(work.call, attempt)
