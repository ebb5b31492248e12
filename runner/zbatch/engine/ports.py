"""What the engine needs from outside: small protocols, so that it also runs in a simulation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from zbatch.engine.events import Event
from zbatch.engine.stages import Choice, StageEnd
from zbatch.model import Finding, Result, Send
from zbatch.zuora.wire import Ask, Fault, Reply, Request


class Clock(Protocol):
    """Time: the event loop's own for waits, the wall's for stamps."""

    def monotonic(self) -> float:
        """Give the loop's time in seconds, which never goes backwards."""
        ...

    def now(self) -> datetime:
        """Give the wall time, aware, in UTC."""
        ...


class Randomness(Protocol):
    """Chance, for jitter only: nothing that is billed depends on it."""

    def uniform(self, low: float, high: float) -> float:
        """Give a number between `low` and `high`."""
        ...


class Sender(Protocol):
    """One exchange with the server; never raises but for cancellation."""

    def ready(self, stale_token: int | None) -> bool:
        """Tell whether a request would leave at once: a token newer than that one is in hand."""
        ...

    async def prepare(self, stale_token: int | None) -> bool:
        """Wait for such a token; False where none can be had, of which a send tells why."""
        ...

    async def send(self, request: Request) -> Reply | Fault:
        """Send a call once, no retry, and give what came of it."""
        ...

    async def ask(self, ask: Ask) -> Reply | Fault:
        """Send a query once, without any key, and give what came of it."""
        ...


class Ledger(Protocol):
    """The durable truth; each method returns only when it is on disk, or raise `LedgerFailure`."""

    async def commit(
        self, sends: Sequence[Send], results: Sequence[Result], findings: Sequence[Finding]
    ) -> None:
        """Record attempts that are about to leave, answers, and what questions have shown."""
        ...

    async def look(self, stages: str, looked: int) -> None:
        """Record up to which of some stages a person has looked."""
        ...


class Gate(Protocol):
    """A person who looks at what came of a stage; cancelled where the run stops meanwhile."""

    async def look(self, end: StageEnd) -> Choice | None:
        """Tell how the run is to go on; None where nobody has looked."""
        ...


Observer = Callable[[Event], None]
"""Whoever watches: told after the ledger, and quick about it."""
