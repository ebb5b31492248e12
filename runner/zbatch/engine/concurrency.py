"""How many requests may be in flight: found by what the tenant says, refuses and takes longer for.

Pure: times are seconds of the caller's steady clock. Where the tenant tells how many requests it
has left, that leads. Where it does not, the number grows until it refuses one, stays at what it
took then, and is tried again rarely, since a refusal costs the whole run its wait.
"""

from __future__ import annotations

from dataclasses import dataclass

from zbatch.engine.crowding import Crowding
from zbatch.zuora.limits import AtOnce

START = 5
GROWTH = 0.5  # for each clean answer: half as many again in a round trip
STALE = 1.5  # seconds that a count is old at most: it is renewed once a second, and travels
TOLD_LATELY = 10.0  # seconds after which a tenant that tells no more counts as one that never did
PATIENCE = 19.0  # waits before a refused number is tried again: one in twenty is lost at most
FALL = 4  # a refusal divides by this at most: others may have filled the tenant for a moment
_BUCKET = 0.1  # seconds: what is answered in one moment is replaced in it
_WEIGHT = 0.05  # of the newest answer in the mean round trip


@dataclass(frozen=True, slots=True)
class Flight:
    """A request at the server: which one of the run, when it left, and how many were out then."""

    number: int
    left: float
    before: int


@dataclass(slots=True)
class _Refused:
    """What the tenant took where it refused one more: `least` to `most`, and when to try again."""

    least: int
    most: int
    try_at: float
    failures: int = 0
    trying: bool = False  # one more, until its answer is there
    trial: int | None = None  # the flight that is one too many, if the number still holds

    @property
    def level(self) -> int:
        """Give the number to stay at."""
        return min(self.least, self.most)


class _Lately:
    """The least and the most that was in flight lately, moments of exchange left out."""

    def __init__(self) -> None:
        self._peaks: list[tuple[int, int]] = []  # from the oldest bucket to the newest
        self._count = 0
        self._before: tuple[int, int] | None = None  # least and most ahead of the newest bucket

    def note(self, now: float, count: int) -> None:
        """Take note of how many are in flight from now on."""
        bucket = int(now / _BUCKET)
        if self._peaks and self._peaks[-1][0] == bucket:
            if count > self._peaks[-1][1]:
                self._peaks[-1] = (bucket, count)
            self._count = count
            return
        last = self._peaks[-1][0] if self._peaks else bucket
        for missed in range(max(last + 1, bucket - int(STALE / _BUCKET)), bucket):
            self._peaks.append((missed, self._count))
        self._peaks.append((bucket, max(self._count, count)))
        self._count = count
        while self._peaks[0][0] < bucket - int(STALE / _BUCKET):
            self._peaks.pop(0)
        ahead = [peak for _, peak in self._peaks[:-1]]
        self._before = (min(ahead), max(ahead)) if ahead else None

    def span(self) -> tuple[int, int]:
        """Give the least and the most of the last moments; nothing was in flight before them."""
        if not self._peaks:
            return 0, 0
        newest = self._peaks[-1][1]
        least, most = self._before or (newest, newest)
        full = len(self._peaks) > int(STALE / _BUCKET)
        return (min(least, newest) if full else 0), max(most, newest)


class Concurrency:
    """One for a run: every request, call or question, is told to it when it leaves and lands."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._base = float(min(START, most))
        self._out: set[int] = set()  # the flights that are not over
        self._numbers = 0
        self._lately = _Lately()
        self._landed = 0  # the newest flight that is over
        self._anew = 0  # the newest that had left when the number began anew
        self._filled_at = float("-inf")
        self._moved_at = float("-inf")
        self._told: tuple[AtOnce, float] | None = None
        self._refused: _Refused | None = None
        self._shut_until = float("-inf")
        self._crowding = Crowding()
        self._round_trip: float | None = None
        self.flying = 0  # how many are in flight
        self.peak = 0

    @property
    def allowed(self) -> int:
        """How many may be in flight now."""
        return int(self._base) + (self._refused is not None and self._refused.trying)

    def within(self, seconds: float, most: int) -> int:
        """Tell how many requests can leave in a time, at most `most`, if answers stay as quick.

        Before the first answer no more than may be in flight, and as many again.
        """
        if not self._round_trip:
            return min(most, 2 * self.allowed)
        rounds = max(1.0, seconds / self._round_trip)
        return min(most, int(self.allowed * rounds))

    def left(self, now: float) -> Flight:
        """Take note that a request leaves."""
        self._numbers += 1
        flight = Flight(self._numbers, now, self.flying)
        self._out.add(flight.number)
        flying = self.flying = len(self._out)
        self._lately.note(now, flying)
        self.peak = max(self.peak, flying)
        refused = self._refused
        if refused and refused.trying and not refused.trial and flying > refused.level:
            refused.trial = flight.number
        if flying >= int(self._base):
            self._filled_at = now
        return flight

    def landed(self, flight: Flight, now: float) -> None:
        """Take note that a request is over, whatever came of it."""
        self._out.discard(flight.number)
        self.flying = len(self._out)
        self._landed = max(self._landed, flight.number)
        self._lately.note(now, self.flying)

    def clean(self, flight: Flight, now: float, *, timed: bool = True) -> None:
        """Take note that the tenant took a request in and answered it.

        Only requests of one sort are `timed`, so that their times can be compared.
        """
        took = now - flight.left
        if timed:
            mean = took if self._round_trip is None else self._round_trip
            self._round_trip = mean + _WEIGHT * (took - mean)
        refused = self._refused
        if refused and refused.trial == flight.number:
            self._refused = None
        if self._filled_at < flight.left:
            return  # it was not this number that bound
        top = self._top(now)
        if timed and flight.number > self._anew:
            self._base = min(self._crowding.take(took, self._base, now), top)
        if not self._tells(now) and not self._crowding.trying:
            self._raise(self._base + GROWTH, top, now)
        self._try_one_more(now)

    def undecided(self, flight: Flight) -> None:
        """Take note that an answer shows nothing: neither taken in nor one too many."""
        if self._refused and self._refused.trial == flight.number:
            self._refused.trial = None

    def told(self, told: AtOnce, now: float) -> None:
        """Take in how many requests the tenant says it takes at once, and has left."""
        self._told = told, now
        if self._refused and told.limit <= self._refused.level:
            self._refused.trying = False
        least, most = self._lately.span()
        others = told.limit - told.remaining > most
        room = 1 + most // 10 if others else 0  # left for them
        rested = now - self._moved_at >= STALE
        top = self._top(now)
        self._base = min(self._base, top)
        if others and told.remaining + most - room < self._base:
            if rested:
                self._move(max(1.0, told.remaining + most - room), now)
        elif self._landed <= self._anew:
            return  # of before a time in which nothing was sent
        elif told.remaining + least - 1 - room > self._base:
            self._raise(told.remaining + least - 1 - room, top, now)
        elif rested and self._filled_at >= now - STALE and told.remaining > room:
            step = max(1, told.remaining // 2)
            self._raise(min(self._base + step, told.remaining + most - room), top, now)

    def refused(self, flight: Flight, now: float, wait: float) -> None:
        """Take note that a request was one too many, and for how long the tenant wants peace.

        What left before it and is still out then the tenant had taken in at least; what was out
        when it left, at most. Where it did not refuse at once, that alone is known.
        """
        least = sum(number < flight.number for number in self._out)
        if self._round_trip and now - flight.left > self._round_trip / 2:
            least = flight.before
        least, most = max(1, least), max(1, flight.before)
        again = now < self._shut_until
        self._shut_until = max(self._shut_until, now + wait)
        known = self._refused
        failures = 0
        if again and known:
            least, most = max(least, known.least), min(most, known.most)
            failures = known.failures
        elif again:
            return
        elif known and (known.trial == flight.number or least >= known.level):
            least = most = known.level  # refused was the trial, or what came in behind it
            failures = known.failures + 1
        else:
            least = max(least, int(self._base) // FALL)
        told = self._tells(now)
        if told and (told.remaining <= 1 or told.limit <= least + 1):
            self._refused = None  # what the tenant said last explains it
        else:
            waits = PATIENCE * 2.0 ** min(failures, 4)
            if told and failures == 0:
                waits = 1.0  # it says that there is room
            self._refused = _Refused(least, most, self._shut_until + waits * wait, failures)
        self.restart(now)

    def pardon(self) -> None:
        """Forget where a request was refused: the number was not what it was refused for."""
        self._refused = None

    def restart(self, now: float) -> None:
        """Begin anew from few, since nothing was sent for a time."""
        self._crowding.forget()
        self._anew = self._numbers
        self._move(min(self._base, float(START), self._top(now)), now)

    def _top(self, now: float) -> float:
        """Give the most that the number may come to."""
        top = self._ceiling(now)
        return float(min(top, self._refused.level) if self._refused else top)

    def _ceiling(self, now: float) -> int:
        """Give the most that the spec allows, and the tenant says it takes."""
        told = self._tells(now)
        return min(self._most, max(1, told.limit)) if told else self._most

    def _tells(self, now: float) -> AtOnce | None:
        """Give what the tenant told last, unless that was a while ago."""
        if self._told is None or now - self._told[1] > TOLD_LATELY:
            return None
        return self._told[0]

    def _raise(self, number: float, top: float, now: float) -> None:
        if self._base < (raised := min(number, top, self._crowding.top(now))):
            self._move(raised, now)

    def _move(self, number: float, now: float) -> None:
        self._base = number
        self._moved_at = now

    def _try_one_more(self, now: float) -> None:
        """Let one more leave where the number that was refused long ago binds."""
        refused = self._refused
        if refused and now >= refused.try_at:
            refused.trying = int(self._base) >= refused.level < self._ceiling(now)
