"""Read what a reply tells of the tenant's rate limits; no header, however odd, makes this raise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from zbatch.model import Rate
from zbatch.zuora.headers import RATE_PREFIXES
from zbatch.zuora.limits import CAP_SECONDS

MOST_POLICIES = 8
_SPELLINGS = tuple(
    (prefix + "limit", prefix + "remaining", prefix + "reset") for prefix in RATE_PREFIXES
)
_NUMBER = re.compile(r"\s*([0-9]{1,12})(?:\.[0-9]{1,6})?\s*(?:[;,].*)?", re.DOTALL)
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


def allowance(headers: Mapping[str, str]) -> Allowance | None:
    """Read the rate headers in any spelling; None where they do not tell how much is left, or when.

    `headers` have lower-case names.
    """
    for limit_name, remaining_name, reset_name in _SPELLINGS:
        remaining = _number(headers.get(remaining_name))
        reset = _number(headers.get(reset_name))
        if remaining is not None and reset is not None:
            limit = headers.get(limit_name, "")
            wait = min(float(reset), CAP_SECONDS)
            return Allowance(_number(limit) or 0, remaining, wait, _policies(limit))
    return None


@lru_cache(maxsize=64)  # a window's size and its last seconds come again and again
def _number(value: str | None) -> int | None:
    match = _NUMBER.fullmatch(value) if value else None
    return int(match[1]) if match else None


@lru_cache(maxsize=8)  # all replies of a tenant say the same
def _policies(value: str) -> tuple[Rate, ...]:
    found = [(int(calls), int(seconds)) for calls, seconds in _POLICY.findall(value)]
    rates = [Rate(calls, float(seconds)) for calls, seconds in found if calls and seconds]
    return tuple(rates[:MOST_POLICIES])
