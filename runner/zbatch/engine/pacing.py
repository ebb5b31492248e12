"""When the next call may leave: one rate and one gate for the whole run, with time passed in.

All times are seconds of the caller's steady clock.
"""

from __future__ import annotations

from collections.abc import Callable

from zbatch.model import Rate


class Pace:
    """Give each call a slot: absolute deadlines one interval apart, none before the gate opens.

    The generic cell rate algorithm without a burst: a pause is never caught up, and a sleep that
    ends late shifts no later slot.
    """

    def __init__(self, rate: Rate) -> None:
        self._interval = rate.seconds / rate.calls
        self._next = 0.0
        self._opens = 0.0

    @property
    def opens(self) -> float:
        """When the gate is open again; in the past while it is open."""
        return self._opens

    def close(self, until: float) -> bool:
        """Close the gate until then; tell whether that made the wait longer."""
        longer = until > self._opens
        self._opens = max(self._opens, until)
        return longer

    def reserve(self, now: float) -> float:
        """Take the next free slot and give its time."""
        slot = max(now, self._next, self._opens)
        self._next = slot + self._interval
        return slot

    def holds(self, slot: float) -> bool:
        """Tell whether a slot still stands: the gate may have closed over it since."""
        return slot >= self._opens


class Reachability:
    """Pause a run whose host cannot be reached, longer each time, and say when to give up."""

    def __init__(self, patience: float, wait: Callable[[int], float]) -> None:
        self._patience = patience
        self._wait = wait
        self._failures = 0
        self._since: float | None = None
        self._paused_until = 0.0

    def answered(self) -> None:
        """Take note that the host answered, whatever it said."""
        self._failures = 0
        self._since = None

    def failed(self, now: float) -> float | None:
        """Take note of a failure; give the time until which to pause, or None to give up.

        Failures that were already under way when the pause began prove nothing new.
        """
        if self._since is None:
            self._since = now
        if now >= self._paused_until:
            self._failures += 1
            self._paused_until = now + self._wait(self._failures)
        return None if now - self._since > self._patience else self._paused_until
