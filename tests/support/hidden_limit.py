"""A tenant with a limit on requests at once that nobody is told of, in virtual time, exactly.

`drive` sends as many as a client's number allows, for as long as it takes; an oracle that knows the
limit is driven in the same way. No engine is here: what is measured is the number alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import exp
from random import Random
from typing import Protocol

from zbatch.engine.concurrency import Concurrency, Flight
from zbatch.zuora.limits import AtOnce

WAIT = 120.0  # seconds that a refusal costs
FROM = 10.0  # the second from which on throughput counts

Latency = Callable[[Random], float]
Level = Callable[[float], int]


def fixed(seconds: float) -> Latency:
    """Let each answer take the same time."""
    return lambda random: seconds


def log_normal(mean: float, sigma: float) -> Latency:
    """Let answers take a time around a mean, some of them much longer."""
    return lambda random: mean * exp(random.gauss(-sigma * sigma / 2, sigma))


def always(number: int) -> Level:
    """Let a limit stay as it is."""
    return lambda now: number


def changing(before: int, after: int, at: float) -> Level:
    """Let a limit change at a time."""
    return lambda now: before if now < at else after


@dataclass(frozen=True, slots=True)
class Hidden:
    """What the tenant is like.

    `told` says whether replies tell of the limit, by a count that is renewed once a second.
    Where `said` is given they tell of that one. `others` are the requests of other clients.
    With `queues` nothing is refused: what is too much waits.
    """

    limit: Level
    latency: Latency
    told: bool = False
    said: Level | None = None
    others: Level = lambda now: 0
    queues: bool = False
    network: float = 0.02  # seconds one way
    slower: Callable[[float], float] = lambda now: 1.0


@dataclass(slots=True)
class Driven:
    """What came of a drive: when answers came, when sends were refused, when nothing was sent."""

    until: float
    answers: list[float] = field(default_factory=list)
    refusals: list[float] = field(default_factory=list)
    gates: list[tuple[float, float]] = field(default_factory=list)
    sent: int = 0
    most: int = 0

    def answered(self, gates: Sequence[tuple[float, float]]) -> int:
        """Count answers from the tenth second on, gate windows left out."""
        return sum(one >= FROM and not any(a < one < b for a, b in gates) for one in self.answers)

    def answered_between(self, begin: float, end: float) -> int:
        """Count answers of a time."""
        return sum(begin <= one < end for one in self.answers)

    @property
    def refused(self) -> float:
        """The share of sends that were refused."""
        return len(self.refusals) / self.sent


class Client(Protocol):
    """Whoever decides how many requests may be in flight."""

    @property
    def allowed(self) -> int: ...
    def left(self, now: float) -> Flight: ...
    def landed(self, flight: Flight, now: float) -> None: ...
    def clean(self, flight: Flight, now: float) -> None: ...
    def told(self, told: AtOnce, now: float) -> None: ...
    def refused(self, flight: Flight, now: float, wait: float) -> None: ...


class Oracle(Concurrency):
    """A client that knows the limit at any time."""

    def __init__(self, limit: Level) -> None:
        super().__init__(1000)
        self._limit = limit
        self._now = 0.0

    @property
    def allowed(self) -> int:
        """Give the limit itself."""
        return self._limit(self._now)

    def landed(self, flight: Flight, now: float) -> None:
        """Keep the time."""
        self._now = now
        super().landed(flight, now)


class _Tenant:
    """Takes requests in up to its limit, or lets them wait."""

    def __init__(self, hidden: Hidden, random: Random) -> None:
        self._hidden = hidden
        self._random = random
        self._open = 0
        self._free_at: list[float] = []
        self._told: tuple[int, AtOnce] | None = None

    def takes_in(self, now: float) -> float | None:
        """Give the time that the answer takes, or None where the request is one too many."""
        hidden = self._hidden
        limit = hidden.limit(now) - hidden.others(now)
        takes = hidden.latency(self._random) * hidden.slower(now)
        if hidden.queues:
            while len(self._free_at) < limit:
                heapq.heappush(self._free_at, 0.0)
            done = max(now, heapq.heappop(self._free_at)) + takes
            heapq.heappush(self._free_at, done)
            return done - now
        if self._open >= limit:
            return None
        self._open += 1
        return takes

    def done(self) -> None:
        """End a request."""
        self._open -= 1

    def tells(self, now: float) -> AtOnce | None:
        """Tell what a reply says of the limit: as of the last second."""
        if not self._hidden.told:
            return None
        if self._told is None or self._told[0] != int(now):
            limit = (self._hidden.said or self._hidden.limit)(now)
            left = max(0, limit - self._open - self._hidden.others(now))
            self._told = int(now), AtOnce(limit, left)
        return self._told[1]


def drive(client: Client, hidden: Hidden, until: float, seed: int = 0) -> Driven:
    """Send as many as the client allows, all the time."""
    tenant = _Tenant(hidden, Random(seed))
    driven = Driven(until)
    events: list[tuple[float, int, Callable[[float], None]]] = []
    numbers = count()
    opens = 0.0
    flying = 0

    def at(when: float, event: Callable[[float], None]) -> None:
        heapq.heappush(events, (when, next(numbers), event))

    def fill(now: float) -> None:
        nonlocal flying
        while now >= opens and flying < client.allowed:
            flying += 1
            driven.sent += 1
            driven.most = max(driven.most, flying)
            at(now + hidden.network, _arrival(client.left(now)))

    def _arrival(flight: Flight) -> Callable[[float], None]:
        def arrive(now: float) -> None:
            takes = tenant.takes_in(now)
            if takes is None:
                at(now + hidden.network, lambda now: refuse(flight, now))
            else:
                at(now + takes, lambda now: complete(flight, now))

        return arrive

    def complete(flight: Flight, now: float) -> None:
        tenant.done()
        told = tenant.tells(now)
        at(now + hidden.network, lambda now: answer(flight, told, now))

    def answer(flight: Flight, told: AtOnce | None, now: float) -> None:
        nonlocal flying
        flying -= 1
        driven.answers.append(now)
        client.landed(flight, now)
        if told:
            client.told(told, now)
        client.clean(flight, now)
        fill(now)

    def refuse(flight: Flight, now: float) -> None:
        nonlocal flying, opens
        flying -= 1
        driven.refusals.append(now)
        client.landed(flight, now)
        client.refused(flight, now, WAIT)
        if now >= opens:
            driven.gates.append((now, now + WAIT))
        else:
            driven.gates[-1] = (driven.gates[-1][0], now + WAIT)
        opens = now + WAIT
        at(opens, fill)

    at(0.0, fill)
    while events and events[0][0] < until:
        now, _, event = heapq.heappop(events)
        event(now)
    return driven


@dataclass(frozen=True, slots=True)
class Compared:
    """A run that knew nothing, and its answers to those of one that knew the limit."""

    driven: Driven
    ratio: float


def against_oracle(most: int, hidden: Hidden, until: float, seed: int = 0) -> Compared:
    """Drive a run that knows nothing and one that knows; compare them outside gate windows."""
    driven = drive(Concurrency(most), hidden, until, seed)
    ideal = drive(Oracle(hidden.limit), hidden, until, seed)
    return Compared(driven, driven.answered(driven.gates) / ideal.answered(driven.gates))
