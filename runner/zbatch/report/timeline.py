"""A run over time: how fast it sent, what it waited for, how long answers took. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Protocol

from zbatch.model import Outcome
from zbatch.report.lines import Line

MOST_STEPS = 240
_WIDTHS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_TOO_MANY = 429
# Upper ends of the classes of latency, in milliseconds; the last class is open.
LATENCIES = (50, 100, 150, 200, 300, 400, 600, 800, 1000, 1500, 2000, 3000, 5000, 10_000, 30_000)


class Send(Protocol):
    """One send of a call, as the ledger keeps it."""

    @property
    def started_at(self) -> datetime:
        """When it left."""
        ...

    @property
    def finished_at(self) -> datetime | None:
        """When it was answered or given up; None where that was never recorded."""
        ...

    @property
    def http_status(self) -> int | None:
        """The status of its answer, where there was one."""
        ...


@dataclass(frozen=True, slots=True)
class Latencies:
    """How long calls took: how many fell into each class, and three figures in milliseconds."""

    counts: tuple[int, ...]
    median: int
    most: int  # 95 of 100 were as fast as this, or faster
    longest: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """A run in steps of `width` seconds from `begin`; each tuple has an entry a step.

    `sent` and `refused` count calls and answers 429, `in_flight` is the most at once. `waiting`
    are the spans, in seconds from the beginning, in which a 429 kept all calls back. `outcomes`
    count the items that had come to what by the end of each step.
    """

    begin: datetime
    width: float
    sent: tuple[int, ...]
    refused: tuple[int, ...]
    in_flight: tuple[int, ...]
    waiting: tuple[tuple[float, float], ...]
    outcomes: dict[Outcome, tuple[int, ...]]
    latencies: Latencies | None

    def rates(self, counts: Sequence[int]) -> tuple[float, ...]:
        """Give counts as rates a second, over a whole second where the steps are shorter."""
        span = max(1, round(1 / self.width))
        sums = list(accumulate(counts, initial=0))
        return tuple(
            (sums[at + 1] - sums[max(0, at + 1 - span)]) / (span * self.width)
            for at in range(len(counts))
        )

    @property
    def seconds_waited(self) -> float:
        """For how long in all a 429 kept calls back."""
        return sum(end - begin for begin, end in self.waiting)


def timeline(begin: datetime, sends: Sequence[Send], lines: Iterable[Line]) -> Timeline | None:
    """Lay a run out in steps from when it began; None where nothing happened at any time."""
    done: list[tuple[float, Outcome]] = []
    for line in lines:
        at = None if line.outcome is Outcome.NOT_ATTEMPTED else line.finished_at
        if at and at >= begin:  # else an earlier run has settled it
            done.append(((at - begin) / timedelta(seconds=1), line.outcome))
    spans = [_span(send, begin) for send in sends]
    last = max([0.0, *(end for _, end in spans), *(at for at, _ in done)])
    if not spans and not done:
        return None
    width = next((w for w in _WIDTHS if last / w < MOST_STEPS), last / (MOST_STEPS - 1))
    steps = int(last / width) + 1
    return Timeline(
        begin=begin,
        width=width,
        sent=_counted((start for start, _ in spans), width, steps),
        refused=_counted(_refusals(sends, spans), width, steps),
        in_flight=_most_at_once(spans, width, steps),
        waiting=tuple(_waits(sends, spans)),
        outcomes={outcome: _piled_up(done, outcome, width, steps) for outcome in Outcome},
        latencies=_latencies(sends),
    )


def _span(send: Send, begin: datetime) -> tuple[float, float]:
    start = max(0.0, (send.started_at - begin) / timedelta(seconds=1))
    if send.finished_at is None:
        return start, start
    return start, max(start, (send.finished_at - begin) / timedelta(seconds=1))


def _refusals(sends: Sequence[Send], spans: Sequence[tuple[float, float]]) -> Iterator[float]:
    for send, (_, end) in zip(sends, spans, strict=True):
        if send.http_status == _TOO_MANY:
            yield end


def _counted(moments: Iterable[float], width: float, steps: int) -> tuple[int, ...]:
    counts = Counter(min(steps - 1, int(moment / width)) for moment in moments)
    return tuple(counts[step] for step in range(steps))


def _most_at_once(
    spans: Sequence[tuple[float, float]], width: float, steps: int
) -> tuple[int, ...]:
    changes = [(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans]
    changes.sort(key=lambda change: (change[0], -change[1]))
    most, now, at = [0] * steps, 0, 0
    for moment, change in changes:
        step = min(steps - 1, int(moment / width))
        for quiet in range(at, step + 1):
            most[quiet] = max(most[quiet], now)
        at = step
        now += change
        most[step] = max(most[step], now)
    return tuple(most)


def _waits(
    sends: Sequence[Send], spans: Sequence[tuple[float, float]]
) -> Iterator[tuple[float, float]]:
    """Give the spans from a 429 to the next send after it, where nothing left meanwhile."""
    starts = [start for start, _ in spans]
    until = -1.0
    for end in sorted(_refusals(sends, spans)):
        following = bisect_left(starts, end)
        if end > until and following < len(starts) and starts[following] > end:
            until = starts[following]
            yield end, until


def _piled_up(
    done: Sequence[tuple[float, Outcome]], outcome: Outcome, width: float, steps: int
) -> tuple[int, ...]:
    piled, total = [], 0
    for count in _counted((at for at, one in done if one is outcome), width, steps):
        total += count
        piled.append(total)
    return tuple(piled)


def _latencies(sends: Sequence[Send]) -> Latencies | None:
    took = sorted(
        max(0, (send.finished_at - send.started_at) // timedelta(milliseconds=1))
        for send in sends
        if send.finished_at is not None and send.http_status is not None
    )
    if not took:
        return None
    classes = Counter(bisect_left(LATENCIES, one) for one in took)
    counts = tuple(classes[at] for at in range(len(LATENCIES) + 1))
    return Latencies(counts, _at(took, 0.5), _at(took, 0.95), took[-1])


def _at(ordered: Sequence[int], share: float) -> int:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
