"""The ledger for an event loop: durable when awaited, and never in the loop's way."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from support.engine import item
from support.plans import NOON, a_call, a_plan, a_send, settled
from zbatch.errors import CannotStart, LedgerFailure
from zbatch.ledger.store import Store, open_store
from zbatch.ledger.writer import LedgerWriter
from zbatch.model import Finding, Item, ItemRecord, Outcome, Result, Send

RUN = "20261130T120000Z-0000"


def test_what_was_awaited_is_in_the_ledger(store: Store, items: list[Item]) -> None:
    """When `begin` and `finish` return, the file holds it."""

    async def work() -> None:
        writer = LedgerWriter(store, RUN, lambda: NOON)
        call = a_call(items[0])
        await writer.commit([a_send(call)], (), ())
        (held,) = store.standing(items[:1])
        assert held.call is not None
        await writer.commit((), [settled(call, Outcome.INVOICED)], ())
        await writer.look("plan rest", 1)
        assert store.looked("plan rest") == 1
        writer.close()

    asyncio.run(work())
    (held,) = store.standing(items[:1])
    assert held.record is not None


def test_all_that_is_written_is_written_by_one_thread(store: Store, items: list[Item]) -> None:
    """Two transactions at once would be one: each look and reading has its turn."""
    threads: list[int] = []

    class Watched(Store):
        def __init__(self) -> None:
            pass

        def commit(self, *_: object) -> None:
            threads.append(threading.get_ident())

        def look(self, stages: str, looked: int, now: datetime) -> None:
            threads.append(threading.get_ident())

        def detail(self, records: Sequence[ItemRecord], now: datetime) -> None:
            threads.append(threading.get_ident())

    async def work() -> None:
        writer = LedgerWriter(Watched(), RUN, lambda: NOON)
        await writer.commit([a_send(a_call(items[0]))], (), ())
        await writer.look("plan rest", 1)
        await writer.detail([])
        await writer.read(lambda store: threads.append(threading.get_ident()))
        writer.close()

    asyncio.run(work())
    assert len(threads) == 4
    assert len(set(threads)) == 1


def test_a_failure_reaches_whoever_awaits_and_sticks(store: Store, items: list[Item]) -> None:
    """The error of the thread is raised where the write was asked for."""

    async def work() -> None:
        writer = LedgerWriter(store, RUN, lambda: NOON)
        for call in (a_call(item(9)), a_call(items[0])):
            with pytest.raises(LedgerFailure):
                await writer.commit([a_send(call)], (), ())
        writer.close()

    asyncio.run(work())


def test_f90_without_memory_for_its_thread_no_run_starts(
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F90: a thread that found no memory might never answer, so none is asked for."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr("zbatch.ledger.writer.mmap.mmap", full)
    before = threading.active_count()
    with pytest.raises(CannotStart, match="no memory"):
        LedgerWriter(store, RUN, lambda: NOON)
    assert threading.active_count() == before


class HeldStore(Store):
    """A store whose disk takes as long as the test wants."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.reached = threading.Event()
        self.let_go = threading.Event()
        self.written = threading.Event()

    def commit(
        self,
        run_id: str,
        sends: Sequence[Send],
        results: Sequence[Result],
        findings: Sequence[Finding],
        now: datetime,
    ) -> None:
        self.reached.set()
        assert self.let_go.wait(30)
        self.inner.commit(run_id, sends, results, findings, now)
        self.written.set()


def test_f100_a_slow_disk_does_not_stop_the_loop(tmp_path: Path) -> None:
    """F100: while a commit waits for the disk, everything else goes on."""

    async def work(store: HeldStore) -> None:
        writer = LedgerWriter(store, RUN, lambda: NOON)
        begun = asyncio.create_task(writer.commit([a_send(a_call(item(1)))], (), ()))
        await asyncio.to_thread(store.reached.wait, 30)
        beats = 0
        for _ in range(1000):
            await asyncio.sleep(0)
            beats += 1
        assert beats == 1000
        assert not begun.done()
        store.let_go.set()
        await begun
        writer.close()

    with closing(open_store(tmp_path)) as plain:
        plain.start_run(RUN, a_plan([item(1)]), NOON)
        asyncio.run(work(HeldStore(plain)))
        (held,) = plain.standing([item(1)])
        assert held.call is not None


def test_closing_waits_for_the_last_write(tmp_path: Path) -> None:
    """A write under way when everything ends is finished, not cut."""

    async def work(store: HeldStore) -> None:
        writer = LedgerWriter(store, RUN, lambda: NOON)
        begun = asyncio.create_task(writer.commit([a_send(a_call(item(1)))], (), ()))
        await asyncio.to_thread(store.reached.wait, 30)
        begun.cancel()
        store.let_go.set()
        writer.close()
        assert store.written.is_set()

    with closing(open_store(tmp_path)) as plain:
        plain.start_run(RUN, a_plan([item(1)]), NOON)
        asyncio.run(work(HeldStore(plain)))
        (held,) = plain.standing([item(1)])
        assert held.call is not None


class ThreadNotingStore(HeldStore):
    """A held store that notes in which thread each write is made, and which are made at once."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.threads: list[int] = []
        self.busy = threading.Lock()

    def commit(
        self,
        run_id: str,
        sends: Sequence[Send],
        results: Sequence[Result],
        findings: Sequence[Finding],
        now: datetime,
    ) -> None:
        with self._alone():
            super().commit(run_id, sends, results, findings, now)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        assert self.busy.acquire(blocking=False), "two writes at once"
        self.threads.append(threading.get_ident())
        try:
            yield
        finally:
            self.busy.release()


def test_writes_are_made_one_after_the_other_in_a_thread_of_their_own(tmp_path: Path) -> None:
    """An answer is never written before the intent that it belongs to, however slow the disk."""

    async def work(store: ThreadNotingStore) -> None:
        writer = LedgerWriter(store, RUN, lambda: NOON)
        call = a_call(item(1))
        begun = asyncio.create_task(writer.commit([a_send(call)], (), ()))
        await asyncio.to_thread(store.reached.wait, 30)
        finished = asyncio.create_task(writer.commit((), [settled(call, Outcome.INVOICED)], ()))
        await asyncio.sleep(0)  # handed over, while the disk still holds the first
        store.let_go.set()
        await asyncio.gather(begun, finished)
        writer.close()

    with closing(open_store(tmp_path)) as plain:
        plain.start_run(RUN, a_plan([item(1)]), NOON)
        store = ThreadNotingStore(plain)
        asyncio.run(work(store))
        (held,) = plain.standing([item(1)])
        assert held.record is not None
        assert held.record.run_id == RUN
    assert len(set(store.threads)) == 1
    assert len(store.threads) == 2
    assert threading.get_ident() not in store.threads
