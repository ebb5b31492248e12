"""What a tenant shows of a plan before it is run, where it was asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from zbatch.model import Item, Problem
from zbatch.zuora.numbers import FoundAccount


@dataclass(frozen=True, slots=True)
class There:
    """An item that a run would not send as things are, and the invoices that hold it."""

    item: Item
    invoice_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Estimated:
    """What Zuora's preview shows for an item: an estimate in the account's currency, or why none.

    An invoice may differ from it: only tax that a price includes is in it, and charges may change.
    """

    item: Item
    amount: Decimal | None
    currency: str | None = None
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Online:
    """What a tenant shows of the `items` of a plan that its ledger does not hold as settled.

    `unknown` are items whose account the tenant does not show, `inactive` accounts that it does
    not bill; `there` are items with an invoice already; `drafts` are accounts with an open draft,
    to which some tenants append. `estimates` are of all items that it was asked to preview.
    """

    asked_at: datetime
    requests: int
    items: int
    unknown: tuple[Item, ...] = ()
    inactive: tuple[FoundAccount, ...] = ()
    there: tuple[There, ...] = ()
    drafts: tuple[str, ...] = ()
    estimates: tuple[Estimated, ...] | None = None
