"""The real clock; tests and simulations bring their own."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's clocks; the steady one is the one asyncio uses."""

    def monotonic(self) -> float:
        """Give seconds that never go backwards."""
        return time.monotonic()

    def now(self) -> datetime:
        """Give the wall time in UTC."""
        return datetime.now(UTC)
