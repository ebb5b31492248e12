"""Arming: what may start is asked about, and its intents are made durable ahead of its turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from zbatch.engine.aftermath import Aftermath
from zbatch.engine.brake import Brake
from zbatch.engine.carrier import send_of
from zbatch.engine.conclusion import ask_from, needs_conclusion
from zbatch.engine.ending import StopReason
from zbatch.engine.kinds import word_in_doubt
from zbatch.engine.order import Work
from zbatch.engine.preflight import OTHER_HOST
from zbatch.engine.server_clock import Moment
from zbatch.engine.settings import ASKED_AT_SPEED_SECONDS, Ports, Settings
from zbatch.engine.steps import Facts
from zbatch.engine.supply import Supply
from zbatch.model import Attempt, Send
from zbatch.zuora.request import track_id

STALE_INTENT = timedelta(seconds=30)  # after which an intent no longer tells when its call left
LOOK_AGAIN = 0.5  # seconds between two looks at whether there is room for what may leave
WAVE = 50  # items asked about at once: two branches of two conditions each, of 200
MOST_IN_VAIN = 3  # questions about a work that grew too old, and no call left in all that time
RESERVE = 3  # a part of so many: new intents are made once no more are left, for the time it takes
_IN_VAIN = "the tenant's limits let no call follow its question within {:g} minutes"


@dataclass(frozen=True, slots=True)
class Sending:
    """A call whose intent is durable."""

    work: Work
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Asking:
    """Works that are asked about at once."""

    works: tuple[Work, ...]


class Armed(Protocol):
    """What is armed and not yet taken by whoever sends it."""

    def qsize(self) -> int:
        """Tell how much it is."""
        ...

    def put_nowait(self, one: Sending | Asking, /) -> None:
        """Add to it."""
        ...


class Arming:
    """Takes what the supply gives, and queues questions and calls for whoever sends them."""

    def __init__(
        self,
        ports: Ports,
        settings: Settings,
        supply: Supply,
        brake: Brake,
        aftermath: Aftermath,
        begin: Callable[[Sequence[Send]], Awaitable[None]],
        armed: Armed,
    ) -> None:
        self._clock = ports.clock
        self._settings = settings
        self._supply = supply
        self._brake = brake
        self._aftermath = aftermath
        self._make_durable = begin
        self._armed = armed
        self._intents_ahead = settings.intents_ahead
        self._asked_ahead = settings.asked_ahead
        self._ask_life = settings.ask_life
        self._settle = timedelta(seconds=settings.settling.settle)
        self._in_vain = Counter[Work]()  # how often each was asked about since a call last left
        self._ahead = 0  # intents that are durable and whose calls have not left

    async def run(self) -> None:
        """Arm until every work is done with, or until the run is stopped."""
        aftermath = self._aftermath
        await self._supply.note()
        while not self._brake.stopping.is_set():
            aftermath.more.clear()
            if aftermath.in_hand.cleared and self._low() and (room := self._room()) > 0:
                await self._begin(room)
            elif works := await self._supply.take(self._wanted()):
                self._route(works)
            elif aftermath.in_hand or not self._supply.idle:
                await self._brake.until(aftermath.more, self._look_again())
            elif not aftermath.resting.wake():
                if not await self._supply.next_stage():
                    return
                aftermath.resting.begin_stage()

    def left(self) -> None:
        """Take note that an intent is no longer ahead: its call leaves, or never does."""
        self._ahead -= 1
        if self._low():
            self._aftermath.more.set()

    def sent(self) -> None:
        """Take note that a call leaves: the questions of this run are of use."""
        self._in_vain.clear()

    def too_old(self, work: Work) -> None:
        """Take note that a question lets its call go no more; stops the run that but asks."""
        self._in_vain[work] += 1
        if self._in_vain[work] >= MOST_IN_VAIN:
            self._brake.stop(StopReason.LIMIT, _IN_VAIN.format(self._ask_life / 60.0))

    def facts(self) -> Facts:
        """Read what decisions go by."""
        settings = self._settings
        return Facts(self._brake.clocks(), self._settle, settings.read_only, settings.accepted)

    # How far ahead

    def _most(self) -> int:
        """How many intents may be ahead.

        Where few may be in flight, no more than can leave before their questions are too old.
        """
        return self._timely(self._brake.places.within(self._ask_life / 4, self._intents_ahead))

    def _timely(self, many: int) -> int:
        """Tell how many of so many leave before their questions are too old, at the pace of now.

        That may be far slower than the spec's: by what the tenant tells, or in an outage.
        """
        gap = self._brake.gap
        return max(1, min(many, int(self._ask_life / 3 / gap))) if gap else many

    def _room(self) -> int:
        """How many more intents may be made durable ahead of their turn."""
        return self._most() - self._armed.qsize() - self._brake.places.waiting

    def _low(self) -> bool:
        """Tell whether so few intents are left that the next ones must be made now."""
        if self._ahead > self._intents_ahead // RESERVE:  # enough at any pace
            return False
        return self._ahead <= self._most() // RESERVE

    def _wanted(self) -> int:
        """How many works to take: whole waves, since a question costs as much as a call."""
        under_way = self._armed.qsize() + self._aftermath.in_hand.ahead
        fast = self._brake.places.within(ASKED_AT_SPEED_SECONDS, self._settings.asked_at_speed)
        most = self._timely(max(self._asked_ahead, fast))
        # behind a window that is used up questions grow too old, and those before it leave no room
        room = max(1.0, self._brake.room(self._ask_life / 2) - 1.0)
        return WAVE if under_way < min(most, room) else 0

    def _look_again(self) -> float | None:
        """Tell when to look again unasked: for room, too, which a question beside the run gives."""
        when = self._supply.next_time()
        if not self._aftermath.in_hand.cleared:
            return when
        soon = self._clock.monotonic() + LOOK_AGAIN
        return soon if when is None else min(when, soon)

    # Questions

    def _route(self, works: Sequence[Work]) -> None:
        """Let works rest, be asked about, or go on where the last question is still good."""
        in_hand = self._aftermath.in_hand
        in_hand.take(works)
        facts, life = self.facts(), self._ask_life / 2
        now = self._clock.monotonic(), facts.now
        asking: list[Work] = []
        for work in works:
            if self._must_rest(work, facts):
                continue
            if asked_within(life, work, now) and not needs_conclusion(work, facts):
                in_hand.clear(work)
            else:
                asking.append(work)
        for wave in _waves(asking):
            in_hand.ask(wave)
            self._armed.put_nowait(Asking(wave))

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
            problem = word_in_doubt(work.attempts, work.trails[0])
        self._aftermath.rest(work, until, problem)
        return True

    # Intents

    async def _begin(self, most: int) -> None:
        works = self._aftermath.in_hand.next_cleared(most)
        life = self._ask_life / 2  # the other half is for the wait ahead of its turn
        now, server_date = (self._clock.monotonic(), self._clock.now()), self._brake.server_date()
        sends = [
            Sending(work, self._attempt(work, now[1], server_date))
            for work in works
            if asked_within(life, work, now)
        ]
        timely = {one.work for one in sends}
        for work in works:
            if work not in timely:
                self.too_old(work)
                self._aftermath.ask_anew(work)
        if not sends:
            return
        for one in sends:
            if one.work.reopened:
                self._supply.begin_anew(one.work)
        await self._supply.note()
        await self._make_durable([send_of(one.work, one.attempt) for one in sends])
        self._ahead += len(sends)
        for one in sends:
            self._armed.put_nowait(one)

    def _attempt(self, work: Work, now: datetime, server_date: datetime | None) -> Attempt:
        if self._settings.read_only:
            raise ValueError("a command that only asks sends no call")
        if work.apart:
            raise ValueError("a call is sent with all its items or not at all")
        if work.call is None:
            work.call = self._settings.make_call(work.items, work.generation)
        number = len(work.attempts) + 1
        tracked = track_id(work.call.key, self._settings.run_tail, number)
        return Attempt(number, now, tracked, server_date=server_date)


def asked_within(life: float, work: Work, now: Moment) -> bool:
    """Tell whether a question still lets the work go; a suspended machine's is too old."""
    if work.asked_at is None:
        return False
    steady, wall = work.asked_at
    passed = now[1] - wall
    lately = now[0] - steady <= life and passed.total_seconds() <= life
    return lately and passed >= -STALE_INTENT


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
