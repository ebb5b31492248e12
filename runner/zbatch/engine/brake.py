"""What holds the whole run back: its rate, the server's wishes, an unreachable host, a stop."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar

from zbatch.engine import backoff
from zbatch.engine.age import Clocks
from zbatch.engine.concurrency import Flight
from zbatch.engine.events import Gated, InFlight, Stopping
from zbatch.engine.pacing import Pace, Reachability
from zbatch.engine.places import Places
from zbatch.engine.ports import Clock, Observer, Randomness
from zbatch.engine.rules import overdue
from zbatch.engine.settings import Settings, Stop
from zbatch.engine.verdict import StopReason
from zbatch.model import MetRule, Problem
from zbatch.zuora.limits import date_of, retry_after, too_many_at_once
from zbatch.zuora.wire import Fault, Reply

T = TypeVar("T")

# What a run that is stopping already must still be known for: its exit code is graver.
_GRAVE = frozenset({StopReason.DISK, StopReason.INTERNAL})


class Brake:
    """One for a run: every request, call or question, takes its turn here."""

    def __init__(
        self, clock: Clock, random: Randomness, observer: Observer, settings: Settings
    ) -> None:
        self._clock = clock
        self._random = random
        self._tell = observer
        self._pace = settings.pace or Pace(settings.limits.rate)
        self.places = Places(settings.limits.concurrency, clock)
        self._reachability = Reachability(settings.patience, self.jitter)
        self._throttled_since: float | None = None
        self._server: tuple[datetime, float] | None = None
        self._newest = settings.newest
        self._rules = settings.rules
        self._began = settings.began
        self.stopping = asyncio.Event()
        self.stopped: Stop | None = None
        self.in_flight = 0

    def stop(
        self, reason: StopReason, message: str, hint: str = "", rule: MetRule | None = None
    ) -> None:
        """Let nothing further leave; the first reason counts, unless a graver one follows it."""
        if self.stopped is None:
            self.stopped = Stop(reason, message, rule)
            self.stopping.set()
            self.places.close()
            self._tell(Stopping(message, self.in_flight, hint))
        elif reason in _GRAVE and self.stopped.reason not in _GRAVE:
            self.stopped = Stop(reason, f"{message}; before that: {self.stopped.message}")

    def mind(self, met: MetRule | None) -> None:
        """Stop the run where one of the spec's own rules is met."""
        if met is not None:
            self.stop(StopReason.RULE, met.message, rule=met)

    @contextmanager
    def timed(self, wake: asyncio.Event) -> Iterator[None]:
        """Stop the run at its deadline, whatever it waits for then, unless the body ends before."""
        if self._rules.deadline is None:
            yield
            return
        now, loop = self._clock.monotonic(), asyncio.get_running_loop()
        began = now if self._began is None else self._began
        left = max(0.0, self._rules.deadline - (now - began))
        timer = loop.call_later(left, self._overdue, began, wake)
        try:
            yield
        finally:
            timer.cancel()

    async def unless_stopped(self, answer: Coroutine[Any, Any, T]) -> T | None:
        """Wait for an answer, at most until the run stops: then None, and nobody is asked on."""
        asked = asyncio.ensure_future(answer)
        stopped = asyncio.ensure_future(self.stopping.wait())
        await asyncio.wait((asked, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if asked.done():
            return asked.result()
        asked.cancel()
        await asyncio.wait((asked,))
        return None

    async def turn(self) -> bool:
        """Wait for a place in flight and a slot in the rate; False when the run stops before."""
        while await self._place():
            if await self._slot():
                return True
            self.places.give_back()
        return False

    async def _place(self) -> bool:
        """Wait for a place in flight; False when the run stops before one is free."""
        if self.stopping.is_set() or self.places.take():
            return not self.stopping.is_set()
        taken = asyncio.Event()
        wake = taken.set
        self.places.queue(wake)
        try:
            await taken.wait()
        except asyncio.CancelledError:
            self.places.forgo(wake)
            raise
        return not self.stopping.is_set()

    async def _slot(self) -> bool:
        """Wait for a slot in the rate; False when the run stops or its place falls away before."""
        slot = -math.inf  # none yet
        while not self.stopping.is_set() and self.places.stands():
            now = self._clock.monotonic()
            # a gate may have closed over the slot meanwhile
            slot = slot if self._pace.holds(slot) else self._pace.reserve(now)
            if slot <= now:
                return True
            await self.until(self.stopping, slot)
        return False

    @contextmanager
    def flying(self) -> Iterator[Flight]:
        """Count a request that is at the server while the body runs."""
        self.in_flight += 1
        try:
            with self.places.flying() as flight:
                self._tell(InFlight(self.in_flight, self.places.allowed))
                yield flight
        finally:
            self.in_flight -= 1
            self._tell(InFlight(self.in_flight, self.places.allowed))

    def answered(self, reply: Reply) -> None:
        """Take note that the host answered, and of its clock."""
        self._reachability.answered()
        self.places.heard(reply)
        if date := date_of(reply.headers):
            self._server = (date, self._clock.monotonic())

    def clocks(self) -> Clocks:
        """Read all clocks, and keep the latest time of ours: it must never be undercut."""
        now = self._clock.now()
        clocks = Clocks(now, self._newest, self.server_date())
        self._newest = max(now, self._newest or now)
        return clocks

    def server_date(self) -> datetime | None:
        """Tell the server's time by its last reply, or None before the first."""
        if self._server is None:
            return None
        date, then = self._server
        return date + timedelta(seconds=self._clock.monotonic() - then)

    def unreachable(self, message: str) -> None:
        """Pause the run while the host cannot be reached, and stop it when that lasts."""
        now = self._clock.monotonic()
        until = self._reachability.failed(now)
        if until is None:
            self.stop(StopReason.UNREACHABLE, message)
        else:
            self._gate(message, until - now)

    def accepted(self) -> None:
        """Take note that the tenant took a request in."""
        self._throttled_since = None

    def throttled(self, exchange: Reply | Fault, message: str, failures: int) -> None:
        """Close the gate for as long as the server asks, at least for a jittered backoff.

        The run stops where the tenant has taken nothing in for too long.
        """
        now = self._clock.monotonic()
        if self._throttled_since is None:
            self._throttled_since = now
        if now - self._throttled_since > backoff.LONGEST_GATE:
            self.stop(StopReason.LIMIT, f"the tenant takes nothing in for an hour: {message}")
        headers = exchange.headers if isinstance(exchange, Reply) else {}
        asked = retry_after(headers, self._clock.now()) or 0.0
        self._gate(message, max(asked, self.jitter(failures)))

    def crowded(self, flight: Flight, exchange: Reply | Fault, problem: Problem) -> None:
        """Take note of a limit that was met, where it is that of requests at once."""
        if not too_many_at_once(problem):
            self.places.undecided(flight)
            return
        headers = exchange.headers if isinstance(exchange, Reply) else {}
        asked = retry_after(headers, self._clock.now())
        self.places.refused(flight, backoff.CROWDED if asked is None else asked)

    def jitter(self, failures: int) -> float:
        """Draw a wait after so many failures: full jitter."""
        return self._random.uniform(0.0, backoff.ceiling(max(failures, 1)))

    async def until(self, event: asyncio.Event, when: float | None) -> None:
        """Wait for an event, at most until a time of the steady clock."""
        if event.is_set():
            return
        wait = None if when is None else max(0.0, when - self._clock.monotonic())
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await event.wait()

    def _overdue(self, began: float, wake: asyncio.Event) -> None:
        self.mind(overdue(self._rules, self._clock.monotonic() - began))
        wake.set()

    def _gate(self, reason: str, wait: float) -> None:
        if wait > backoff.LONGEST_GATE:
            self.stop(StopReason.LIMIT, f"the server asks to wait {wait:.0f} s: {reason}")
        elif self._pace.close(self._clock.monotonic() + wait):
            self.places.restart()
            self._tell(Gated(reason, wait))
