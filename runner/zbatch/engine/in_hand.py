"""The works that are taken out of the order and not done with yet, and how far they are."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from zbatch.engine.order import Work


class InHand:
    """Counts works from when they are taken until they are settled or put back."""

    def __init__(self) -> None:
        self._works = 0
        self._asking = 0  # items of works that are being asked about
        self._cleared: deque[Work] = deque()  # works that may be sent, their intents still to come

    def __bool__(self) -> bool:
        return self._works > 0

    @property
    def cleared(self) -> int:
        """How many works may be sent and have no intent yet."""
        return len(self._cleared)

    @property
    def ahead(self) -> int:
        """How many are between question and intent, by items while they are asked about."""
        return self._asking + len(self._cleared)

    def take(self, works: Sequence[Work]) -> None:
        """Take works out of the order."""
        self._works += len(works)

    def let_go(self) -> None:
        """Let go of a work that is settled, left, or put back."""
        self._works -= 1

    def ask(self, works: Sequence[Work]) -> None:
        """Take note that works are asked about."""
        self._asking += sum(len(work.items) for work in works)

    def asked(self, work: Work) -> None:
        """Take note of the answer about a work."""
        self._asking -= len(work.items)

    def clear(self, work: Work) -> None:
        """Let a work be sent, after those cleared before it."""
        self._cleared.append(work)

    def next_cleared(self, most: int) -> list[Work]:
        """Take the next works to be sent, for their intents."""
        return [self._cleared.popleft() for _ in range(min(most, len(self._cleared)))]
