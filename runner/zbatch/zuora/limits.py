"""Read the limit headers of a reply; no header, however odd, makes this raise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from zbatch.model import Problem
from zbatch.zuora.codes import CONCURRENCY_CODES, LIMIT_MESSAGES
from zbatch.zuora.headers import CONCURRENCY_LIMIT, CONCURRENCY_REMAINING, RATE_PREFIXES

CAP_SECONDS = 30 * 24 * 3600.0
"""Longer waits read as this: beyond any wait that makes sense, and still told apart from it."""

ROUNDED = 1.0
"""So many seconds may be missing from the end of a window, which is told in whole ones."""

_TIME = r"[0-9]{2}:[0-9]{2}:[0-9]{2}"
_HTTP_DATE = re.compile(  # the three forms of RFC 9110, 5.6.7, and the first as mail writes it
    rf"[A-Z][a-z]{{2}}, [0-9]{{2}} [A-Z][a-z]{{2}} [1-9][0-9]{{3}} {_TIME} (?:GMT|UTC|\+0000)"
    rf"|[A-Z][a-z]{{5,8}}, [0-9]{{2}}-[A-Z][a-z]{{2}}-[0-9]{{2}} {_TIME} GMT"
    rf"|[A-Z][a-z]{{2}} [A-Z][a-z]{{2}} [ 0-9][0-9] {_TIME} [1-9][0-9]{{3}}"
)
_COUNT = re.compile(r"[0-9]{1,6}")
_WHOLE = re.compile(r"\s*(-?[0-9]{1,12})(?:[.;,].*)?\s*", re.DOTALL)
_AGE = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_NUMBER = re.compile(r"\s*([0-9]{1,13})(?:\.[0-9]{1,6})?\s*(?:[;,].*)?", re.DOTALL)
_MOMENT = 1e9  # so many seconds and more are counted since 1970, not from now
_YEARS = range(1970, 2200)  # in which a server may say that it is
_SECONDS = re.compile(r"\"?([0-9]+(?:\.[0-9]{1,6})?)\"? ?s?(?:;.*)?")


@dataclass(frozen=True, slots=True)
class AtOnce:
    """How many requests the tenant takes at once, from all of its clients, and how many more now.

    Renewed once a second, so it may be that old (page "Rate limits").
    """

    limit: int
    remaining: int


def at_once(headers: Mapping[str, str]) -> AtOnce | None:
    """Read what a reply tells of requests at once; None where it does not tell both numbers."""
    return _at_once(headers.get(CONCURRENCY_LIMIT, ""), headers.get(CONCURRENCY_REMAINING, ""))


@lru_cache(maxsize=128)  # there are no more than that of most tenants
def _at_once(limit: str, remaining: str) -> AtOnce | None:
    most, left = _COUNT.fullmatch(limit.strip()), _COUNT.fullmatch(remaining.strip())
    return AtOnce(int(most[0]), int(left[0])) if most and left else None


def too_many_at_once(problem: Problem) -> bool:
    """Tell a refusal for requests that are under way at once from one for their rate."""
    message = problem.message.casefold().rstrip(".")
    return problem.code in CONCURRENCY_CODES or message in LIMIT_MESSAGES


def retry_after(
    headers: Mapping[str, str], now: datetime, *, crowded: bool = False
) -> float | None:
    """Tell how many seconds a 429 or 503 asks us to wait, or None where it does not say.

    The longest of Retry-After (seconds or a moment) and of the end of the rate window, at most
    CAP_SECONDS. That end stands on every reply, in any spelling: it counts where that window is
    used up, and where the reply tells neither a wait nor what is left, but never where the refusal
    is for requests at once. `headers` have lower-case names; `now`, aware, is best the server's.
    """
    asked = _waits(headers.get("retry-after", ""), now)
    ends: list[float] = []
    for prefix in () if crowded else RATE_PREFIXES:
        if _used_up(headers.get(prefix + "remaining", ""), otherwise=not asked):
            ends += _waits(headers.get(prefix + "reset", ""), now)
    waits = asked + [min(end + ROUNDED, CAP_SECONDS) for end in ends]
    return max(waits, default=None)


def _used_up(remaining: str, *, otherwise: bool) -> bool:
    """Tell whether nothing is left of a rate window; where that is not told, say `otherwise`."""
    left = _WHOLE.fullmatch(remaining)
    return int(left[1]) <= 0 if left else otherwise


def _waits(value: str, now: datetime) -> list[float]:
    """Read every wait in a value that may be several headers joined by a comma."""
    dates = [_until(match, now) for match in _HTTP_DATE.finditer(value)]
    others = _HTTP_DATE.sub("", value).split(",")
    told = [float(match[1]) for part in others if (match := _SECONDS.fullmatch(part.strip()))]
    waits = (*dates, *(_seconds(number, now) for number in told))
    return [min(wait, CAP_SECONDS) for wait in waits if wait is not None]


def number_of(value: str) -> int | None:
    """Read the number that a header begins with, whatever it says of it and other windows."""
    match = _NUMBER.fullmatch(value)
    return int(match[1]) if match else None


def ends_in(value: str, now: datetime | None) -> float | None:
    """Tell in how many seconds a rate window ends, by a number or a date; None where unreadable.

    So is a moment where nobody tells the time `now`.
    """
    number = number_of(value)
    if number is not None and number < _MOMENT:
        return min(float(number), CAP_SECONDS)
    if now is None:
        return None
    if number is not None:
        return min(_seconds(number, now), CAP_SECONDS)
    date = _HTTP_DATE.match(value.strip())
    wait = _until(date, now) if date else None
    return None if wait is None else min(wait, CAP_SECONDS)


def _seconds(number: float, now: datetime) -> float:
    """Read a number as a wait, or as the end of one: seconds since 1970, or thousandths of them."""
    if number < _MOMENT:
        return number
    moment = number if number < 1000.0 * _MOMENT else number / 1000.0
    return max(moment - now.timestamp(), 0.0)


def _until(match: re.Match[str], now: datetime) -> float | None:
    then = _moment(match[0])
    return max((then - now).total_seconds(), 0.0) if then else None


def _moment(text: str) -> datetime | None:
    # Loaded here, because it is slow to load, and a plan reads no dates.
    from email.utils import parsedate

    read = parsedate(text)
    if read is None:
        return None
    try:
        return datetime(*read[:5], min(read[5], 59), tzinfo=UTC)  # a leap second
    except ValueError:
        return None


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """Read the server's own `Date`; a reply without a readable one is no worse for it."""
    return _date(headers.get("date", ""))


@lru_cache(maxsize=8)  # all replies of a second say the same
def _date(value: str) -> datetime | None:
    """Read the earliest of the dates in a value, which may be several headers joined by a comma."""
    dates = (_moment(match[0]) for match in _HTTP_DATE.finditer(value))
    return min((date for date in dates if date and date.year in _YEARS), default=None)


def age_of(headers: Mapping[str, str]) -> timedelta:
    """Tell how long a reply was stored on the way, by its `Age`; not at all where it has none."""
    return _age(headers.get("age", ""))


@lru_cache(maxsize=8)  # most replies have none
def _age(value: str) -> timedelta:
    """Read the longest of the ages in a value, which may be several headers joined by a comma."""
    told = (part.strip() for part in value.split(","))
    ages = (float(part) for part in told if _AGE.fullmatch(part))
    return timedelta(seconds=min(max(ages, default=0.0), CAP_SECONDS))
