"""What the ledger tells of accounts as a whole: what is credited there, what may have billed."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice

from zbatch.ledger import rows
from zbatch.ledger import statements as sql
from zbatch.ledger.standings import AT_ONCE
from zbatch.model import Identity, Item

_CREDITED = (
    "SELECT account_id, target_date, revision, invoice_ids, invoices FROM item"
    " WHERE invoice_id IS NOT NULL AND account_id IN (SELECT value FROM json_each(?))"
)
_ITEMS_OF_RUN = (
    "SELECT item.* FROM run_item JOIN item ON item.id = run_item.item_id"
    " WHERE run_item.run_id = ? ORDER BY run_item.ordinal"
)


@dataclass(frozen=True, slots=True)
class Billed:
    """What is held of an item's account beside the item itself.

    `credited` are the invoices of its other revisions: one of its date that only another date is
    credited with, since that was appended to it, bills this one as well. `sends` may each have
    billed the item; the first of them left at `since`. `seen` are the amounts at which the runs
    have seen the invoices of the others, by ID.
    """

    credited: frozenset[str] = frozenset()
    sends: int = 0
    since: datetime | None = None
    seen: frozenset[tuple[str, str]] = frozenset()


def read_billed(
    connection: sqlite3.Connection, items: Iterable[Item]
) -> Iterator[tuple[Item, Billed]]:
    """Tell of each item, in their order, some hundreds at a time."""
    left = iter(items)
    while some := list(islice(left, AT_ONCE)):
        accounts = (json.dumps(sorted({item.identity.account_id for item in some})),)
        credited: dict[str, list[sqlite3.Row]] = defaultdict(list)
        for row in connection.execute(_CREDITED, accounts):
            credited[row["account_id"]].append(row)
        sends = {
            _identity(row): (row["sends"], rows.moment(row["since"]))
            for row in connection.execute(sql.MAY_HAVE_BILLED, accounts)
        }
        for item in some:
            around = credited[item.identity.account_id]
            others = [row for row in around if _identity(row) != item.identity]
            target = item.identity.target_date.isoformat()
            ids = frozenset(
                one
                for row in others
                if row["target_date"] == target
                for one in rows.invoice_ids_of(row["invoice_ids"])
            )
            yield item, Billed(ids, *sends.get(item.identity, (0, None)), _seen(others))


def _seen(others: Iterable[sqlite3.Row]) -> frozenset[tuple[str, str]]:
    """Give the amounts at which the runs have seen the invoices of items."""
    details = (one for row in others for one in rows.details_in(row) or ())
    return frozenset((one.id, one.amount) for one in details if one.amount is not None)


def read_items(connection: sqlite3.Connection, run_id: str) -> list[Item]:
    """Read the items that a run planned, in their order, as the ledger holds them now."""
    return [rows.item_of(row) for row in connection.execute(_ITEMS_OF_RUN, (run_id,))]


def _identity(row: sqlite3.Row) -> Identity:
    return Identity(row["account_id"], date.fromisoformat(row["target_date"]), row["revision"])
