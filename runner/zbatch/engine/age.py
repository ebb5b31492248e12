"""How old a key is: the server forgets one after 24 hours, and we stop trusting it before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from zbatch.engine.kinds import doubtful
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
    if _went_back(sent, clocks):
        return True
    return max(clocks.now - min(starts), _age_at_server(sent, clocks)) >= KEY_LIFE


def outlived(attempts: Sequence[Attempt], clocks: Clocks) -> bool:
    """Tell whether the server must have forgotten a key by all clocks that can tell.

    Where `expired` is true as soon as one of them says that a key may be too old to be sent, here
    all must agree; a clock of ours that has gone backwards tells nothing if the server's can. It
    counts from the first send that may have been executed: one that was turned away before it left
    the server nothing to remember, and may have been a day earlier.
    """
    sent = [attempt for attempt in attempts if attempt.sent]
    if not sent:
        return False
    first, ages = next((one for one in sent if doubtful((one,))), sent[-1]), []
    if clocks.server and first.server_date:
        ages.append(clocks.server - first.server_date)
    if not ages or not _went_back(sent, clocks):
        ages.append(clocks.now - first.started_at)
    return min(ages) >= KEY_LIFE


def expires(attempts: Sequence[Attempt], clocks: Clocks, within: timedelta) -> bool:
    """Tell whether a key that is still good may be forgotten within a time."""
    later = clocks.server + within if clocks.server else None
    then = Clocks(clocks.now + within, clocks.newest, later)
    return not expired(attempts, clocks) and expired(attempts, then)


def _went_back(sent: Sequence[Attempt], clocks: Clocks) -> bool:
    starts = [attempt.started_at for attempt in sent]
    return clocks.now < max(*starts, clocks.newest or starts[0]) - CLOCK_SLACK


def _age_at_server(sent: Sequence[Attempt], clocks: Clocks) -> timedelta:
    told = [attempt.server_date for attempt in sent if attempt.server_date]
    return clocks.server - min(told) if clocks.server and told else timedelta()
