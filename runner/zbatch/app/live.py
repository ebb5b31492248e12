"""How far a run is: a fold over what it tells."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from threading import Lock
from typing import Any

from zbatch.app.figures import Figures, LimitBy, Oldest, Wait
from zbatch.app.waits import Waits
from zbatch.engine.events import (
    Answered,
    Event,
    Gated,
    Hold,
    InFlight,
    Leaving,
    Limited,
    Paced,
    Settled,
    Stopping,
)
from zbatch.engine.pacing import Bound
from zbatch.model import Identity, Item, Outcome, Plan

RECENT = 10.0  # seconds over which the rate of requests is told
LATELY = 60.0  # seconds over which the speed is taken that the rest is expected at
RESTING = 1.0  # seconds after an answer until an item without an outcome is told as open
MOST_WAITING = 10.0  # times as long: a rest is not expected to wait more than that


_BY = {
    Bound.QUOTA: LimitBy.TENANT,
    Bound.SERVER: LimitBy.SERVER,
    Bound.OUTAGE: LimitBy.OUTAGE,
    Bound.RAMP: LimitBy.RAMP,
}


@dataclass(frozen=True, slots=True)
class _Flying:
    account: str
    since: float
    others: int


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    settled: int
    held: float


class Live:
    """The figures of a run while it goes on: told by the run, read by others in their threads.

    Items `held_back` by what this run does not mend are planned, and have no outcome at its end.
    """

    def __init__(
        self,
        planned: int = 0,
        earlier: int = 0,
        *,
        held_back: int = 0,
        run_id: str | None = None,
        per_call: int = 1,
        limit: tuple[float, LimitBy] = (0.0, LimitBy.SPEC),
        deadline: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._planned = planned
        self._earlier = earlier
        self._most = planned - held_back
        self._run_id = run_id
        self._per_call = per_call
        self._own_limit = limit
        self._deadline = deadline
        self._clock = clock
        self._lock = Lock()
        self._began = clock()
        self._counts: Counter[Outcome] = Counter()
        self._settled = 0  # by this run
        self._in_flight = 0
        self._allowed = 0
        self._requests = 0
        self._lately: deque[list[int]] = deque()  # second, requests that left in it
        self._limit = limit
        self._limited = 0
        self._waits = Waits()
        self._samples: deque[_Sample] = deque([_Sample(self._began, 0, 0.0)])
        self._flying: dict[str, _Flying] = {}
        self._resting: dict[Identity, float] = {}  # answered, without an outcome so far
        self._stopping: str | None = None
        self._counts_of: dict[type[Event], Callable[[Any, float], None]] = {
            InFlight: self._fly,
            Leaving: self._leave,
            Answered: self._answer,
            Settled: self._settle,
            Paced: self._pace,
            Limited: self._meet_limit,
            Gated: self._wait,
            Stopping: self._stop,
        }

    @classmethod
    def of(
        cls,
        plan: Plan,
        earlier: int,
        run_id: str,
        clock: Callable[[], float] = time.monotonic,
        *,
        held_back: int = 0,
    ) -> Live:
        """Begin the figures of a run of this plan."""
        limits = plan.spec.limits
        return cls(
            len(plan.items),
            earlier,
            held_back=held_back,
            run_id=run_id,
            per_call=limits.objects_per_call,
            limit=(limits.rate.per_second, _who_set_the_rate(plan)),
            deadline=plan.spec.stop.deadline,
            clock=clock,
        )

    def take(self, event: Event) -> None:
        """Count what the engine tells."""
        if count := self._counts_of.get(type(event)):
            with self._lock:
                count(event, self._clock())

    def _leave(self, event: Leaving, now: float) -> None:
        first = event.items[0].account_number or event.items[0].identity.account_id
        flying = _Flying(first, now, len(event.items) - 1)
        self._flying[event.attempt.track_id] = flying
        self._rest(event.items, inf)

    def _answer(self, event: Answered, now: float) -> None:
        self._flying.pop(event.attempt.track_id, None)
        self._rest(event.items, now, sent=event.attempt.sent)

    def _pace(self, event: Paced, _now: float) -> None:
        self._limit = event.per_second, _BY.get(event.by, self._own_limit[1])

    def _meet_limit(self, _event: Limited, _now: float) -> None:
        self._limited += 1

    def _wait(self, event: Gated, now: float) -> None:
        if event.hold is not Hold.OUTAGE:
            self._waits.add(now, event.wait, event.reason, event.hold)

    def _stop(self, event: Stopping, _now: float) -> None:
        self._stopping = event.reason

    def _fly(self, event: InFlight, now: float) -> None:
        if event.calls > self._in_flight:
            self._requests += 1
            self._count(int(now))
        self._in_flight, self._allowed = event.calls, event.allowed

    def _rest(self, items: tuple[Item, ...], since: float, *, sent: bool = False) -> None:
        """Let items rest; a send that never left says nothing of one that left before."""
        for item in items:
            if sent or item.identity in self._resting:
                self._resting[item.identity] = since

    def _settle(self, event: Settled, now: float) -> None:
        record = event.record
        self._counts[record.outcome] += 1
        self._resting.pop(record.item.identity, None)
        # what an earlier run has settled, and is still so, was counted before the run began
        self._settled += record.run_id in (None, self._run_id)
        self._sample(now)

    def figures(self) -> Figures:
        """Give the figures of now."""
        with self._lock:
            return self._figures(self._clock())

    def _figures(self, now: float) -> Figures:
        elapsed = now - self._began
        speed = self._speed(now)
        done = min(self._most, self._earlier + self._settled)
        wait = self._waits.now(now)
        return Figures(
            planned=self._planned,
            earlier=self._earlier,
            done=done,
            counts=dict(self._counts),
            open=sum(now - since >= RESTING for since in self._resting.values()),
            in_flight=self._in_flight,
            allowed=self._allowed,
            requests=self._requests,
            rate=self._rate(now),
            limit=self._limit[0],
            limit_by=self._limit[1],
            limited=self._limited,
            waited=self._waits.of(Hold.LIMIT, now),
            wait=wait,
            speed=speed,
            elapsed=elapsed,
            left=self._left(self._most - done, speed, elapsed, wait, now),
            deadline=None if self._deadline is None else max(0.0, self._deadline - elapsed),
            oldest=self._oldest(now),
            stopping=self._stopping,
        )

    def _count(self, second: int) -> None:
        if self._lately and self._lately[-1][0] == second:
            self._lately[-1][1] += 1
            return
        self._lately.append([second, 1])
        while self._lately[0][0] < second - RECENT:
            self._lately.popleft()

    def _rate(self, now: float) -> float:
        """Tell how many requests a second have left lately, the second under way left out."""
        span = min(RECENT, now - self._began)
        if span < 1.0:
            return self._requests / span if span > 0.1 else 0.0
        full = int(now)
        first = max(full - int(RECENT), int(self._began))
        left = sum(count for second, count in self._lately if first <= second < full)
        return left / max(1, full - first)

    def _sample(self, now: float) -> None:
        if now - self._samples[-1].at < 1.0:
            return
        self._samples.append(_Sample(now, self._settled, self._waits.total(now)))
        while len(self._samples) > 2 and now - self._samples[1].at > LATELY:
            self._samples.popleft()

    def _speed(self, now: float) -> float:
        """Tell how many items a second are settled while nothing has to wait."""
        before = self._samples[0]
        open_for = now - before.at - (self._waits.total(now) - before.held)
        return (self._settled - before.settled) / open_for if open_for > 0.0 else 0.0

    def _left(
        self, rest: int, speed: float, elapsed: float, wait: Wait | None, now: float
    ) -> float | None:
        """Expect the rest at the speed of late, no faster than may be, with as many waits."""
        most = self._limit[0] * self._per_call
        if not speed and not self._settled:
            speed = most
        if most:
            speed = min(speed, most)
        if not rest or not speed or self._stopping:
            return None
        open_for = elapsed - self._waits.total(now)
        slower = elapsed / open_for if open_for > 0.0 else 1.0
        return (wait.seconds if wait else 0.0) + rest / speed * min(slower, MOST_WAITING)

    def _oldest(self, now: float) -> Oldest | None:
        first = next(iter(self._flying.values()), None)
        return None if first is None else Oldest(first.account, now - first.since, first.others)


def _who_set_the_rate(plan: Plan) -> LimitBy:
    if "rate" in plan.spec.tightened:
        return LimitBy.FLAG
    if "rate" in plan.spec.lowered:
        return LimitBy.TENANT
    return LimitBy.SPEC if "rate" in plan.spec.limit_sources else LimitBy.DEFAULT
