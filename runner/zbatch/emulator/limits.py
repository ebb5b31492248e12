"""How much the tenant takes: counted quota windows and the headers that tell of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from zbatch.emulator.exchange import Answer, json_answer
from zbatch.model import Rate

_NAMES = {60.0: "minute", 3600.0: "hour", 86_400.0: "day"}

CONCURRENCY_CODE = 50000070
CONCURRENCY_WAIT = 120
CONCURRENCY_MESSAGE = (
    "The total number of concurrent requests has exceeded the limit allowed by the system. "
    "Please resubmit your request later."
)


@dataclass(slots=True)
class _Window:
    """One quota: requests counted since `start`."""

    rate: Rate
    start: float = -math.inf
    used: int = 0

    def roll(self, now: float) -> None:
        start = now - now % self.rate.seconds
        if start != self.start:
            self.start, self.used = start, 0

    def remaining(self) -> int:
        return max(0, self.rate.calls - self.used)

    def reset(self, now: float) -> int:
        return max(1, math.ceil(self.start + self.rate.seconds - now))


class Quota:
    """Requests counted in fixed windows; refused ones count too (page "Rate limits")."""

    def __init__(self, rates: Sequence[Rate]) -> None:
        self._take(rates)

    def count(self, now: float) -> Answer | None:
        """Count a request; return the 429 if it is one too many."""
        exceeded = None
        for window in self._windows:
            window.roll(now)
            window.used += 1
            if window.used > window.rate.calls:
                exceeded = window
        return None if exceeded is None else self._refuse(exceeded, now)

    def use(self, requests: int, now: float) -> None:
        """Count what other clients of the tenant have sent."""
        for window in self._windows:
            window.roll(now)
            window.used += requests

    def change(self, rates: Sequence[Rate], now: float) -> None:
        """Allow another number of requests from now on; what was used stays used."""
        used = {window.rate.seconds: window.used for window in self._windows}
        self._take(rates)
        for window in self._windows:
            window.roll(now)
            window.used = used.get(window.rate.seconds, 0)

    def headers(self, now: float) -> dict[str, str]:
        """Tell of the window nearest to its end, as the page "Rate limits" writes it."""
        if not self._windows:
            return {}
        for window in self._windows:
            window.roll(now)
        return self._tell(min(self._windows, key=lambda w: w.remaining() / w.rate.calls), now)

    def _take(self, rates: Sequence[Rate]) -> None:
        self._windows = [_Window(rate) for rate in rates]
        self._every = ", ".join(f"{rate.calls};w={rate.seconds:g}" for rate in rates)

    def _tell(self, window: _Window, now: float) -> dict[str, str]:
        return {
            "ratelimit-limit": f"{window.rate.calls}, {self._every}",
            "ratelimit-remaining": str(window.remaining()),
            "ratelimit-reset": str(window.reset(now)),
        }

    def _refuse(self, window: _Window, now: float) -> Answer:
        span = _NAMES.get(window.rate.seconds, f"{window.rate.seconds:g} seconds")
        message = f"API Rate limit exceeded for the {span}, retry after {window.reset(now)} seconds"
        # the sample on the page has neither "success" nor Retry-After
        body = {"reasons": [{"code": 70, "message": message}]}
        return json_answer(429, body, self._tell(window, now))


def concurrency_headers(limit: int, open_calls: int) -> dict[str, str]:
    """Tell how many of the concurrent requests are left."""
    return {
        "Concurrency-Limit-Type": "Default",
        "Concurrency-Limit-Limit": str(limit),
        "Concurrency-Limit-Remaining": str(max(0, limit - open_calls)),
    }


def too_many_at_once() -> Answer:
    """Build the 429 of the concurrency limit, the only one with `Retry-After`."""
    reason = {"code": CONCURRENCY_CODE, "message": CONCURRENCY_MESSAGE}
    body = {"success": False, "reasons": [reason]}
    return json_answer(429, body, {"Retry-After": str(CONCURRENCY_WAIT)})
