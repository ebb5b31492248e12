"""The tenant's clock, as its replies tell it: it is the one that its own dates go by."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from zbatch.zuora.limits import date_of

OLD = timedelta(seconds=5)  # a reply that is so much older than another is a kept one


class ServerClock:
    """One for a run. Times passed in are seconds of the caller's steady clock."""

    def __init__(self) -> None:
        self._began: datetime | None = None  # what it told when the steady clock was at 0

    def now(self, steady: float) -> datetime | None:
        """Tell its time, or None before the first reply that has a date."""
        return self._began + timedelta(seconds=steady) if self._began else None

    def heard(self, headers: Mapping[str, str], steady: float) -> bool:
        """Take in the date of a reply; False where it shows that the reply was kept under its key.

        Such a reply tells nothing of now. To believe its date would let the next one like it pass
        for fresh.
        """
        date = date_of(headers)
        if date is None:
            return True
        if self._is_kept(date, steady):
            return False
        began = date - timedelta(seconds=steady)
        self._began = max(began, self._began or began)
        return True

    def meant(self, headers: Mapping[str, str], steady: float) -> datetime | None:
        """Tell the time at which a reply was given, from which its own dates count."""
        date = date_of(headers)
        if date is None or self._is_kept(date, steady):
            return self.now(steady)
        return date

    def _is_kept(self, date: datetime, steady: float) -> bool:
        known = self.now(steady)
        return known is not None and date < known - OLD
