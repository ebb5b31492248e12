"""What goes wrong with a call, and the schedule that says which call it happens to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

from zbatch.emulator.exchange import Answer, Delivery, Row

GENERATE = "generate"
QUERY = "query"  # queryMore as well


@dataclass(frozen=True, slots=True)
class Mishap:
    """One thing that goes wrong.

    `executed` tells whether the call does its work all the same. `status` is answered in place
    of the true answer, with `retry_after` seconds if any, and takes its place under the key too
    where it is `stored`. `code` is the error of each row in place of its own, or of those at the
    positions `rows`. `delivery` is what becomes of the answer, of which `length` bytes of the
    body get through where it is cut short. Raises ValueError for what cannot happen.
    """

    executed: bool = True
    status: int | None = None
    stored: bool = False
    retry_after: int | None = None
    code: str | None = None
    rows: tuple[int, ...] = ()
    delivery: Delivery = Delivery.WHOLE
    length: int = 0

    def __post_init__(self) -> None:
        answers = self.status is not None or self.code is not None
        if self.status is not None and self.code is not None:
            raise ValueError("a mishap replaces the status or the rows, not both")
        if not self.executed and not answers and self.delivery in _ANSWERING:
            raise ValueError("what is not executed has no answer: name a status or a code")
        if self.status is not None and self.status not in set(HTTPStatus):
            raise ValueError(f"{self.status} is not a status")
        if self.stored and self.status is None:
            raise ValueError("only a status can be stored instead of the answer")

    @property
    def before(self) -> bool:
        """Tell whether the call comes to its end before its key is looked at."""
        return not self.executed and self.code is None

    @property
    def note(self) -> str:
        """Say what happens, for the history."""
        parts = [] if self.executed else ["not executed"]
        parts += [f"status {self.status} instead"] if self.status is not None else []
        parts += [f"rows {self.code} instead"] if self.code is not None else []
        parts += [self.delivery.value] if self.delivery is not Delivery.WHOLE else []
        return ", ".join(parts)

    def instead_of(self, answer: Answer) -> Answer:
        """Return what is answered in place of the true answer, or this itself."""
        if self.status is None:
            return answer
        headers = {"Content-Type": "text/plain;charset=utf-8"}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return Answer(self.status, f"{HTTPStatus(self.status).phrase}\n".encode(), headers)

    def befall(self, answer: Answer) -> Answer:
        """Let happen to an answer what becomes of it."""
        return replace(self.instead_of(answer), delivery=self.delivery, length=self.length)

    def spoils(self, position: int) -> bool:
        """Tell whether the row at this position has the error `code`."""
        return self.code is not None and (not self.rows or position in self.rows)

    def spoilt(self) -> Row:
        """Build the row with the error `code`."""
        return Row(code=self.code or "", message=f"Operation failed: {self.code}.")


NO_ANSWER = Answer(0, b"")
_ANSWERING = (Delivery.WHOLE, Delivery.CUT_SHORT)

DROP_BEFORE = Mishap(executed=False, delivery=Delivery.RESET)
DROP_AFTER = Mishap(delivery=Delivery.RESET)
SILENT = Mishap(delivery=Delivery.SILENT)
LOCK = Mishap(executed=False, code="LOCK_COMPETITION")
UNKNOWN_EXECUTED = Mishap(code="UNKNOWN_ERROR")
UNKNOWN_UNEXECUTED = Mishap(executed=False, code="UNKNOWN_ERROR")


def truncated(length: int) -> Mishap:
    """Let only so many bytes of the answer's body through."""
    return Mishap(delivery=Delivery.CUT_SHORT, length=length)


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A mishap with its calls: the `at`-th, counted from 1, or `every` so many.

    Calls are counted as they arrive, by `action`. Raises ValueError for what is no schedule.
    """

    mishap: Mishap
    at: int | None = None
    every: int | None = None
    action: str = GENERATE

    def __post_init__(self) -> None:
        if self.action not in (GENERATE, QUERY):
            raise ValueError(f"there are no mishaps of {self.action!r}")
        if (self.at is None) == (self.every is None) or (self.at or self.every or 0) < 1:
            raise ValueError("a mishap is scheduled at a call or every so many, from 1")

    def hits(self, number: int) -> bool:
        """Tell whether the mishap happens to the call with this number."""
        return number == self.at if self.every is None else number % self.every == 0


class Faults:
    """Counts the calls as they arrive; the first of the schedule that hits one happens to it."""

    def __init__(self, schedule: Iterable[Scheduled] = ()) -> None:
        self._schedule: Sequence[Scheduled] = tuple(schedule)
        self._arrived = {GENERATE: 0, QUERY: 0}

    def arrived(self, action: str = GENERATE) -> int:
        """Tell how many calls have arrived."""
        return self._arrived[action]

    def switch(self, schedule: Iterable[Scheduled] = ()) -> None:
        """Take another schedule from here on; without one nothing goes wrong any more.

        The counting goes on.
        """
        self._schedule = tuple(schedule)

    def next(self, action: str) -> Mishap | None:
        """Count a call, and return what goes wrong with it."""
        self._arrived[action] += 1
        number = self._arrived[action]
        hits = (s.mishap for s in self._schedule if s.action == action and s.hits(number))
        return next(hits, None)
