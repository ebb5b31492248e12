"""Count what the tenant refuses for a limit: of the whole run in a row, and of one work alone."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from zbatch.engine import backoff
from zbatch.engine.order import Work

PEERS = 50  # the last so many answers to calls are looked at
LEAST = 3  # so many calls of others that got through show that the tenant has room
SHARE = 10  # of so many calls of others one may be refused too: there is more than one such account
PROVED = 3  # so often shown, a work is refused alone whoever else is still there to show it


@dataclass(slots=True)
class _Row:
    """The refusals in a row of one kind of request."""

    since: float | None = None
    latest: float = float("-inf")
    count: int = 0

    def add(self, left: float, now: float) -> None:
        if self.since is None:
            self.since = now
        if left > self.latest:  # those that were under way together are refused as one
            self.count += 1
            self.latest = now


@dataclass(slots=True)
class Refusals:
    """How often in a row, and since when, the tenant takes nothing in.

    Calls and questions apart: a question that is answered does not show that calls get through.
    """

    _calls: _Row = field(default_factory=_Row)
    _questions: _Row = field(default_factory=_Row)

    def taken_in(self, *, question: bool) -> None:
        """Take note that a request got through: a call ends both rows, a question its own."""
        self._questions = _Row()
        if not question:
            self._calls = _Row()

    def refused(self, left: float, now: float, *, question: bool) -> int:
        """Take note that a request which left then was refused; tell how many in a row were."""
        row = self._questions if question else self._calls
        row.add(left, now)
        return row.count

    def lasting(self, now: float) -> bool:
        """Tell whether requests of some kind are refused for longer than a run waits."""
        rows = (self._calls, self._questions)
        return any(row.since is not None and now - row.since > backoff.LONGEST_GATE for row in rows)


class Peers:
    """How the last calls fared, to tell a work that alone is refused from a tenant that is full."""

    def __init__(self) -> None:
        self._last: deque[tuple[int, float, bool]] = deque(maxlen=PEERS)

    def take(self, work: Work, left: float, *, refused: bool) -> None:
        """Take in what came of a call that left then."""
        self._last.append((work.ordinal, left, refused))

    def alone(self, work: Work) -> bool:
        """Tell whether others got through since the work was refused last, and hardly one did not.

        Only what left after that refusal tells of the time after it.
        """
        if not work.refusals:
            return False
        if work.refused_alone >= PROVED:
            return True
        others = [
            refused
            for ordinal, left, refused in self._last
            if ordinal != work.ordinal and left > work.refused_at
        ]
        return others.count(False) >= LEAST and sum(others) * SHARE <= len(others)
