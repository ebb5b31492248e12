"""The times for which a run sends nothing."""

from __future__ import annotations

from zbatch.app.figures import Wait
from zbatch.engine.events import Hold


class Waits:
    """The times for which nothing was sent, each second counted once."""

    def __init__(self) -> None:
        self._until = 0.0
        self._by: dict[Hold, float] = {}
        self._last: tuple[str, Hold] = ("", Hold.LIMIT)

    def add(self, now: float, wait: float, reason: str, hold: Hold) -> None:
        """Take note that nothing is sent for a time."""
        until = now + wait
        longer = max(0.0, until - max(now, self._until))
        self._by[hold] = self._by.get(hold, 0.0) + longer
        if longer:
            self._until = until
            self._last = (reason, hold)

    def now(self, now: float) -> Wait | None:
        """Tell for how much longer nothing is sent."""
        ahead = self._until - now
        return Wait(ahead, *self._last) if ahead > 0.0 else None

    def of(self, hold: Hold, now: float) -> float:
        """Give the seconds that were waited because of this."""
        ahead = max(0.0, self._until - now) if self._last[1] is hold else 0.0
        return max(0.0, self._by.get(hold, 0.0) - ahead)

    def total(self, now: float) -> float:
        """Give the seconds that were waited for any reason."""
        return sum(self._by.values()) - max(0.0, self._until - now)
