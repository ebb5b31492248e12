"""What was billed: the invoices, each execution that made or raised one, and queries' pages."""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from zbatch.emulator.items import parts_of

_SELECT = """
select i.n, i.id, i.account_id, i.invoice_date, i.target_date, i.status, i.source,
    i.cents + coalesce(sum(b.cents), 0), i.created_at,
    max(i.updated_at, coalesce(max(b.at), i.updated_at)), i.key,
    i.currency, i.tax_status, i.tax_message, i.paid
from invoices i
left join billing b on b.invoice_id = i.id and b.appended and b.at <= :horizon
where i.created_at <= :horizon"""
_ORDER = " group by i.n order by i.n"
TAX_FAILED = "The tax of this invoice could not be calculated."

_AMONG = " in (select value from json_each(:among))"
_ALL = _SELECT + _ORDER
_OF_ACCOUNTS = _SELECT + " and i.account_id" + _AMONG + _ORDER
_BY_ID = _SELECT + " and i.id" + _AMONG + _ORDER


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice that exists; `key` is the idempotency key it was created under.

    `source` is None where the tenant does not tell who made it. `paid` is what of its `cents` has
    been paid.
    """

    id: str
    number: str
    account_id: str
    invoice_date: date
    target_date: date
    status: str
    source: str | None
    cents: int
    created_at: datetime
    updated_at: datetime
    key: str | None
    currency: str
    tax_status: str | None
    tax_message: str | None
    paid: int


@dataclass(frozen=True, slots=True)
class Terms:
    """How an account is billed: in which currency, for how much, and whether its tax fails.

    Where `cents` is None the ID of the invoice determines its amount.
    """

    currency: str = "USD"
    cents: int | None = None
    tax_fails: bool = False

    @property
    def tax(self) -> tuple[str, str | None]:
        """The status of the tax of an invoice, and what is said of it."""
        return ("Error", TAX_FAILED) if self.tax_fails else ("Complete", None)


@dataclass(frozen=True, slots=True)
class Execution:
    """One time that an account was billed; `appended` if an older draft was raised for it.

    `key` is None for what was billed without one, by hand for instance; `invoice_id` is the
    first of those that arose, and may have been deleted since. `arrival` is the number of the
    arrival that caused it, None for what nobody called for.
    """

    at: datetime
    key: str | None
    account_id: str
    target_date: date
    invoice_id: str
    source: str | None
    appended: bool
    arrival: int | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One account to bill for its dates: by whom, under which key, and for which arrival."""

    account_id: str
    invoice_date: date
    target_date: date
    key: str | None = None
    source: str | None = "API"
    arrival: int | None = None
    terms: Terms = Terms()


@dataclass(frozen=True, slots=True)
class Cursor:
    """What a query found, by invoice ID, for the pages that are still to be read."""

    fields: tuple[str, ...]
    found: tuple[str, ...]


class InvoiceTable:
    """Invoices and executions in the tenant's file; the caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection, seed: int) -> None:
        self._db = connection
        self._seed = seed

    def billed_through(self, account_id: str) -> date | None:
        """Return the latest target date that the account was billed for and still is."""
        (latest,) = self._db.execute(
            "select max(b.target_date) from billing b join invoices i on i.id = b.invoice_id"
            " where b.account_id = ? and i.status not in ('Canceled', 'Error')",
            (account_id,),
        ).fetchone()
        return None if latest is None else date.fromisoformat(latest)

    def create(self, order: Order, how_many: int, now: float) -> str:
        """Create Drafts in one execution, and return the ID of the first."""
        ids = [self._insert(order, now) for _ in range(how_many)]
        self._execute(order, ids[0], 0, now)
        return ids[0]

    def append(self, order: Order, now: float) -> str | None:
        """Raise the account's open Draft of no later target date; None where it has none."""
        row = self._db.execute(
            "select id from invoices where account_id = ? and status = 'Draft'"
            " and target_date <= ? order by n desc limit 1",
            (order.account_id, order.target_date.isoformat()),
        ).fetchone()
        if row is None:
            return None
        draft_id: str = row[0]
        cents = amount_of(derive(self._seed, "append", self._last("billing") + 1))
        self._execute(order, draft_id, cents, now)
        self._itemise(draft_id, cents, now)
        return draft_id

    def set_status(self, invoice_id: str, status: str, now: float) -> bool:
        """Give an invoice another status; tell whether there is such an invoice."""
        changed = self._db.execute(
            "update invoices set status = ?, updated_at = ? where id = ?",
            (status, now, invoice_id),
        )
        return changed.rowcount == 1

    def charge(self, invoice_id: str, cents: int, now: float) -> bool:
        """Add an item to an invoice; tell whether there is such an invoice."""
        raised = self._db.execute(
            "update invoices set cents = cents + ?, updated_at = ? where id = ?",
            (cents, now, invoice_id),
        )
        if raised.rowcount == 1:
            self._itemise(invoice_id, cents, now)
        return raised.rowcount == 1

    def pay(self, invoice_id: str, cents: int, now: float) -> bool:
        """Pay a part of an invoice; tell whether there is such an invoice."""
        paid = self._db.execute(
            "update invoices set paid = paid + ?, updated_at = ? where id = ?",
            (cents, now, invoice_id),
        )
        return paid.rowcount == 1

    def delete(self, invoice_id: str) -> bool:
        """Delete an invoice for good; its executions stay on record."""
        self._db.execute("delete from items where invoice_id = ?", (invoice_id,))
        gone = self._db.execute("delete from invoices where id = ?", (invoice_id,))
        return gone.rowcount == 1

    def delete_of_key(self, key: str) -> None:
        """Delete for good what was made under a key."""
        self._db.execute(
            "delete from items where invoice_id in (select id from invoices where key = ?)", (key,)
        )
        self._db.execute("delete from invoices where key = ?", (key,))

    def readable(self, horizon: float, accounts: Collection[str] | None) -> list[Invoice]:
        """Read the invoices as they stood at `horizon`, of some accounts or of all."""
        if accounts is None:
            return _invoices(self._db.execute(_ALL, {"horizon": horizon}))
        among = json.dumps(sorted(accounts))
        return _invoices(self._db.execute(_OF_ACCOUNTS, {"horizon": horizon, "among": among}))

    def by_id(self, ids: Collection[str], horizon: float) -> list[Invoice]:
        """Read the invoices with these IDs as they stood at `horizon`."""
        values = {"horizon": horizon, "among": json.dumps(list(ids))}
        return _invoices(self._db.execute(_BY_ID, values))

    def id_of_number(self, number: str) -> str | None:
        """Give the ID of the invoice with a number, None where no invoice has it."""
        digits = number.removeprefix("INV")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
            return None
        row = self._db.execute("select id from invoices where n = ?", (int(digits),)).fetchone()
        return None if row is None else str(row[0])

    def keep_cursor(self, cursor: Cursor, now: float) -> str:
        """Keep what a query found, and return the name it is found by."""
        (known,) = self._db.execute("select count(*) from cursors").fetchone()
        name = derive(self._seed, "cursor", known + 1)
        self._db.execute(
            "insert into cursors values (?, ?, ?, ?)",
            (name, now, json.dumps(cursor.fields), json.dumps(cursor.found)),
        )
        return name

    def find_cursor(self, name: str, oldest: float) -> Cursor | None:
        """Return what was kept under a name, if it was kept after `oldest`."""
        row = self._db.execute(
            "select fields, found from cursors where id = ? and made_at > ?", (name, oldest)
        ).fetchone()
        return None if row is None else Cursor(*(tuple(json.loads(text)) for text in row))

    def _insert(self, order: Order, now: float) -> str:
        invoice_id = derive(self._seed, "invoice", self._last("invoices") + 1)
        terms = order.terms
        cents = amount_of(invoice_id) if terms.cents is None else terms.cents
        self._db.execute(
            "insert into invoices (id, account_id, invoice_date, target_date, status, cents,"
            " source, created_at, updated_at, key, currency, tax_status, tax_message)"
            " values (?, ?, ?, ?, 'Draft', ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(invoice_id, order.account_id, order.invoice_date.isoformat()),
                *(order.target_date.isoformat(), cents, order.source),
                *(now, now, order.key, terms.currency, *terms.tax),
            ),
        )
        self._itemise(invoice_id, cents, now)
        return invoice_id

    def _itemise(self, invoice_id: str, cents: int, now: float) -> None:
        first = self._last("items") + 1
        self._db.executemany(
            "insert into items (id, invoice_id, charge, cents, at) values (?, ?, ?, ?, ?)",
            [
                (derive(self._seed, "item", first + n), invoice_id, charge, part, now)
                for n, (charge, part) in enumerate(parts_of(cents))
            ],
        )

    def _execute(self, order: Order, invoice_id: str, raised_by: int, now: float) -> None:
        self._db.execute(
            "insert into billing (at, key, account_id, target_date, invoice_id, source, cents,"
            " appended, arrival) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(now, order.key, order.account_id, order.target_date.isoformat()),
                *(invoice_id, order.source, raised_by, raised_by > 0, order.arrival),
            ),
        )

    def _last(self, table: str) -> int:
        """Return the number last given in a table; that of a deleted row is not given again."""
        row = self._db.execute("select seq from sqlite_sequence where name = ?", (table,))
        found: tuple[int] | None = row.fetchone()
        return 0 if found is None else found[0]


def read_invoices(connection: sqlite3.Connection) -> list[Invoice]:
    """Read all invoices in the order they arose."""
    return _invoices(connection.execute(_ALL, {"horizon": math.inf}))


def read_executions(connection: sqlite3.Connection) -> list[Execution]:
    """Read every time that an account was billed, in order."""
    rows: list[tuple[Any, ...]] = connection.execute(
        "select at, key, account_id, target_date, invoice_id, source, appended, arrival"
        " from billing order by n"
    ).fetchall()
    return [
        Execution(
            at=datetime.fromtimestamp(at, UTC),
            key=key,
            account_id=account_id,
            target_date=date.fromisoformat(target_date),
            invoice_id=invoice_id,
            source=source,
            appended=bool(appended),
            arrival=arrival,
        )
        for at, key, account_id, target_date, invoice_id, source, appended, arrival in rows
    ]


@lru_cache(maxsize=4096)  # each simulated tenant begins with the same ones
def derive(seed: int, kind: str, *numbers: int) -> str:
    """Return 32 hexadecimal characters that the same seed and numbers always give."""
    text = "/".join([str(seed), kind, *map(str, numbers)])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def amount_of(of: str) -> int:
    """Return an amount from 10.00 to 999.99, in cents, that an ID determines."""
    return 1_000 + int(of[:8], 16) % 99_000


def _invoices(rows: Iterable[tuple[Any, ...]]) -> list[Invoice]:
    return [
        Invoice(
            id=invoice_id,
            number=f"INV{n:08d}",
            account_id=account_id,
            invoice_date=date.fromisoformat(invoice_date),
            target_date=date.fromisoformat(target_date),
            status=status,
            source=source,
            cents=cents,
            created_at=datetime.fromtimestamp(created, UTC),
            updated_at=datetime.fromtimestamp(updated, UTC),
            key=key,
            currency=currency,
            tax_status=tax_status,
            tax_message=tax_message,
            paid=paid,
        )
        for n, invoice_id, account_id, invoice_date, target_date, *rest in rows
        for status, source, cents, created, updated, key, *money in [rest]
        for currency, tax_status, tax_message, paid in [money]
    ]
