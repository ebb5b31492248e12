"""What a run tells whoever watches it: values, told only after the ledger holds them."""

from __future__ import annotations

from dataclasses import dataclass

from zbatch.model import Item, ItemRecord


@dataclass(frozen=True, slots=True)
class Settled:
    """An item has its outcome, and the ledger holds it."""

    record: ItemRecord


@dataclass(frozen=True, slots=True)
class InFlight:
    """So many calls are at the server now; `allowed` tells how many may be."""

    calls: int
    allowed: int


@dataclass(frozen=True, slots=True)
class Retrying:
    """A call is sent again after `wait` seconds; `items` are those it carries."""

    items: tuple[Item, ...]
    reason: str
    wait: float


@dataclass(frozen=True, slots=True)
class Gated:
    """Nothing is sent for `wait` seconds, because the server asked for it."""

    reason: str
    wait: float


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


Event = Resolving | Settled | InFlight | Retrying | Gated | Stopping
