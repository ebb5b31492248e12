"""A local Zuora: a pure tenant model under a thin web adapter."""

from zbatch.emulator.book import BookRefused
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
from zbatch.emulator.files import history, invoices
from zbatch.emulator.invoices import Invoice
from zbatch.emulator.server import RunningEmulator, running, serve_forever
from zbatch.emulator.store import Exchange

__all__ = [
    "BookRefused",
    "Conflict",
    "Drafts",
    "EmulatorConfig",
    "Exchange",
    "Invoice",
    "Modes",
    "OtherBody",
    "RunningEmulator",
    "SecondGenerate",
    "ServerLimits",
    "SourceField",
    "Stored",
    "history",
    "invoices",
    "running",
    "serve_forever",
]
