"""What a run tells whoever watches it: values, told only after the ledger holds them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from zbatch.engine.pacing import Bound
from zbatch.model import Attempt, Item, ItemRecord
from zbatch.model.values import value


class Hold(StrEnum):
    """What keeps the whole run from sending for a time."""

    LIMIT = "limit"  # the tenant has answered that a limit of it is exceeded
    WINDOW = "window"  # one of the tenant's windows is used up, by our own count or its word
    UNREACHABLE = "unreachable"
    OUTAGE = "outage"  # requests are but probes


@value(frozen=True, slots=True)
class Settled:
    """An item has its outcome, and the ledger holds it."""

    record: ItemRecord


@value(frozen=True, slots=True)
class InFlight:
    """So many calls are at the server now; `allowed` tells how many may be."""

    calls: int
    allowed: int


@dataclass(frozen=True, slots=True)
class Paced:
    """At most so many requests a second leave from now on, and what has set that."""

    per_second: float
    by: Bound


@dataclass(frozen=True, slots=True)
class Leaving:
    """A call leaves under its key; its attempt is durable."""

    items: tuple[Item, ...]
    key: str
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Answered:
    """An attempt is over; `verdict` says in a word or two what that makes of its items.

    One that never left (`attempt.sent` is False) is told too, whether or not it was `Leaving`.
    """

    items: tuple[Item, ...]
    key: str
    attempt: Attempt
    verdict: str


@dataclass(frozen=True, slots=True)
class Limited:
    """The tenant has answered that a limit is exceeded: told each time, the wait only if longer."""

    reason: str


@dataclass(frozen=True, slots=True)
class Retrying:
    """A call is sent again after `wait` seconds; `items` are those it carries."""

    items: tuple[Item, ...]
    reason: str
    wait: float


@dataclass(frozen=True, slots=True)
class Gated:
    """Nothing is sent for `wait` seconds; in an outage, one request each time."""

    reason: str
    wait: float
    hold: Hold = Hold.LIMIT


@dataclass(frozen=True, slots=True)
class Stopping:
    """No further call starts; `in_flight` calls are still awaited.

    `hint` says what the person at the terminal can do meanwhile.
    """

    reason: str
    in_flight: int
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Resolving:
    """Before a run begins the tenant is asked which accounts so many numbers are."""

    numbers: int


Event = (
    Resolving
    | Settled
    | InFlight
    | Paced
    | Leaving
    | Answered
    | Limited
    | Retrying
    | Gated
    | Stopping
)
