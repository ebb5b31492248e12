"""How old a key is: the server forgets one after 24 hours, and we stop trusting it before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from zbatch.model import Attempt

KEY_LIFE = timedelta(hours=23)  # one hour less than the server's, for clocks that disagree
CLOCK_SLACK = timedelta(minutes=1)  # what a synchronised clock may be set back by


def expired(attempts: Sequence[Attempt], now: datetime, newest: datetime | None) -> bool:
    """Tell whether a key may have been forgotten by the server.

    Only a send that left, or may have left, has an age. `newest` is the latest wall time that the
    ledger holds: a clock that reads clearly less, or less than a send's own time, has gone
    backwards, and no age it gives can be trusted, so every key counts as expired.
    """
    sent = [attempt.started_at for attempt in attempts if attempt.sent]
    if not sent:
        return False
    if now < max(*sent, newest or sent[0]) - CLOCK_SLACK:
        return True
    return now - min(sent) >= KEY_LIFE
