"""Works that rest: how long a run waits for them, and what it says of those it leaves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from zbatch.engine.age import CLOCK_SLACK
from zbatch.engine.order import Order, Work
from zbatch.engine.ports import Clock
from zbatch.engine.steps import Rest, left_in_doubt, left_unseen
from zbatch.model import Item, ItemRecord, Outcome, Problem

MOST_RECHECKS = 10  # of an invoice that is being generated
SLACK = CLOCK_SLACK.total_seconds()  # for clocks that were put right while something rested


class Leave(Protocol):
    """Reports an item that this run does nothing more for."""

    def __call__(self, record: ItemRecord, *, holds_back: bool = True) -> None:
        """Leave it as its record says; as a rule, that holds back what comes after it."""
        ...


class Resting:
    """Works that may only be asked about later; one for a run, which waits `wait` seconds."""

    def __init__(self, clock: Clock, order: Order, wait: float, leave: Leave) -> None:
        self._clock = clock
        self._order = order
        self._wait = wait
        self._leave = leave
        self._resting: list[tuple[datetime, float, Work, Problem]] = []  # by the steady clock too
        self._wait_ends: tuple[datetime, float] | None = None  # by the wall's clock and the steady
        self.settles_at: datetime | None = None  # when the last of what rests can be asked about

    def add(self, work: Work, until: datetime, problem: Problem) -> None:
        """Put aside a work that may only be asked about later; the rest of the run goes on."""
        self._resting.append((until, self._steady(until), work, problem))

    def ask_again(self, work: Work, rest: Rest) -> None:
        """Let an item be asked about again: in a moment, or where the run waits until then."""
        if not rest.soon:
            work.rests_until = rest.until
            self.add(work, rest.until, rest.problem)
        elif work.rechecks < MOST_RECHECKS:
            work.rechecks += 1
            work.rests_until = None  # it is shown: a look that missed it counts for nothing
            self._order.postpone(work, self._steady(rest.until))
        else:
            self._leave_resting(work, work.items[0], rest)

    def wake(self) -> bool:
        """Wait for resting works, once nothing else is to be done, or report them as they are.

        False when there are none: the run is over.
        """
        if not self._resting:
            return False
        clock = self._clock
        if self._wait_ends is None:
            wait = self._wait
            self._wait_ends = clock.now() + timedelta(seconds=wait), clock.monotonic() + wait
        ends, latest = self._wait_ends
        resting, self._resting = self._resting, []
        for until, when, work, problem in resting:
            # Far off where the wall's clock has been set back; no sooner where it went ahead.
            when = max(when, self._steady(until))
            if until <= ends and when <= latest + SLACK:
                self._order.postpone(work, when)
            else:
                for item in work.items:
                    self._leave_resting(work, item, Rest(until, problem))
        return True

    def begin_stage(self) -> None:
        """Let the next stage wait for its own works to rest as long as the last one did."""
        self._wait_ends = None

    def _leave_resting(self, work: Work, item: Item, rest: Rest) -> None:
        if work.held:  # its outcome stands, and what comes after it does not go before its send
            sends = work.behind is None or work.behind.identity < item.identity
            self._leave(left_unseen(work.held, rest), holds_back=sends)
            return
        record = left_in_doubt(work, item, rest)
        if record.outcome is Outcome.UNKNOWN:
            self.settles_at = max(self.settles_at or rest.until, rest.until)
        self._leave(record)

    def _steady(self, moment: datetime) -> float:
        clock = self._clock
        return clock.monotonic() + max(0.0, (moment - clock.now()).total_seconds())
