"""What an invoice is made of: its items, which add up to its amount."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_SELECT = """
select t.id, t.invoice_id, i.account_id, t.charge, t.cents, t.at
from items t join invoices i on i.id = t.invoice_id
where t.at <= ? and i.created_at <= ?"""
_ORDER = " order by t.n"
_AMONG = " in (select value from json_each(?))"


@dataclass(frozen=True, slots=True)
class InvoiceItem:
    """One charge on an invoice that exists."""

    id: str
    invoice_id: str
    account_id: str
    charge: str
    cents: int
    created_at: datetime


class ItemTable:
    """The items of invoices in the tenant's file; the caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def readable(self, horizon: float, invoices: Collection[str] | None) -> list[InvoiceItem]:
        """Read the items as they stood at `horizon`, of some invoices or of all."""
        if invoices is None:
            return _items(self._db.execute(_SELECT + _ORDER, (horizon, horizon)))
        return self._among("t.invoice_id", invoices, horizon)

    def by_id(self, ids: Collection[str], horizon: float) -> list[InvoiceItem]:
        """Read the items with these IDs as they stood at `horizon`."""
        return self._among("t.id", ids, horizon)

    def _among(self, column: str, values: Collection[str], horizon: float) -> list[InvoiceItem]:
        among = json.dumps(sorted(values))
        text = f"{_SELECT} and {column}{_AMONG}{_ORDER}"
        return _items(self._db.execute(text, (horizon, horizon, among)))


def parts_of(cents: int) -> tuple[tuple[str, int], ...]:
    """Split an amount into charges: what recurs, and what was used where that is anything."""
    used = cents // 4 if cents > 0 else 0
    charges = (("Subscription", cents - used), ("Usage", used))
    return charges if used else charges[:1]


def read_items(connection: sqlite3.Connection) -> list[InvoiceItem]:
    """Read the items of all invoices in the order they arose."""
    return ItemTable(connection).readable(float("inf"), None)


def _items(rows: Iterable[tuple[Any, ...]]) -> list[InvoiceItem]:
    return [
        InvoiceItem(item_id, invoice_id, account_id, charge, cents, datetime.fromtimestamp(at, UTC))
        for item_id, invoice_id, account_id, charge, cents, at in rows
    ]
