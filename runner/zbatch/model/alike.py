"""Items that differ by their accounts alone: what is asked of thousands of them at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, Protocol, runtime_checkable

from zbatch.model.calls import Detail
from zbatch.model.plan import Item
from zbatch.model.problems import Problem
from zbatch.model.spec import Charges


@dataclass(frozen=True, slots=True)
class Batch:
    """Items of one target date, revision and payload; `accounts` has their IDs by position."""

    target_date: date
    revision: int
    invoice_date: date
    charges: Charges
    accounts: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a plan's items have in common but for their accounts and the lines they stand in."""

    target_date: date
    revision: int
    invoice_date: date
    charges: Charges
    file: str
    column: int
    reason: str | None


Listed = tuple[str, str | None, int, Terms]
"""An item by its account's ID, its number where the plan has one, its line, and its terms."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the ledger holds of an item beside its invoices, as of all items of its call."""

    error: Problem | None
    http_status: int | None
    attempts: int
    idempotency_key: str | None
    track_id: str | None
    request_id: str | None
    started_at: datetime | None
    finished_at: datetime | None
    run_id: str | None


class Repeated(NamedTuple):
    """A planned item that is invoiced, as a later report repeats it."""

    account_id: str
    account_number: str | None
    line: int
    terms: Terms
    invoice_id: str
    invoice_ids: tuple[str, ...]
    invoices: tuple[Detail, ...] | None
    settlement: Settlement


@runtime_checkable
class Batched(Protocol):
    """A sequence of items that tells of them without making them."""

    def batches(self, start: int, stop: int) -> Iterator[Batch]:
        """Give the items from `start` to before `stop`, those together that are alike."""
        ...

    def listed(self, start: int, stop: int) -> Iterator[Listed]:
        """Give the items from `start` to before `stop` in their order."""
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


def listed(items: Sequence[Item], start: int, stop: int) -> Iterator[Listed]:
    """Give the items of a plan from `start` to before `stop` in their order."""
    if isinstance(items, Batched):
        yield from items.listed(start, stop)
        return
    last: Terms | None = None
    for item in items[start:stop]:
        identity, source = item.identity, item.source
        terms = Terms(
            identity.target_date,
            identity.revision,
            item.invoice_date,
            item.charges,
            source.file,
            source.column,
            item.reason,
        )
        last = last if terms == last else terms
        yield identity.account_id, item.account_number, source.line, last
