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
from zbatch.emulator.files import executions, history, invoices, load_setup
from zbatch.emulator.invoices import Execution, Invoice, Order
from zbatch.emulator.server import RunningEmulator, running, serve_forever
from zbatch.emulator.store import Exchange

__all__ = [
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
    "RunningEmulator",
    "Scheduled",
    "SecondGenerate",
    "ServerLimits",
    "SourceField",
    "Stored",
    "bill_by_hand",
    "delete_invoice",
    "executions",
    "history",
    "invoices",
    "load_setup",
    "running",
    "serve_forever",
    "set_status",
]
