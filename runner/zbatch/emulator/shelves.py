"""What queries find, as records: invoices as they read at a moment, and the items on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from zbatch.emulator.book import Book, BookAccount, number_of
from zbatch.emulator.config import CurrencyField, Modes, SourceField, TaxFields, Temporary
from zbatch.emulator.invoices import Invoice, InvoiceTable
from zbatch.emulator.items import InvoiceItem, ItemTable
from zbatch.emulator.visit import Visit
from zbatch.emulator.zoql import SINCE, Query, Record

_OTHER_DIGITS = str.maketrans("0123456789abcdef", "fedcba9876543210")


@dataclass(frozen=True, slots=True)
class Moment:
    """Up to when a question sees what has arisen, and what is older than `finished` is done."""

    horizon: float
    finished: float


def moment_of(modes: Modes, visit: Visit) -> Moment:
    """Tell when a question sees what has arisen, and what of it is finished."""
    mishap = visit.mishap
    stale, young = (0.0, 0.0) if mishap is None else (mishap.lag, mishap.generating)
    stored = mishap is not None and mishap.store
    now = stored.then(visit.now) if stored else visit.now
    return Moment(now - max(modes.read_lag, stale), now - max(modes.generating, young))


class Shelf(Protocol):
    """All records of a kind that a query may find."""

    def readable(self, query: Query, moment: Moment) -> Iterable[Record]:
        """Give the records among which the query finds its own."""

    def by_id(self, ids: Collection[str], moment: Moment) -> Iterable[Record]:
        """Give the records with these IDs."""


class InvoiceShelf:
    """Invoices as they read: unfinished ones as Generating, and by which number."""

    def __init__(self, modes: Modes, invoices: InvoiceTable, book: Book) -> None:
        self._temporary = modes.temporary
        self._invoices = invoices
        self._book = book

    def readable(self, query: Query, moment: Moment) -> Iterator[Record]:
        """Give the records of the accounts that the query names, or of all."""
        for invoice in self._invoices.readable(moment.horizon, query.named("AccountId")):
            yield from self._records(invoice, moment)

    def by_id(self, ids: Collection[str], moment: Moment) -> Iterator[Record]:
        """Give the records with these IDs; of a temporary one that is gone, none."""
        wanted = {*ids, *map(temporary_id, ids)}
        for invoice in self._invoices.by_id(wanted, moment.horizon):
            yield from (one for one in self._records(invoice, moment) if one["Id"] in ids)

    def by_key(self, key: str, moment: Moment) -> Record | None:
        """Give the record with this ID or number, the one that it has at that moment."""
        one = key.lower()
        numbered = self._invoices.id_of_number(key)
        ids = [found for found in (one, numbered) if found is not None]
        found = self.by_id(ids, moment)
        return next((r for r in found if r["Id"] == one or r["InvoiceNumber"] == key), None)

    def _records(self, invoice: Invoice, moment: Moment) -> Iterator[Record]:
        record = _record(invoice)
        created_at = invoice.created_at.timestamp()
        if invoice.status != "Draft" or created_at <= moment.finished:
            yield record
            return
        unfinished = {**record, "Status": "Generating"}
        temporary = {**unfinished, "InvoiceNumber": self._temporary_number(invoice)}
        yield temporary if self._temporary is Temporary.OWN else unfinished
        if self._temporary is Temporary.BESIDE:
            yield {**temporary, "Id": temporary_id(invoice.id)}

    def _temporary_number(self, invoice: Invoice) -> str:
        account = self._book.find(invoice.account_id) or BookAccount()
        return f"TMP-INV-{number_of(invoice.account_id, account)}"


class ItemShelf:
    """The items on invoices."""

    def __init__(self, items: ItemTable) -> None:
        self._items = items

    def readable(self, query: Query, moment: Moment) -> Iterator[Record]:
        """Give the records of the invoices that the query names, or of all."""
        named = query.named("InvoiceId")
        return map(_item_record, self._items.readable(moment.horizon, named))

    def by_id(self, ids: Collection[str], moment: Moment) -> Iterator[Record]:
        """Give the records with these IDs."""
        return map(_item_record, self._items.by_id(ids, moment.horizon))


def hidden_fields(modes: Modes, wsdl: int) -> frozenset[str]:
    """Name the fields of an invoice that this tenant does not have for a WSDL version."""
    hidden = {name for name, since in SINCE.items() if wsdl < since}
    if modes.source_field is SourceField.ABSENT:
        hidden.add("Source")
    if modes.currency_field is CurrencyField.ABSENT:
        hidden.add("Currency")
    if modes.tax_fields is TaxFields.ABSENT:
        hidden |= {"TaxStatus", "TaxMessage"}
    return frozenset(hidden)


def temporary_id(invoice_id: str) -> str:
    """Give the ID of the temporary invoice beside one, or that of the one beside which it is."""
    return invoice_id.translate(_OTHER_DIGITS)


def _record(invoice: Invoice) -> Record:
    return {
        "Id": invoice.id,
        "AccountId": invoice.account_id,
        "InvoiceNumber": invoice.number,
        "InvoiceDate": invoice.invoice_date,
        "TargetDate": invoice.target_date,
        "Status": invoice.status,
        "Amount": invoice.cents,
        "Source": invoice.source,
        "CreatedDate": invoice.created_at.timestamp(),
        "UpdatedDate": invoice.updated_at.timestamp(),
        "Balance": invoice.cents - invoice.paid,
        "Currency": invoice.currency,
        "TaxStatus": invoice.tax_status,
        "TaxMessage": invoice.tax_message,
    }


def _item_record(item: InvoiceItem) -> Record:
    return {
        "Id": item.id,
        "InvoiceId": item.invoice_id,
        "ChargeName": item.charge,
        "ChargeAmount": item.cents,
        "CreatedDate": item.created_at.timestamp(),
    }
