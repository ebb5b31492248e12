"""What a tenant shows of a plan before it is run, where it was asked."""

from __future__ import annotations

from collections.abc import Iterable
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
    """What Zuora's preview shows to an item's date: in the account's currency, or why nothing.

    An invoice may differ from it: only tax that a price includes is in it, and charges may change.
    """

    item: Item
    amount: Decimal | None
    currency: str | None = None
    problem: Problem | None = None


def to_the_last(estimates: Iterable[Estimated]) -> tuple[Estimated, ...]:
    """Give of each account its estimate to its last date: what adds up to what it is billed.

    A preview starts where the account's last invoice ends, so that the charges which an earlier
    date bills are in that of a later one as well.
    """
    last: dict[str, Estimated] = {}
    for one in estimates:
        identity = one.item.identity
        known = last.setdefault(identity.account_id, one)
        if identity.target_date > known.item.identity.target_date:
            last[identity.account_id] = one
    return tuple(last.values())


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
