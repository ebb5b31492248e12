"""The ledger for an event loop: one thread of its own, so that no disk ever stops the loop."""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVar

from zbatch.errors import CannotStart
from zbatch.ledger.store import Store
from zbatch.model import Finding, ItemRecord, Result, Send

Found = TypeVar("Found")

# A thread that starts without memory may never answer whoever has started it: an interpreter up
# to 3.14 then waits forever. Its stack and some room beyond it must be free before it is asked for.
ROOM_FOR_A_THREAD = 12 * 1024 * 1024  # bytes


class LedgerWriter:
    """The engine's ledger port over a `Store`, for one run.

    Each call is one transaction and returns when it is on disk; whoever calls makes groups, as
    the hop to the thread costs more than a row. Raises `LedgerFailure` as `Store` does, and
    `CannotStart` where there is no memory for the thread.
    """

    def __init__(self, store: Store, run_id: str, now: Callable[[], datetime]) -> None:
        self._store = store
        self._run_id = run_id
        self._now = now
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        try:
            mmap.mmap(-1, ROOM_FOR_A_THREAD).close()
            self._thread.submit(int).result()
        except (OSError, MemoryError, RuntimeError) as error:
            raise CannotStart("no memory is left for the ledger; nothing was sent") from error

    async def commit(
        self, sends: Sequence[Send], results: Sequence[Result], findings: Sequence[Finding]
    ) -> None:
        """Make attempts durable before their first byte leaves, and outcomes before they are told.

        All of it or nothing.
        """
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(
            self._thread, self._store.commit, self._run_id, sends, results, findings, self._now()
        )

    async def detail(self, records: Sequence[ItemRecord]) -> None:
        """Make durable what the tenant shows of the invoices of settled items."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._store.detail, records, self._now())

    async def look(self, stages: str, looked: int) -> None:
        """Make durable up to which stage a person has looked."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._store.look, stages, looked, self._now())

    async def read(self, reading: Callable[[Store], Found]) -> Found:
        """Read from the store between two transactions."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, reading, self._store)

    def close(self) -> None:
        """Wait for the last transaction and end the thread; the store stays open."""
        self._thread.shutdown(wait=True)
