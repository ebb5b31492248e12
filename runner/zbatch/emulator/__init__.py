"""A local Zuora: a pure tenant model under a thin web adapter."""

from zbatch.emulator.book import BookRefused
from zbatch.emulator.by_hand import (
    bill_by_hand,
    charge_by_hand,
    delete_invoice,
    pay_by_hand,
    set_status,
)
from zbatch.emulator.config import (
    Conflict,
    CurrencyField,
    Drafts,
    EmulatorConfig,
    Modes,
    OtherBody,
    ReplayDate,
    SecondGenerate,
    ServerLimits,
    SourceField,
    Stored,
    TaxFields,
    Temporary,
)
from zbatch.emulator.exchange import Delivery
from zbatch.emulator.faults import Deed, HttpDate, Mishap, Twice
from zbatch.emulator.files import arrivals, executions, history, invoices, items, replies
from zbatch.emulator.history import Arrival, Exchange, Reply, bodies_of_keys
from zbatch.emulator.invoices import Execution, Invoice, Order, Terms
from zbatch.emulator.items import InvoiceItem
from zbatch.emulator.schedule import Faults, Scheduled
from zbatch.emulator.server import RunningEmulator, running, serve_forever

__all__ = [
    "Arrival",
    "BookRefused",
    "Conflict",
    "CurrencyField",
    "Deed",
    "Delivery",
    "Drafts",
    "EmulatorConfig",
    "Exchange",
    "Execution",
    "Faults",
    "HttpDate",
    "Invoice",
    "InvoiceItem",
    "Mishap",
    "Modes",
    "Order",
    "OtherBody",
    "ReplayDate",
    "Reply",
    "RunningEmulator",
    "Scheduled",
    "SecondGenerate",
    "ServerLimits",
    "SourceField",
    "Stored",
    "TaxFields",
    "Temporary",
    "Terms",
    "Twice",
    "arrivals",
    "bill_by_hand",
    "bodies_of_keys",
    "charge_by_hand",
    "delete_invoice",
    "executions",
    "history",
    "invoices",
    "items",
    "pay_by_hand",
    "replies",
    "running",
    "serve_forever",
    "set_status",
]
