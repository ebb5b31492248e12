"""Faults of limits: calls that are put off, and what a reply says of the room that is left."""

from __future__ import annotations

from zbatch.emulator.catalogue.known import AUTHORIZED, CALLS, Known, Seconds
from zbatch.emulator.exchange import reasons
from zbatch.emulator.faults import HttpDate, Mishap
from zbatch.emulator.limits import too_many_at_once

_FIVE_SECONDS = Seconds(5.0)

RATE_LIMITED = reasons(429, 70, "API Rate limit exceeded for the minute").body


def throttled(
    retry_after: str = "120", status: int = 429, executed: bool = False, stored: bool = False
) -> Mishap:
    """The answer is a 429, or 503, with this Retry-After, whatever it is."""
    headers = (("Retry-After", retry_after),)
    body = too_many_at_once().body
    return Mishap(executed=executed, status=status, stored=stored, body=body, headers=headers)


def throttled_until_date(wait: Seconds = _FIVE_SECONDS) -> Mishap:
    """The answer is a 429 whose Retry-After is a date."""
    headers = (("Retry-After", HttpDate(wait)),)
    return Mishap(executed=False, status=429, body=too_many_at_once().body, headers=headers)


def throttled_two_headers(first: str = "1", second: str = "2") -> Mishap:
    """The answer is a 429 with Retry-After twice."""
    headers = (("Retry-After", first), ("Retry-After", second))
    return Mishap(executed=False, status=429, body=too_many_at_once().body, headers=headers)


def throttled_reset_only(reset: str = "5") -> Mishap:
    """The answer is a 429 without Retry-After: only ratelimit-reset says how long to wait."""
    headers = (("ratelimit-reset", reset),)
    return Mishap(executed=False, status=429, body=RATE_LIMITED, headers=headers)


def concurrency_left(left: int = 0, limit: int = 40) -> Mishap:
    """The reply says that so many concurrent requests are left."""
    headers = (
        ("Concurrency-Limit-Type", "Default"),
        ("Concurrency-Limit-Limit", str(limit)),
        ("Concurrency-Limit-Remaining", str(left)),
    )
    return Mishap(headers=headers)


LIMITS = (
    Known(
        "throttled",
        throttled,
        ("F57", "F63", "F64", "F66", "F67", "F69", "F71"),
        CALLS,
        tuple({"retry_after": text} for text in ("0", "1", "-1", "NaN")),
    ),
    Known("throttled_until_date", throttled_until_date, ("F64",), CALLS, ({"wait": "1s"},)),
    Known("throttled_two_headers", throttled_two_headers, ("F64",), CALLS, ({"second": "1"},)),
    Known("throttled_reset_only", throttled_reset_only, ("F65",), CALLS, ({"reset": "1"},)),
    Known("concurrency_left", concurrency_left, ("F68",), AUTHORIZED, ({},)),
)
