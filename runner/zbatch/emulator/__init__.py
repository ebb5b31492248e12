"""A local Zuora: a pure tenant model under a thin web adapter."""

from zbatch.emulator.book import BookRefused
from zbatch.emulator.by_hand import bill_by_hand, delete_invoice, set_status
from zbatch.emulator.config import (
    Conflict,
    Drafts,
    EmulatorConfig,
    Modes,
    OtherBody,
    SecondGenerate,
    ServerLimits,
    SourceField,
    Stored,
)
from zbatch.emulator.exchange import Delivery
from zbatch.emulator.faults import Faults, Mishap, Scheduled
from zbatch.emulator.files import arrivals, executions, history, invoices, load_setup, replies
from zbatch.emulator.history import Arrival, Exchange, Reply, bodies_of_keys
from zbatch.emulator.invoices import Execution, Invoice, Order
from zbatch.emulator.server import RunningEmulator, running, serve_forever

__all__ = [
    "Arrival",
    "BookRefused",
    "Conflict",
    "Delivery",
    "Drafts",
    "EmulatorConfig",
    "Exchange",
    "Execution",
    "Faults",
    "Invoice",
    "Mishap",
    "Modes",
    "Order",
    "OtherBody",
    "Reply",
    "RunningEmulator",
    "Scheduled",
    "SecondGenerate",
    "ServerLimits",
    "SourceField",
    "Stored",
    "arrivals",
    "bill_by_hand",
    "bodies_of_keys",
    "delete_invoice",
    "executions",
    "history",
    "invoices",
    "load_setup",
    "replies",
    "running",
    "serve_forever",
    "set_status",
]
