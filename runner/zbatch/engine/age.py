"""How old a key is: the server forgets one after 24 hours, and we stop trusting it before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from zbatch.model import Attempt

KEY_LIFE = timedelta(hours=23)  # one hour less than the server's, for clocks that disagree
CLOCK_SLACK = timedelta(minutes=1)  # what a synchronised clock may be set back by


@dataclass(frozen=True, slots=True)
class Clocks:
    """What the clocks say: ours, the ledger's newest stamp, and the server's own `Date`.

    `newest` is None in a new ledger, `server` as long as no reply of this run has told.
    """

    now: datetime
    newest: datetime | None = None
    server: datetime | None = None


def expired(attempts: Sequence[Attempt], clocks: Clocks) -> bool:
    """Tell whether a key may have been forgotten by the server.

    Only a send that left, or may have left, has an age: by our clock or by the server's, whichever
    is more. A clock of ours that reads clearly less than the ledger's newest stamp, or than a
    send's own time, has gone backwards: no age it gives can be trusted, so the key has expired.
    """
    sent = [attempt for attempt in attempts if attempt.sent]
    if not sent:
        return False
    starts = [attempt.started_at for attempt in sent]
    if clocks.now < max(*starts, clocks.newest or starts[0]) - CLOCK_SLACK:
        return True
    return max(clocks.now - min(starts), _age_at_server(sent, clocks)) >= KEY_LIFE


def expires(attempts: Sequence[Attempt], clocks: Clocks, within: timedelta) -> bool:
    """Tell whether a key that is still good may be forgotten within a time."""
    later = clocks.server + within if clocks.server else None
    then = Clocks(clocks.now + within, clocks.newest, later)
    return not expired(attempts, clocks) and expired(attempts, then)


def _age_at_server(sent: Sequence[Attempt], clocks: Clocks) -> timedelta:
    told = [attempt.server_date for attempt in sent if attempt.server_date]
    return clocks.server - min(told) if clocks.server and told else timedelta()
