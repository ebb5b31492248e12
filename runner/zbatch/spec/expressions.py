"""Dates by expression: days counted from the spec's period, never from the clock."""

from __future__ import annotations

import re
from datetime import date, timedelta

from zbatch.spec.diagnostics import quote
from zbatch.spec.values import DATE, parse_date

PERIOD = re.compile(r"20[0-9]{2}-(?:0[1-9]|1[0-2])")
MOST_DAYS = 366  # a larger step is a slip of the pen, or a date better written out

_EXPRESSION = re.compile(r"([a-z]+(?:_[a-z]+)+)(?:([+-])([0-9]{1,9})d)?")
# a step as people write it, too; a digit or a sign anywhere else is no step that could be kept
_LOOSE = re.compile(r"([a-z _-]+?)(?:[ _]*([+-])[ _]*([0-9]{1,9}) *(?:d|days?)?)?")
_MONTHS = {  # months from the period's first day, and days from there
    "start_of_month": (0, 0),
    "end_of_month": (1, -1),
    "start_of_next_month": (1, 0),
    "end_of_previous_month": (0, -1),
}


class NoDate(ValueError):
    """A text means no day; `code` is the finding's, and the message its sentence."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


def resolve_date(text: str, period: str | None) -> date:
    """Return the day that a text means: one written YYYY-MM-DD, or an expression of the period.

    Raises NoDate, which is a ValueError, with a sentence on what is wrong.
    """
    if DATE.fullmatch(text):
        try:
            return parse_date(text)
        except ValueError as error:
            raise NoDate("ZB301", str(error)) from None
    months, days = _steps(text)
    if period is None:
        missing = f"{quote(text)} needs the key `period`, such as `period: 2026-11`"
        raise NoDate("ZB330", f"{missing}; `--period` can give it where the spec does not")
    return _first_day(period, months) + timedelta(days=days)


def check_timezone(name: str) -> None:
    """Raise NoDate where no time zone has this name; let any pass where no zones are installed."""
    from zoneinfo import available_timezones  # loaded here, because few specs name a zone

    zones = available_timezones()
    if zones and name not in zones:
        from difflib import get_close_matches  # only what is wrong needs it

        near = get_close_matches(name, sorted(zones), n=1)
        hint = f"did you mean `{near[0]}`?" if near else "write it as in `Europe/Berlin`"
        raise NoDate("ZB334", f"no time zone is called {quote(name)}; {hint}")


def _steps(text: str) -> tuple[int, int]:
    parts = _EXPRESSION.fullmatch(text)
    if parts is None or parts[1] not in _MONTHS:
        raise NoDate("ZB331", _no_expression(text))
    months, days = _MONTHS[parts[1]]
    if not parts[3]:
        return months, days
    if not 1 <= int(parts[3]) <= MOST_DAYS:
        between = f"between 1 and {MOST_DAYS} days may be added or taken away"
        raise NoDate("ZB332", f"{quote(text)} is too far from its month: {between}")
    return months, days + int(parts[2] + parts[3])


def _no_expression(text: str) -> str:
    near = _meant(text[:80])
    meant = f"did you mean `{near}`? " if near else ""
    known = ", ".join(f"`{known}`" for known in _MONTHS)
    hint = f"{meant}known: {known}, each with `+14d` or `-1d`"
    return f"{quote(text)} is no day written YYYY-MM-DD, and no date expression; {hint}"


def _meant(text: str) -> str:
    """Return the expression that is nearest; none that would leave out a word or a step."""
    parts = _LOOSE.fullmatch(text.strip().lower())
    if parts is None or parts[1].endswith("-"):
        return ""
    from difflib import get_close_matches  # as above

    words = re.split(r"[ _-]+", parts[1].strip(" _"))
    near = next(iter(get_close_matches("_".join(words), _MONTHS, n=1)), "")
    if not all(get_close_matches(word, near.split("_")) for word in words):
        return ""
    step = int(parts[3] or 1)
    if not 1 <= step <= MOST_DAYS:
        return ""
    return f"{near}{parts[2]}{step}d" if parts[2] else near


def month_of(period: str | None) -> int | None:
    """Count the months from the year 0 to a period; None for what is none."""
    if period is None or not PERIOD.fullmatch(period):
        return None
    year, month = map(int, period.split("-"))
    return year * 12 + month - 1


def _first_day(period: str, later: int) -> date:
    month = month_of(period)
    if month is None:
        form = "a period is a month from 2000-01 to 2099-12, written YYYY-MM"
        raise NoDate("ZB333", f"{form}; this is {quote(period)}")
    index = month + later
    return date(index // 12, index % 12 + 1, 1)
