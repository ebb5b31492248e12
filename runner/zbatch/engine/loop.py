"""The loop that sends: questions and intents before, outcomes after; decisions are made elsewhere.

Three kinds of tasks share a run. One arms: it takes calls that may start, lets the tenant be asked
about them, and makes their intents durable in groups, ahead of their turn. The workers, as many as
requests may be in flight, ask and send. One commits: it gathers what came of it, makes that
durable in groups, and only then tells anyone or goes on with the account.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from zbatch.engine.aftermath import Aftermath
from zbatch.engine.asking import Asker, Unanswered
from zbatch.engine.brake import Brake
from zbatch.engine.carrier import Carrier, send_of
from zbatch.engine.conclusion import after_rest, ask_from, needs_conclusion
from zbatch.engine.ending import Ending, PlacesUsed, StopReason
from zbatch.engine.events import Event
from zbatch.engine.judge import not_sent, still_live, unsent
from zbatch.engine.kinds import last_word
from zbatch.engine.looks import Looks
from zbatch.engine.order import NOTHING_LATER, Later, Order, Work, doubted
from zbatch.engine.ports import Observer
from zbatch.engine.preflight import OTHER_HOST, before_sending, recheck
from zbatch.engine.question import Seen
from zbatch.engine.rules import Tally
from zbatch.engine.settings import Ports, Settings
from zbatch.engine.stages import Stages
from zbatch.engine.steps import Cleared, Facts, Step
from zbatch.errors import LedgerFailure
from zbatch.model import Attempt, Item
from zbatch.zuora.request import track_id

LINGER = 0.09  # seconds that answers are gathered for one commit
STALE_INTENT = 30.0  # seconds after which an intent no longer tells when its call left
LOOK_AGAIN = 0.5  # seconds between two looks at whether there is room for what may leave
WAVE = 50  # items asked about at once: two branches of two conditions each, of 200


@dataclass(frozen=True, slots=True)
class _Sending:
    work: Work
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class _Asking:
    works: tuple[Work, ...]


class Engine:
    """Send the works of one run, once."""

    def __init__(
        self,
        ports: Ports,
        settings: Settings,
        works: Iterable[Work],
        later: Later = NOTHING_LATER,
    ) -> None:
        ports = replace(ports, observer=self._telling(ports.observer))
        self._ports = ports
        self._settings = settings
        self._intents_ahead = settings.intents_ahead
        self._asked_ahead = settings.asked_ahead
        self._ask_life = settings.ask_life
        self._settle = timedelta(seconds=settings.settling.settle)
        works = list(works)
        self._brake = Brake(ports.clock, ports.random, ports.observer, settings, works, later.items)
        self._asker = Asker(ports.sender, self._brake, ports.clock)
        staging = settings.stages
        self._stages = Stages(staging.of, works, staging.looked, staging.past)
        self._looks = Looks(ports, self._brake, self._stages, staging)
        opening = self._stages.number
        self._later = later
        self._order = Order(works, 0 if self._stages.unseen(opening) else opening)
        tally = Tally(settings.rules, doubted(works))
        self._aftermath = Aftermath(ports, settings, self._order, self._brake, tally)
        self._armed: asyncio.Queue[_Sending | _Asking | None] = asyncio.Queue()
        self._carrier = Carrier(ports, settings, self._brake)
        self._withdrawn: list[_Sending] = []
        self._drained = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []
        self._abandoned: list[Item] = []

    @property
    def brake(self) -> Brake:
        """What every request takes its turn at, also one that is asked beside the run."""
        return self._brake

    async def run(self) -> Ending:
        """Send until every item is settled, given up or held back, or until stopped."""
        self._workers = [
            asyncio.create_task(self._guarded(self._work())) for _ in range(self._settings.workers)
        ]
        committer = asyncio.create_task(self._guarded(self._commit()))
        with self._brake.timed(self._aftermath.more):
            await self._guarded(self._arm())
            await asyncio.wait(self._workers)
        self._drained.set()
        self._aftermath.waiting.set()
        await committer
        await self._guarded(self._record_withdrawn())
        return Ending(
            self._brake.stopped,
            self._carrier.sent,
            tuple(self._aftermath.blocked),
            tuple(self._abandoned),
            tuple(self._aftermath.left),
            self._asker.asked,
            self._aftermath.settles_at,
            PlacesUsed(self._brake.places.peak, self._brake.places.allowed),
            self._brake.flow(),
        )

    def stop(self, reason: StopReason, message: str, hint: str = "") -> None:
        """Start no further call; those in flight are awaited. The first reason counts."""
        self._brake.stop(reason, message, hint)
        self._aftermath.more.set()

    def abandon(self) -> None:
        """Await no answer any more: calls in flight stay in the ledger as sent and unanswered."""
        for work in self._carrier.flying:
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
        except Unanswered:
            self._aftermath.more.set()  # the brake holds the reason
        except Exception as error:  # a bug of ours: nothing more is sent, what flies may land
            self._broken(error)

    # Arming: questions and intents before sends

    async def _arm(self) -> None:
        aftermath = self._aftermath
        try:
            await self._looks.note()
            while not self._brake.stopping.is_set():
                aftermath.more.clear()
                if aftermath.in_hand.cleared and (room := self._room()) > 0:
                    await self._begin(room)
                elif works := await self._taken(self._wanted()):
                    self._route(works)
                elif aftermath.in_hand or not self._order.idle:
                    await self._brake.until(aftermath.more, self._look_again())
                elif not aftermath.wake_resting() and not await self._next_stage():
                    return
        finally:
            for _ in self._workers:
                self._armed.put_nowait(None)

    def _look_again(self) -> float | None:
        """Tell when to look again unasked: for room, too, which a question beside the run gives."""
        when = self._order.next_time()
        if not self._aftermath.in_hand.cleared:
            return when
        soon = self._ports.clock.monotonic() + LOOK_AGAIN
        return soon if when is None else min(when, soon)

    async def _next_stage(self) -> bool:
        """Open the next stage once those ahead of it were looked at; tell whether one opens."""
        while (following := self._following()) is not None:
            if (unseen := self._stages.unseen(following)) is None:
                self._stages.begin(max(following, self._stages.number))
                self._order.open(self._stages.number)
                self._aftermath.begin_stage()
                return True
            if not await self._looks.at(unseen, following):
                return False
        return False

    def _following(self) -> int | None:
        """Name the first stage that is not open and of which something could start."""
        following = self._order.next_stage
        if following is None and self._later.ordinal is not None:
            return self._later.stage  # the last one
        return following

    async def _taken(self, wanted: int) -> list[Work]:
        """Take works that may start, making those whose turn comes before that of others."""
        works: list[Work] = []
        while True:
            coming = self._later.ordinal if self._order.is_open(self._later.stage) else None
            now = self._ports.clock.monotonic()
            works += self._order.take(now, wanted - len(works), before=coming)
            if coming is None or len(works) >= wanted:
                return works
            self._order.add(await self._later.works())

    def _room(self) -> int:
        """How many more intents may be made durable ahead of their turn.

        Where few may be in flight, no more than can leave before their questions are too old.
        """
        ahead = self._armed.qsize() + self._brake.places.waiting
        return self._brake.places.within(self._ask_life / 4, self._intents_ahead) - ahead

    def _wanted(self) -> int:
        """How many works to take: whole waves, since a question costs as much as a call."""
        under_way = self._armed.qsize() + self._aftermath.in_hand.ahead
        return WAVE if under_way < self._asked_ahead else 0

    def _route(self, works: Sequence[Work]) -> None:
        """Let works rest, be asked about, or go on where the last question is still good."""
        in_hand = self._aftermath.in_hand
        in_hand.take(works)
        facts = self._facts()
        asking: list[Work] = []
        for work in works:
            if self._must_rest(work, facts):
                continue
            life = self._ask_life / 2
            if self._asked_within(life, work) and not needs_conclusion(work, facts):
                in_hand.clear(work)
            else:
                asking.append(work)
        for wave in _waves(asking):
            in_hand.ask(wave)
            self._armed.put_nowait(_Asking(wave))

    def _must_rest(self, work: Work, facts: Facts) -> bool:
        """Put aside a work that may not be asked about yet."""
        until = work.rests_until
        if needs_conclusion(work, facts):
            until = ask_from(work, facts)
        if until is None or until <= facts.now:
            return False
        problem = OTHER_HOST  # what alone puts an item aside that has no key
        if work.apart:
            problem = work.apart
        elif work.attempts:
            problem = last_word(work.attempts)
        self._aftermath.rest(work, until, problem)
        return True

    async def _begin(self, most: int) -> None:
        works = self._aftermath.in_hand.next_cleared(most)
        life = self._ask_life / 2  # the other half is for the wait ahead of its turn
        sends = [
            _Sending(work, self._attempt(work)) for work in works if self._asked_within(life, work)
        ]
        timely = {one.work for one in sends}
        for work in works:
            if work not in timely:
                self._aftermath.ask_anew(work)
        if not sends:
            return
        for one in sends:
            if one.work.reopened:
                self._stages.begin_anew(one.work.stage)
        await self._looks.note()
        await self._ports.ledger.begin([send_of(one.work, one.attempt) for one in sends])
        for one in sends:
            self._armed.put_nowait(one)

    def _attempt(self, work: Work) -> Attempt:
        if self._settings.read_only:
            raise ValueError("a command that only asks sends no call")
        if work.apart:
            raise ValueError("a call is sent with all its items or not at all")
        if work.call is None:
            work.call = self._settings.make_call(work.items, work.generation)
        number = len(work.attempts) + 1
        tracked = track_id(work.call.key, self._settings.run_tail, number)
        now = self._ports.clock.now()
        return Attempt(number, now, tracked, server_date=self._brake.server_date())

    # Asking and sending

    async def _work(self) -> None:
        while (armed := await self._armed.get()) is not None:
            if self._armed.qsize() <= self._intents_ahead // 2:
                self._aftermath.more.set()
            if isinstance(armed, _Asking):
                await self._ask(armed.works)
            elif await self._turn_of(armed):
                await self._carry(armed)

    async def _ask(self, works: Sequence[Work]) -> None:
        """Ask about a wave and hand over what follows for each work of it."""
        asked_at, seen = await self._asker.see(works)
        facts = self._facts()
        for work in works:
            self._aftermath.credited(work)
            self._aftermath.add_look(work, self._look(work, seen[work], facts), asked_at)

    def _look(self, work: Work, seen: Sequence[Seen], facts: Facts) -> Cleared | tuple[Step, ...]:
        if work.held:
            return (recheck(work, work.held, seen[0]),)
        if needs_conclusion(work, facts):
            return after_rest(work, seen, facts)
        return before_sending(work, seen, facts)

    async def _turn_of(self, armed: _Sending) -> bool:
        """Wait for a turn in rate and places; withdraw the call if the run stops before."""
        try:
            if await self._brake.turn():
                return True
        except asyncio.CancelledError:
            self._withdrawn.append(armed)
            raise
        self._withdrawn.append(armed)
        self._aftermath.more.set()  # a window of the tenant may be what stopped the run
        return False

    async def _carry(self, armed: _Sending) -> None:
        work, attempt = armed.work, armed.attempt
        lately = self._asked_within(self._ask_life, work)
        if not lately or needs_conclusion(work, self._facts()):
            # a gate or a suspended machine took the time
            self._brake.places.give_back()
            self._aftermath.add(work, not_sent(work, attempt, self._ports.clock.now()))
            return
        attempt = await self._timely(work, attempt)
        self._aftermath.add(work, await self._carrier.carry(work, attempt))

    async def _timely(self, work: Work, attempt: Attempt) -> Attempt:
        """Renew the time of an intent that waited long, since later runs count from it."""
        now = self._ports.clock.now()
        if abs((now - attempt.started_at).total_seconds()) <= STALE_INTENT:
            return attempt
        attempt = replace(attempt, started_at=now)
        try:
            await self._ports.ledger.begin([send_of(work, attempt)])
        except asyncio.CancelledError:
            self._withdrawn.append(_Sending(work, attempt))
            raise
        return attempt

    # Committing: outcomes before anybody is told

    async def _commit(self) -> None:
        aftermath = self._aftermath
        while not (self._drained.is_set() and not aftermath):
            await aftermath.waiting.wait()
            await self._brake.until(self._drained, self._ports.clock.monotonic() + LINGER)
            await aftermath.commit()

    async def _record_withdrawn(self) -> None:
        """Note that armed calls never left, so that their keys stay clean."""
        while not self._armed.empty():
            armed = self._armed.get_nowait()
            if isinstance(armed, _Sending):
                self._withdrawn.append(armed)
        now = self._ports.clock.now()
        results = [still_live(one.work, unsent(one.attempt, now)) for one in self._withdrawn]
        if results:
            await self._ports.ledger.finish(results, ())

    # Small things

    def _telling(self, observer: Observer) -> Observer:
        """Let no watcher cost an answer: what it raises stops the run in order."""

        def tell(event: Event) -> None:
            self._stages.take(event)
            try:
                observer(event)
            except Exception as error:  # as above: a bug of whoever watches
                self._broken(error)

        return tell

    def _broken(self, error: Exception) -> None:
        self.stop(StopReason.INTERNAL, f"internal error: {type(error).__name__}: {error}")

    def _facts(self) -> Facts:
        settings = self._settings
        return Facts(self._brake.clocks(), self._settle, settings.read_only, settings.accepted)

    def _asked_within(self, life: float, work: Work) -> bool:
        """Tell whether a question still lets the work go; a suspended machine's is too old."""
        if work.asked_at is None:
            return False
        clock = self._ports.clock
        steady, wall = work.asked_at
        passed = (clock.now() - wall).total_seconds()
        return clock.monotonic() - steady <= life and -STALE_INTENT <= passed <= life


def _waves(works: Sequence[Work]) -> Iterable[tuple[Work, ...]]:
    """Cut works into waves of at most `WAVE` items, never through a call."""
    wave: list[Work] = []
    held = 0
    for work in works:
        if wave and held + len(work.items) > WAVE:
            yield tuple(wave)
            wave, held = [], 0
        wave.append(work)
        held += len(work.items)
    if wave:
        yield tuple(wave)
