"""What an execution takes from the machine that it runs on; a simulation brings its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from random import SystemRandom
from typing import Protocol, TypeVar

from zbatch.app.clock import SystemClock
from zbatch.app.gate import Gate, Unattended
from zbatch.app.signals import Interruptions, interruptible
from zbatch.engine.loop import Engine
from zbatch.engine.ports import Clock, Ledger, Randomness, Sender
from zbatch.ledger.store import Store
from zbatch.ledger.writer import LedgerWriter
from zbatch.model import ItemRecord

Found = TypeVar("Found")

Way = AbstractAsyncContextManager[Sender]
"""The way to a tenant: open while the body runs."""


class Keeper(Ledger, Protocol):
    """The ledger of one run, as the engine writes it."""

    async def read(self, reading: Callable[[Store], Found]) -> Found:
        """Read from the store between two transactions."""
        ...

    async def detail(self, records: Sequence[ItemRecord]) -> None:
        """Record what the tenant shows of the invoices of settled items."""
        ...

    def close(self) -> None:
        """Wait for what is being written; the store stays open."""
        ...


@dataclass(frozen=True, slots=True)
class Outside:
    """Time, chance, the engine's hand on the ledger, who may interrupt it, and who looks."""

    clock: Clock = field(default_factory=SystemClock)
    random: Randomness = field(default_factory=SystemRandom)
    keeper: Callable[[Store, str, Callable[[], datetime]], Keeper] = LedgerWriter
    interruptible: Callable[[Engine, float], AbstractContextManager[Interruptions]] = interruptible
    gate: Gate = field(default_factory=Unattended)
