"""What people do in the tenant themselves, while an emulator runs, in any process, or before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from zbatch.emulator.files import STORE_NAME, connect, make_folder
from zbatch.emulator.invoices import InvoiceTable, Order


def bill_by_hand(data_dir: Path, order: Order, now: float) -> str:
    """Bill an account, whatever it was billed for before, and return the invoice's ID."""
    with _invoices(data_dir) as invoices:
        return invoices.create(order, 1, now)


def set_status(data_dir: Path, invoice_id: str, status: str, now: float) -> None:
    """Post, cancel, … an invoice; raises `LookupError` if there is none with this ID."""
    with _invoices(data_dir) as invoices:
        if not invoices.set_status(invoice_id, status, now):
            raise LookupError(invoice_id)


def charge_by_hand(data_dir: Path, invoice_id: str, cents: int, now: float) -> None:
    """Add an item to an invoice; raises `LookupError` if there is none with this ID."""
    with _invoices(data_dir) as invoices:
        if not invoices.charge(invoice_id, cents, now):
            raise LookupError(invoice_id)


def pay_by_hand(data_dir: Path, invoice_id: str, cents: int, now: float) -> None:
    """Pay a part of an invoice; raises `LookupError` if there is none with this ID."""
    with _invoices(data_dir) as invoices:
        if not invoices.pay(invoice_id, cents, now):
            raise LookupError(invoice_id)


def delete_invoice(data_dir: Path, invoice_id: str) -> None:
    """Delete an invoice for good; raises `LookupError` if there is none with this ID."""
    with _invoices(data_dir) as invoices:
        if not invoices.delete(invoice_id):
            raise LookupError(invoice_id)


@contextmanager
def _invoices(data_dir: Path) -> Iterator[InvoiceTable]:
    """Open the invoices for one short transaction; where that fails, closing rolls it back."""
    make_folder(data_dir)
    with closing(connect(data_dir / STORE_NAME)) as connection:
        connection.execute("begin immediate")
        yield InvoiceTable(connection, seed=0)
        connection.execute("commit")
