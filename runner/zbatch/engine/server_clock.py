"""The tenant's clock, as its replies tell it: it is the one that its own dates go by."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from zbatch.engine.age import CLOCK_SLACK
from zbatch.zuora.limits import age_of, date_of

OLD = timedelta(seconds=5)  # a reply that is so much older than another is a kept one
APART = timedelta(seconds=2)  # so far apart, dates of whole seconds show whether a clock goes on

Moment = tuple[float, datetime]  # by the steady clock and by the wall's


class ServerClock:
    """One for a run. Times passed in are seconds of the caller's steady clock."""

    def __init__(self) -> None:
        self._began: datetime | None = None  # what it told when the steady clock was at 0
        self._live: datetime | None = None  # what the last question that was answered told of that
        self._trusted = False

    @property
    def trusted(self) -> bool:
        """Whether it has been seen to be right, so that ours is not asked beside it any more."""
        return self._trusted

    def trust(self) -> None:
        """Take it for right: it is not behind our clock, or goes on where ours is another."""
        self._trusted = True

    def now(self, steady: float) -> datetime | None:
        """Tell its time, or None before the first reply that has a date."""
        return self._began + timedelta(seconds=steady) if self._began else None

    def heard(self, headers: Mapping[str, str], steady: float, *, own: bool = True) -> bool:
        """Take in the date of a reply; False where it shows that the reply was kept somewhere.

        Such a reply tells nothing of now. To believe its date would let the next one like it pass
        for fresh. One that is not the server's `own` may be dated by another clock.
        """
        date = date_of(headers)
        if age_of(headers) > OLD or (date and self._is_kept(date, steady)):
            return False
        if date and own:
            began = date - timedelta(seconds=steady)
            self._began = max(began, self._began or began)
        return True

    def meant(self, headers: Mapping[str, str], steady: float) -> datetime | None:
        """Tell the time at which a reply was given, from which its own dates count.

        One of several servers may have a clock that is a little behind: then a wait by that of
        another would end too soon.
        """
        date = date_of(headers)
        if date is None or self._is_kept(date, steady, CLOCK_SLACK):
            return self.now(steady)
        return date

    def fresh(self, date: datetime, steady: float) -> None:
        """Take in the date of a fresh answer to a question, which nobody keeps under a key.

        Replies as old as that are of now, though another server, or this one before its clock was
        put right, has told a later time.
        """
        self._live = date - timedelta(seconds=steady)

    def _is_kept(self, date: datetime, steady: float, old: timedelta = OLD) -> bool:
        began = self._live or self._began
        return began is not None and date < began + timedelta(seconds=steady) - old


class Freshness:
    """Tells which answers to one request were given before it left: they are of no use.

    Somebody on the way has stored them. Where the server tells no time, nobody can know.
    """

    def __init__(self, server: ServerClock) -> None:
        self._server = server
        # When the last such request left, when its answer was read, and what that was dated.
        self._doubted: tuple[float, float, datetime] | None = None

    def was_stored(self, headers: Mapping[str, str], left: Moment, steady: float) -> bool:
        """Tell whether an answer is older than its request, by more than clocks differ.

        Its own `Age` says so, the server has told a later time, or ours is later. Either clock may
        be wrong, that of one server of many among them: it is, if the next answer to the same
        request is later by as much as has passed since.
        """
        passed = timedelta(seconds=steady - left[0])
        if age_of(headers) > passed + CLOCK_SLACK:
            return True
        date, known = date_of(headers), self._server.now(left[0])
        if date is None:
            return False
        goes_on = self._goes_on(date, left[0], steady)
        if goes_on or date >= left[1] - CLOCK_SLACK:
            self._server.trust()
        late = known is not None and date < known - CLOCK_SLACK
        stored = not goes_on and (late or not self._server.trusted)
        if not stored:
            self._server.fresh(date, steady)
        return stored

    def _goes_on(self, date: datetime, left: float, steady: float) -> bool:
        """Tell whether a date is later by what lies between two requests, or two answers."""
        before, self._doubted = self._doubted, (left, steady, date)
        if before is None or left - before[1] < APART.total_seconds():
            return False
        went = (date - before[2]).total_seconds()
        most = max(left - before[0], steady - before[1]) + APART.total_seconds()
        least = min(left - before[0], steady - before[1]) - APART.total_seconds()
        return least < went < most
