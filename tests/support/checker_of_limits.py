"""What must hold of the limits in any history: those of a run, and those of its tenant."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from math import ceil

from support.casebook import Casebook
from support.evidence import Run

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
    """No window of the tenant is used beyond what it takes, but by runs that cannot know of it.

    Those that began in it had no word of it before their first answers; whoever goes on into a
    window has. Of two that are under way at once neither knows in time what the other one sends.
    Tokens have a quota of their own, what comes with a dead one is turned away before it is
    counted, and what the network delivers again nobody has sent.
    """
    counted = (one for one in reversed(book.all.arrivals) if not one.turned_away)
    sent = {one.track: one.at for one in counted if one.track is not None}
    for calls, seconds, until in book.all.windows:
        used = Counter(at // seconds for at in sent.values() if at < until)
        for window, times in used.items():
            unaware = (run for run in book.all.runs if _unaware(book, run, window, seconds))
            if times > calls + sum(run.pressure.concurrency for run in unaware):
                yield f"{times} requests in a window of {calls} in {seconds:g} s"


def _unaware(book: Casebook, run: Run, window: float, seconds: float) -> bool:
    """Tell whether a run can send more in a window than it takes without knowing so."""
    if run.started // seconds == window:
        return True
    beside = any(
        other is not run and other.started < run.ended and run.started < other.ended
        for other in book.all.runs
    )
    return beside and run.started // seconds < window <= run.ended // seconds
