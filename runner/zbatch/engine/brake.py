"""What holds the whole run back: its rate, the server's wishes, an unreachable host, a stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta

from zbatch.engine import backoff
from zbatch.engine.age import Clocks, expires
from zbatch.engine.concurrency import Flight
from zbatch.engine.ending import StopReason
from zbatch.engine.events import Gated, Hold, InFlight, Limited, Paced, Stopping
from zbatch.engine.kinds import doubtful
from zbatch.engine.order import Work
from zbatch.engine.outage import Outage, Shown
from zbatch.engine.pacing import Flow, Pace, Reachability, Slot
from zbatch.engine.places import Places
from zbatch.engine.ports import Clock, Observer, Randomness
from zbatch.engine.refusals import Refusals
from zbatch.engine.server_clock import ServerClock
from zbatch.engine.settings import Settings
from zbatch.engine.stopping import Stoppable
from zbatch.model import Problem
from zbatch.zuora.allowance import allowance
from zbatch.zuora.limits import ROUNDED, retry_after, too_many_at_once
from zbatch.zuora.wire import Fault, Reply

_TOLD = 1.0 + ROUNDED  # a shorter wait for one of the tenant's windows is told to nobody
_NEWS = 0.02  # a share by which the pace changes before anybody is told


def always() -> bool:
    """Let it go."""
    return True


class Brake(Stoppable):
    """One for a run: every request, call or question, takes its turn here."""

    def __init__(
        self,
        clock: Clock,
        random: Randomness,
        observer: Observer,
        settings: Settings,
        works: Iterable[Work] = (),
        later: int = 0,
    ) -> None:
        super().__init__(clock, settings)
        self._random = random
        self._tell = observer
        self._pace = settings.pace or Pace(settings.limits.rate)
        self.places = Places(settings.limits.concurrency, clock)
        self._reachability = Reachability(settings.patience, self.jitter)
        self._refusals = Refusals()
        self.server = ServerClock()
        self._newest = settings.newest
        works = tuple(works)
        self._probe = settings.probe
        self._outage = Outage(sum(len(work.items) for work in works) + later)
        self._doubted = [work for work in works if doubtful(work.attempts)]
        self._news = asyncio.Event()  # a slot may be had sooner, or never
        self._told_gap = 0.0  # seconds between requests, as whoever watches knows it

    @property
    def in_flight(self) -> int:
        """How many requests are at the server."""
        return self.places.flying

    @property
    def open(self) -> bool:
        """Whether anything may leave: the run is not stopped, and no gate is closed."""
        return not self.stopping.is_set() and self._pace.opens <= self._clock.monotonic()

    @property
    def gap(self) -> float:
        """How many seconds are between two turns now."""
        return self._pace.gap

    def room(self, within: float) -> float:
        """Tell how many requests may leave in so many seconds: no more than the tenant has left."""
        return self._pace.room(self._clock.monotonic(), within)

    async def turn(self, ready: Callable[[], bool] = always) -> bool:
        """Wait for a place in flight and a slot in the rate; False when the run stops before.

        So it is where who comes to his turn is not `ready` any more: then nothing is counted.
        """
        while await self._place():
            if await self._slot(ready):
                return True
            self.places.give_back()
            if not ready():
                return False
        return False

    async def opened(self) -> None:
        """Wait until nothing asks to be left alone, or the run stops."""
        while not self.open and not self.stopping.is_set():
            await self.until(self._news, self._pace.opens)

    async def _place(self) -> bool:
        """Wait for a place in flight; False when the run stops before one is free."""
        if self.stopping.is_set():
            return False
        if self.places.take():
            return True
        taken = asyncio.Event()
        wake = taken.set
        self.places.queue(wake)
        try:
            await taken.wait()
        except asyncio.CancelledError:
            self.places.forgo(wake)
            raise
        return not self.stopping.is_set()

    async def _slot(self, ready: Callable[[], bool]) -> bool:
        """Wait for a slot in the rate; False when the run stops or its place falls away before."""
        slot: Slot | None = None
        while not self.stopping.is_set() and self.places.stands():
            now = self._clock.monotonic()
            # a gate may have closed over the slot meanwhile, or a suspended machine missed it
            slot = slot if slot and self._pace.holds(slot, now) else self._pace.reserve(now)
            if slot.at > now:
                await self.until(self._news, slot.at)
            elif self._pace.hastens(slot, now):
                self._changed()
            elif full := self._pace.full(now):
                wait = full.until - now
                self._gate(full.reason, wait, Hold.WINDOW, told=wait >= _TOLD)
            elif not ready():
                self._pace.pass_on()
                self._changed()
                return False
            else:
                self._pace.left(slot, now)
                if abs(self._pace.gap - self._told_gap) > _NEWS * self._told_gap:
                    self._tell_pace(now)
                return True
        return False

    def _tell_pace(self, now: float) -> None:
        """Say what holds from now on: something else than before."""
        per_second, by = self._pace.bound(now)
        self._told_gap = 1.0 / per_second
        self._tell(Paced(per_second, by))

    def flying(self) -> _Flying:
        """Count a request that is at the server while the body runs."""
        return _Flying(self.places, self._tell)

    def answered(self, reply: Reply) -> None:
        """Take note that the host answered, and of what it tells of now."""
        self._reachability.answered()
        now = self._clock.monotonic()
        if self.server.heard(reply.headers, now, own=200 <= reply.status < 300):
            self.places.heard(reply)
            if told := allowance(reply.headers, self._time_of(reply, now)):
                self._pace.heard(told, now, self.places.flying)

    def learn(self, shown: Shown) -> None:
        """Take in whether the answer to a key shows that the tenant is out of order.

        While it is, requests are but probes; the run stops where too many retries fail.
        """
        outage = self._outage
        now = self._clock.monotonic()
        if outage.take(shown, now):
            self._pace.slow(self._probe if outage.on else 0.0)
            self._changed()
            self._tell_pace(now)
            if outage.on:
                why = "most calls fail, whichever account they are for"
                self._tell(Gated(why, self._probe, Hold.OUTAGE))
        if outage.lasting:
            self._stop_by_outage()

    def may_leave(self, work: Work) -> bool:
        """Tell whether a call may leave; stops the run where it is one retry too many."""
        if work.sends and self._outage.used_up:
            self._stop_by_outage()
            return False
        return True

    def retrying(self, work: Work) -> AbstractContextManager[None]:
        """Count a call that was sent before while the body sends it again."""
        return self._outage.retrying(len(work.items)) if work.sends else nullcontext()

    def _stop_by_outage(self) -> None:
        self.stop(StopReason.OUTAGE, "the tenant is out of order: most calls of any account fail")

    def flow(self) -> Flow:
        """Tell how requests have left so far."""
        return self._pace.flow()

    def clocks(self) -> Clocks:
        """Read all clocks, and keep the latest time of ours: it must never be undercut."""
        now = self._clock.now()
        clocks = Clocks(now, self._newest, self.server_date())
        self._newest = max(now, self._newest or now)
        return clocks

    def server_date(self) -> datetime | None:
        """Tell the server's time by its replies, or None before the first."""
        return self.server.now(self._clock.monotonic())

    def unreachable(self, message: str) -> None:
        """Pause the run while the host cannot be reached, and stop it when that lasts."""
        now = self._clock.monotonic()
        until = self._reachability.failed(now)
        if until is None:
            self.stop(StopReason.UNREACHABLE, message)
        else:
            self._gate(message, until - now, Hold.UNREACHABLE)

    def accepted(self, *, question: bool = False) -> None:
        """Take note that the tenant took a request in."""
        self._refusals.taken_in(question=question)

    def throttled(
        self,
        exchange: Reply | Fault,
        message: str,
        left: float,
        *,
        question: bool = False,
        crowded: bool = False,
    ) -> None:
        """Close the gate for as long as the server asks, at least for a jittered backoff.

        That grows with each refusal in a row of what has `left` since the one before. `crowded`
        where it refuses what was one too many at once. The run stops where the tenant has taken
        nothing in for too long.
        """
        self._tell(Limited(message))
        self._reachability.answered()
        now = self._clock.monotonic()
        in_a_row = self._refusals.refused(left, now, question=question)
        if self._refusals.lasting(now):
            self.stop(StopReason.LIMIT, f"the tenant takes nothing in for an hour: {message}")
        asked = self.asked(exchange, crowded=crowded) or 0.0
        self._gate(message, max(asked, self.jitter(in_a_row)), Hold.LIMIT)

    def crowded(self, flight: Flight, exchange: Reply | Fault, problem: Problem) -> None:
        """Take note of a limit that was met, where it is that of requests at once."""
        if not too_many_at_once(problem) or not flight.before:  # alone it cannot be one too many
            self.places.undecided(flight)
            return
        asked = self.asked(exchange, crowded=True)
        self.places.refused(flight, backoff.CROWDED if asked is None else asked)

    def asked(self, exchange: Reply | Fault, *, crowded: bool) -> float | None:
        """Tell for how many seconds an answer asks to wait; None where it does not say."""
        if isinstance(exchange, Fault):
            return exchange.wait
        when = self._time_of(exchange, self._clock.monotonic())
        return retry_after(exchange.headers, when, crowded=crowded)

    def _time_of(self, reply: Reply, now: float) -> datetime:
        """Tell the time by the clock of the server that replied, where it is known."""
        return self.server.meant(reply.headers, now) or self._clock.now()

    def jitter(self, failures: int) -> float:
        """Draw a wait after so many failures: full jitter."""
        return self._random.uniform(0.0, backoff.ceiling(max(failures, 1)))

    def _gate(self, reason: str, wait: float, hold: Hold, *, told: bool = True) -> None:
        """Close the gate, unless that would outlast what the run has or must keep: then stop it."""
        now = self._clock.monotonic()
        if wait > backoff.LONGEST_GATE:
            self.stop(StopReason.LIMIT, f"the server asks to wait {wait:.0f} s: {reason}")
        elif met := self._outlasted(now, wait, reason):
            self.mind(met)
        elif self._outlasts_a_key(wait):
            said = f"a wait of {wait:.0f} s would outlast a key that is in doubt: {reason}"
            self.stop(StopReason.LIMIT, said)
        elif self._pace.close(now, now + wait):
            self._changed()
            if told:
                self.places.restart()
                self._tell(Gated(reason, wait, hold))

    def _outlasts_a_key(self, wait: float) -> bool:
        """Tell whether the server would forget a key within the wait that is still good now."""
        clocks = self.clocks()
        return any(
            work.call is not None
            and not work.burnt
            and doubtful(work.attempts)
            and expires(work.attempts, clocks, timedelta(seconds=wait))
            for work in self._doubted
        )

    def _let_go(self, message: str, hint: str) -> None:
        self.places.close()
        self._news.set()
        self._tell(Stopping(message, self.in_flight, hint))

    def _changed(self) -> None:
        """Wake all who wait for a slot: theirs is void."""
        self._news.set()
        self._news = asyncio.Event()


class _Flying:
    """A request at the server as a context; one from a generator would cost four times as much."""

    __slots__ = ("_flight", "_places", "_tell")

    def __init__(self, places: Places, observer: Observer) -> None:
        self._places = places
        self._tell = observer

    def __enter__(self) -> Flight:
        self._flight = self._places.took_off()
        self._tell(InFlight(self._places.flying, self._places.allowed))
        return self._flight

    def __exit__(self, *_: object) -> None:
        self._places.landed(self._flight)
        self._tell(InFlight(self._places.flying, self._places.allowed))
