"""A local Zuora: a pure tenant model under a thin web adapter."""

from zbatch.emulator.book import BookRefused
from zbatch.emulator.config import (
    Conflict,
    EmulatorConfig,
    Modes,
    SecondGenerate,
    ServerLimits,
    Stored,
)
from zbatch.emulator.files import history, invoices
from zbatch.emulator.server import RunningEmulator, running, serve_forever
from zbatch.emulator.store import Exchange, Invoice

__all__ = [
    "BookRefused",
    "Conflict",
    "EmulatorConfig",
    "Exchange",
    "Invoice",
    "Modes",
    "RunningEmulator",
    "SecondGenerate",
    "ServerLimits",
    "Stored",
    "history",
    "invoices",
    "running",
    "serve_forever",
]
