"""Read what a reply tells of the tenant's rate limits; no header, however odd, makes this raise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from zbatch.model import Rate
from zbatch.zuora.headers import RATE_PREFIXES
from zbatch.zuora.limits import ends_in, number_of

MOST_POLICIES = 8
_SPELLINGS = tuple(
    (prefix + "limit", prefix + "remaining", prefix + "reset") for prefix in RATE_PREFIXES
)
_POLICY = re.compile(r"([0-9]{1,12})\s*;\s*w\s*=\s*\"?([0-9]{1,9})\b")


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many more requests the tenant takes, from all of its clients, in one of its windows.

    `limit` names that window by its size, 0 where it is not told: the one nearest to being used up.
    It ends in `reset` seconds. `policies` are all windows, as far as they are told. (Page "Rate
    limits": `ratelimit-limit: 2250000, 50000;w=60, …`)
    """

    limit: int
    remaining: int
    reset: float
    policies: tuple[Rate, ...] = ()


def allowance(headers: Mapping[str, str], now: datetime | None) -> Allowance | None:
    """Read the rate headers in any spelling; None where they do not tell how much is left, or when.

    Of several spellings the one with the least left counts. `headers` have lower-case names; `now`
    is best the server's, and only needed where the end of a window is told as a moment.
    """
    told = [
        one
        for limit, remaining, reset in _SPELLINGS
        if remaining in headers and reset in headers
        if (one := _read(headers.get(limit, ""), headers[remaining], headers[reset], now))
    ]
    return min(told, key=lambda one: one.remaining, default=None)


def _read(limit: str, remaining: str, reset: str, now: datetime | None) -> Allowance | None:
    left = _number(remaining)
    end = None if left is None else ends_in(reset, now)
    if left is None or end is None:
        return None
    return Allowance(_number(limit) or 0, left, end, _policies(limit))


@lru_cache(maxsize=64)  # a window's size and its last seconds come again and again
def _number(value: str) -> int | None:
    return number_of(value) if value else None


@lru_cache(maxsize=8)  # all replies of a tenant say the same
def _policies(value: str) -> tuple[Rate, ...]:
    found = [(int(calls), int(seconds)) for calls, seconds in _POLICY.findall(value)]
    rates = [Rate(calls, float(seconds)) for calls, seconds in found if calls and seconds]
    return tuple(rates[:MOST_POLICIES])
