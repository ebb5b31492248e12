"""The places in flight: as many requests hold one as may, and the others wait for their turn."""

from __future__ import annotations

from collections.abc import Callable

from zbatch.engine.concurrency import Concurrency, Flight
from zbatch.engine.ports import Clock
from zbatch.zuora.limits import at_once
from zbatch.zuora.wire import Reply

Wake = Callable[[], object]


class Places:
    """One for a run: a place is taken before a request leaves and given back when it is over."""

    def __init__(self, most: int, clock: Clock) -> None:
        self._concurrency = Concurrency(most)
        self._clock = clock
        self._taken = 0  # by those that have not left yet
        self._queue: dict[Wake, None] = {}  # in the order in which they came

    @property
    def allowed(self) -> int:
        """How many requests may be in flight now."""
        return self._concurrency.allowed

    @property
    def flying(self) -> int:
        """How many requests are in flight."""
        return self._concurrency.flying

    @property
    def peak(self) -> int:
        """How many were in flight at once, at most."""
        return self._concurrency.peak

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._queue)

    def within(self, seconds: float, most: int) -> int:
        """Tell how many requests can leave in a time, at most `most`."""
        return self._concurrency.within(seconds, most)

    def take(self) -> bool:
        """Take a place if one is free and nobody waits for it."""
        if self._queue or self._free <= 0:
            return False
        self._taken += 1
        return True

    def queue(self, wake: Wake) -> None:
        """Wait for a place: `wake` is called once it is taken."""
        self._queue[wake] = None

    def forgo(self, wake: Wake) -> None:
        """Wait no longer, or give back what has been taken meanwhile."""
        if wake in self._queue:
            del self._queue[wake]
        else:
            self.give_back()

    def close(self) -> None:
        """Wake all who wait: no request is to leave any more."""
        waiting, self._queue = self._queue, {}
        for wake in waiting:
            wake()

    def stands(self) -> bool:
        """Tell whether a place that was taken still stands: fewer may be in flight since."""
        return self._free >= 0

    def give_back(self) -> None:
        """Give back a place from which nothing has left."""
        self._taken -= 1
        self._fill()

    def took_off(self) -> Flight:
        """Turn a place that was taken into a request at the server."""
        self._taken = max(0, self._taken - 1)
        return self._concurrency.left(self._clock.monotonic())

    def landed(self, flight: Flight) -> None:
        """Give back the place of a request that is over."""
        self._concurrency.landed(flight, self._clock.monotonic())
        self._fill()

    # What answers show

    def heard(self, reply: Reply) -> None:
        """Read what a reply tells of requests at once."""
        if told := at_once(reply.headers):
            self._concurrency.told(told, self._clock.monotonic())
            self._fill()

    def clean(self, flight: Flight, *, timed: bool = True) -> None:
        """Take note that the tenant took a request in; questions are quick, and not `timed`."""
        self._concurrency.clean(flight, self._clock.monotonic(), timed=timed)
        self._fill()

    def undecided(self, flight: Flight) -> None:
        """Take note of an answer that shows nothing."""
        self._concurrency.undecided(flight)

    def refused(self, flight: Flight, wait: float) -> None:
        """Take note of a request that was one too many at once."""
        self._concurrency.refused(flight, self._clock.monotonic(), wait)

    def pardon(self) -> None:
        """Forget what was refused: it was not for too many at once, but one account's own limit."""
        self._concurrency.pardon()

    def restart(self) -> None:
        """Begin with few again, since nothing may leave for a time."""
        self._concurrency.restart(self._clock.monotonic())

    @property
    def _free(self) -> int:
        concurrency = self._concurrency
        return concurrency.allowed - self._taken - concurrency.flying

    def _fill(self) -> None:
        """Give free places to those who wait, in the order in which they came."""
        while self._queue and self._free > 0:
            wake = next(iter(self._queue))
            del self._queue[wake]
            self._taken += 1
            wake()
