"""What must hold of the limits in any history: those of a run, and those of its tenant."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from math import ceil

from support.casebook import Casebook

INSTANT = 0.01  # seconds: a turn taken before a reply came in, and a commit in between


def pressure(book: Casebook) -> Iterator[str]:
    """No run has more in flight, or sends more in a time, or sooner, than it may."""
    for number, trips in book.trips.items():
        limits = book.all.runs[number].pressure
        left, back = [t.left for t in trips], sorted(t.back for t in trips)
        for trip in trips:
            gone = bisect_right(left, trip.left)
            flying = gone - bisect_right(back, trip.left)
            recent = gone - bisect_right(left, trip.left - limits.seconds + INSTANT)
            if flying > limits.concurrency or recent > limits.calls:
                yield f"run {number}: {flying} in flight, {recent} in {limits.seconds:g} s"
            second = gone - bisect_right(left, trip.left - 1.0 + INSTANT)
            if second > ceil(limits.calls / limits.seconds) + 1:
                yield f"run {number}: {second} in a second"
            hasty = bisect_left(left, trip.back + (trip.wait or 0.0) - INSTANT)
            if hasty > bisect_left(left, trip.back + INSTANT):
                yield f"run {number}: sent while asked to wait {trip.wait:g} s"


def windows(book: Casebook) -> Iterator[str]:
    """No window of the tenant is used beyond what it takes, but by what began without its word.

    Tokens have a quota of their own, and what the network delivers again nobody has sent.
    """
    sent = {one.track: one.at for one in reversed(book.all.arrivals) if one.track is not None}
    for calls, seconds, until in book.all.windows:
        used = Counter(at // seconds for at in sent.values() if at < until)
        for window, times in used.items():
            new = old = 0
            for run in book.all.runs:
                begun = run.started // seconds
                new += run.pressure.concurrency if begun == window else 0
                old += run.pressure.concurrency if begun < window <= run.ended // seconds else 0
            # who goes on from the window before knows of this one with his first reply
            if times > max(calls, old) + new:
                yield f"{times} requests in a window of {calls} in {seconds:g} s"
