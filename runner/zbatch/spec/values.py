"""Small texts that mean a value: dates, durations, rates; and texts that other tools misread."""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache

from zbatch.model import ACCOUNT_NUMBER as ACCOUNT_NUMBER
from zbatch.model import Rate

DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
ACCOUNT_ID = re.compile(r"[0-9A-Fa-f]{32}")
REVISION = re.compile(r"[1-9][0-9]?")

_DURATION = re.compile(r"([0-9]+)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_RATE = re.compile(r"([1-9][0-9]{0,8})/(s|min|h)")
_RATE_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
# what YAML 1.1 or 1.2 makes of a text without quotes: null, bool, int, float, base 60, time
_RETYPED = re.compile(
    r"~|null|y|n|yes|no|on|off|true|false"
    r"|[-+]?(0x[0-9a-f_]+|0o?[0-7_]+|0b[01_]+)"
    r"|[-+]?([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9]+)(e[-+]?[0-9]+)?|[-+]?\.inf|\.nan"
    r"|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([t \t].*)?",
    re.IGNORECASE,
)


def is_retyped(text: str) -> bool:
    """Tell whether other YAML tools read this text, without quotes, as something else."""
    return _RETYPED.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def parse_date(text: str) -> date:
    """Return the calendar day, or raise ValueError with a sentence on what is wrong with it.

    The text has the form YYYY-MM-DD.
    """
    year, month, day = map(int, text.split("-"))
    if year < 1:
        raise ValueError(f"{text} is not a day of the calendar: years count from 0001")
    if not 1 <= month <= 12:
        raise ValueError(f"{text} is not a day of the calendar: months go from 01 to 12")
    # the calendar module would take as long to load as all other values together
    last = 31 if month == 12 else (date(year, month + 1, 1) - timedelta(days=1)).day
    if not 1 <= day <= last:
        raise ValueError(f"{text} is not a day of the calendar: that month has {last} days")
    return date(year, month, day)


def parse_duration(text: str) -> float:
    """Return the seconds of `500ms 30s 5m 3h`; raise ValueError for any other form."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("a duration is a number with ms, s, m or h, such as 150s")
    return int(match[1]) * _SECONDS[match[2]]


def parse_rate(text: str) -> Rate:
    """Return the rate of `20/s 600/min 5000/h`; raise ValueError for any other form."""
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError("a rate is a number of calls in a time, such as 600/min")
    return Rate(int(match[1]), _RATE_SECONDS[match[2]])
