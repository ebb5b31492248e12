"""The loop that sends: questions and intents before, outcomes after; decisions are made elsewhere.

Three kinds of tasks share a run. One arms: it takes calls that may start, lets the tenant be asked
about them, and has their intents made durable in groups, ahead of their turn. The workers, as many
as requests may be in flight, ask and send. One commits: it gathers intents and what came of calls,
makes all of it durable at once, and only then tells anyone or goes on with the account.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import replace
from functools import partial

from zbatch.engine.aftermath import Aftermath
from zbatch.engine.arming import STALE_INTENT, Arming, Asking, Sending, asked_within
from zbatch.engine.asking import Asker, Unanswered
from zbatch.engine.brake import Brake
from zbatch.engine.carrier import Carrier, send_of
from zbatch.engine.conclusion import after_rest, needs_conclusion
from zbatch.engine.ending import Ending, PlacesUsed, StopReason
from zbatch.engine.events import Event, Settled, Stopping
from zbatch.engine.judge import not_sent, still_live, unsent
from zbatch.engine.looks import Looks
from zbatch.engine.order import NOTHING_LATER, Later, Order, Work, doubted
from zbatch.engine.ports import Clock, Ledger, Observer
from zbatch.engine.preflight import before_sending, recheck
from zbatch.engine.question import Seen
from zbatch.engine.rules import Tally
from zbatch.engine.settings import Ports, Settings
from zbatch.engine.stages import Stages
from zbatch.engine.steps import Cleared, Facts, Step
from zbatch.engine.supply import Supply
from zbatch.engine.turns import Turns
from zbatch.errors import LedgerFailure
from zbatch.model import Item, Send

RARE = 1.0  # seconds between two turns, from which on each is taken
LINGER = 0.09  # seconds that answers are gathered for one commit
_Intents = tuple[Sequence[Send], "asyncio.Future[None]"]  # and whom to tell once they are durable


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
        self._ask_life = settings.ask_life
        works = list(works)
        brake = Brake(ports.clock, ports.random, ports.observer, settings, works, later.items)
        self._brake = brake
        self._asker = Asker(ports.sender, brake, ports.clock)
        staging = settings.stages
        self._stages = Stages(staging.of, works, staging.looked, staging.past)
        opening = self._stages.number
        order = Order(works, 0 if self._stages.unseen(opening) else opening)
        tally = Tally(settings.rules, doubted(works))
        self._aftermath = Aftermath(ports, settings, order, brake, tally)
        self._committer = Committer(ports.ledger, ports.clock, brake, self._aftermath)
        looks = Looks(ports, brake, self._stages, staging)
        supply = Supply(order, later, self._stages, looks, ports.clock)
        self._armed: asyncio.Queue[Sending | Asking | None] = asyncio.Queue()
        self._arming = Arming(
            ports, settings, supply, brake, self._aftermath, self._committer.begin, self._armed
        )
        self._carrier = Carrier(ports, settings, brake)
        self._turns = Turns(ports.sender, brake)
        self._withdrawn: list[Sending] = []
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
        committer = asyncio.create_task(self._guarded(self._committer.run()))
        with self._brake.timed(self._aftermath.more):
            await self._guarded(self._arming.run())
            for _ in self._workers:
                self._armed.put_nowait(None)
            await asyncio.wait(self._workers)
        self._committer.drain()
        await committer
        await self._guarded(self._record_withdrawn())
        return Ending(
            self._brake.stopped,
            self._carrier.sent,
            tuple(self._aftermath.blocked),
            tuple(self._abandoned),
            tuple(self._aftermath.left),
            self._asker.asked,
            self._aftermath.resting.settles_at,
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

    # Asking and sending

    async def _work(self) -> None:
        while (armed := await self._armed.get()) is not None:
            if isinstance(armed, Asking):
                await self._ask(armed.works)
            elif timely := await self._turn_of(armed):
                await self._carry(timely)

    async def _ask(self, works: Sequence[Work]) -> None:
        """Ask about a wave and hand over what follows for each work of it."""
        asked_at, seen = await self._asker.see(works)
        facts = self._arming.facts()
        for work in works:
            self._aftermath.credited(work)
            self._aftermath.add_look(work, self._look(work, seen[work], facts), asked_at)

    def _look(self, work: Work, seen: Sequence[Seen], facts: Facts) -> Cleared | tuple[Step, ...]:
        if work.held:
            return (recheck(work, work.held, seen[0], facts),)
        if needs_conclusion(work, facts):
            return after_rest(work, seen, facts)
        return before_sending(work, seen, facts)

    async def _turn_of(self, armed: Sending) -> Sending | None:
        """Wait for a turn in rate and places; withdraw the call if the run stops before.

        Where its question is too old by then it has no turn, and is asked about anew.
        """
        comes, gives_away, lately = False, True, True
        try:
            while not comes and lately and not self._brake.stopping.is_set():
                armed = await self._timely(armed)
                still = partial(self._may_leave, armed, gives_away)
                comes = await self._turns.turn(armed.work.stale_token, still)
                gives_away = False  # once: where turns come that late, the next one may too
                lately = comes or self._asked_lately(armed.work)
        except asyncio.CancelledError:
            self._withdrawn.append(armed)
            raise
        self._arming.left()
        if comes:
            return armed
        if not self._brake.stopping.is_set():
            self._take_back(armed)
            return None
        self._withdrawn.append(armed)
        self._aftermath.more.set()  # a window of the tenant may be what stopped the run
        return None

    async def _carry(self, armed: Sending) -> None:
        """Send a call whose turn it is, unless that has become too late, or too early."""
        work = armed.work
        leaves = self._asked_lately(work) and not needs_conclusion(work, self._arming.facts())
        if leaves and not self._is_timely(armed):
            try:
                armed = await self._timely(armed)
            except asyncio.CancelledError:
                self._withdrawn.append(armed)
                raise
            leaves = self._brake.open
        if leaves:
            self._arming.sent()
            self._aftermath.add(work, await self._carrier.carry(work, armed.attempt))
        else:  # a gate, a suspended machine or the disk took the time
            self._brake.places.give_back()
            self._take_back(armed)

    def _take_back(self, armed: Sending) -> None:
        """Have a call that did not leave asked about once more."""
        work, attempt = armed.work, armed.attempt
        if not self._asked_lately(work):
            self._arming.too_old(work)
        self._aftermath.add(work, not_sent(work, attempt, self._ports.clock.now()))

    async def _timely(self, armed: Sending) -> Sending:
        """Renew the time of an intent that waited long, since later runs count from it."""
        if self._is_timely(armed):
            return armed
        now, server_date = self._ports.clock.now(), self._brake.server_date()
        attempt = replace(armed.attempt, started_at=now, server_date=server_date)
        await self._committer.begin([send_of(armed.work, attempt)])
        return replace(armed, attempt=attempt)

    def _may_leave(self, armed: Sending, gives_away: bool) -> bool:
        """Tell whether a call takes its turn as it is.

        One may be given away for an old intent, but none where turns are rare.
        """
        keeps = not gives_away or self._brake.gap > RARE
        timely = self._asked_lately(armed.work) and (keeps or self._is_timely(armed))
        return timely and self._brake.may_leave(armed.work)

    def _asked_lately(self, work: Work) -> bool:
        clock = self._ports.clock
        return asked_within(self._ask_life, work, (clock.monotonic(), clock.now()))

    def _is_timely(self, armed: Sending) -> bool:
        return -STALE_INTENT <= self._ports.clock.now() - armed.attempt.started_at <= STALE_INTENT

    async def _record_withdrawn(self) -> None:
        """Note that armed calls never left, so that their keys stay clean."""
        while not self._armed.empty():
            armed = self._armed.get_nowait()
            if isinstance(armed, Sending):
                self._withdrawn.append(armed)
        now = self._ports.clock.now()
        results = [still_live(one.work, unsent(one.attempt, now)) for one in self._withdrawn]
        if results:
            await self._ports.ledger.commit((), results, ())

    # Small things

    def _telling(self, observer: Observer) -> Observer:
        """Let no watcher cost an answer: what it raises stops the run in order."""

        def tell(event: Event) -> None:
            if type(event) is Settled:
                self._stages.take(event)
            elif type(event) is Stopping:  # also by a question beside the run
                self._aftermath.more.set()
            try:
                observer(event)
            except Exception as error:  # as above: a bug of whoever watches
                self._broken(error)

        return tell

    def _broken(self, error: Exception) -> None:
        self.stop(StopReason.INTERNAL, f"internal error: {type(error).__name__}: {error}")


class Committer:
    """Commits intents at once and answers after a moment, each with all else that waits then.

    A commit costs about as much for one row as for fifty, and a sync whatever is in it.
    """

    def __init__(self, ledger: Ledger, clock: Clock, brake: Brake, aftermath: Aftermath) -> None:
        self._ledger = ledger
        self._clock = clock
        self._brake = brake
        self._aftermath = aftermath
        self._intents: list[_Intents] = []
        self._hurry = asyncio.Event()  # not to linger: an intent waits, or nothing more comes
        self._drained = False
        self._failure: Exception | None = None

    async def begin(self, sends: Sequence[Send]) -> None:
        """Make intents durable; they may become so even where the caller is cancelled."""
        if self._failure:
            raise self._failure
        durable = asyncio.get_running_loop().create_future()
        self._intents.append((sends, durable))
        self._linger_no_longer()
        await durable

    def drain(self) -> None:
        """Commit what is there, and end: nothing more comes."""
        self._drained = True
        self._linger_no_longer()

    async def run(self) -> None:
        """Commit until drained, or until the first failure, of which all who wait are told."""
        while not self._drained or self._aftermath or self._intents:
            await self._aftermath.waiting.wait()
            await self._brake.until(self._hurry, self._clock.monotonic() + LINGER)
            self._hurry.clear()
            intents = self._take()
            try:
                await self._commit(intents)
            except Exception as error:
                self._failure = error
                for _, durable in (*intents, *self._take()):
                    if not durable.done():
                        durable.set_exception(error)
                raise

    async def _commit(self, intents: Sequence[_Intents]) -> None:
        sends = [send for some, _ in intents for send in some]
        gathered = self._aftermath.take()
        results, findings = gathered.results(), gathered.findings()
        if sends or results or findings:
            await self._ledger.commit(sends, results, findings)
        for _, durable in intents:
            if not durable.done():  # as it is where whoever waited was cancelled
                durable.set_result(None)
        self._aftermath.act(gathered)

    def _linger_no_longer(self) -> None:
        self._hurry.set()
        self._aftermath.waiting.set()

    def _take(self) -> list[_Intents]:
        taken, self._intents = self._intents, []
        return taken
