"""The real clock; tests and simulations bring their own."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial


class SystemClock:
    """The machine's clocks themselves, without a step of ours between: each call looks often.

    The steady one never goes backwards, and is the one asyncio uses; `now` is the wall time.
    """

    monotonic = staticmethod(time.monotonic)
    now = staticmethod(partial(datetime.now, UTC))
