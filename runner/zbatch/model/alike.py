"""Items that differ by their accounts alone: what is asked of thousands of them at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol, runtime_checkable

from zbatch.model.plan import Item
from zbatch.model.spec import Charges


@dataclass(frozen=True, slots=True)
class Batch:
    """Items of one target date, revision and payload; `accounts` has their IDs by position."""

    target_date: date
    revision: int
    invoice_date: date
    charges: Charges
    accounts: Mapping[int, str]


@runtime_checkable
class Batched(Protocol):
    """A sequence of items that makes batches of itself without making the items."""

    def batches(self, start: int, stop: int) -> Iterator[Batch]:
        """Give the items from `start` to before `stop`."""
        ...


def batches(items: Sequence[Item], start: int, stop: int) -> Iterator[Batch]:
    """Give the items of a plan from `start` to before `stop`, those together that are alike."""
    if isinstance(items, Batched):
        yield from items.batches(start, stop)
        return
    found: dict[tuple[date, int, date, Charges], dict[int, str]] = {}
    for position, item in enumerate(items[start:stop], start):
        identity = item.identity
        alike = (identity.target_date, identity.revision, item.invoice_date, item.charges)
        found.setdefault(alike, {})[position] = identity.account_id
    for alike, accounts in found.items():
        yield Batch(*alike, accounts)
