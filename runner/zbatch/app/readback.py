"""Read back what came of a run's successes, wave by wave, beside the sending and never ahead of it.

A row tells the first invoice's ID and no more. What these questions show completes it; where they
are not answered, the outcomes stand as they are, and it is said.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from zbatch.engine.agreement import CLOCKS, Agreement, Code, Held
from zbatch.engine.asking import Unanswered
from zbatch.engine.conclusion import decided
from zbatch.engine.details import Details
from zbatch.engine.matching import compared_with
from zbatch.engine.settings import READ_BACK
from zbatch.model import Detail, Identity, Invoice, ItemRecord, Outcome
from zbatch.report.record import ReadBackRecord
from zbatch.zuora.query import BRANCHES

LINGER = 60.0  # seconds that a wave is filled for, at most
PAUSE = 5.0  # seconds between two looks at it
LONGEST = 120.0  # seconds at the end, whatever happens
MOST_UNFINISHED = 2000  # kept to be asked about again: a few kB each, and a question a hundred


@dataclass(frozen=True, slots=True)
class Hands:
    """What is done with records: made durable, and told; and who is told of a failure of ours."""

    keep: Callable[[Sequence[ItemRecord]], Awaitable[None]]
    tell: Callable[[ItemRecord], None]
    fail: Callable[[Exception], None]


class Reader:
    """Holds the records of successes until what the tenant shows of them is known, or is not."""

    def __init__(self, details: Details, hands: Hands, wait: float = READ_BACK) -> None:
        self._details = details
        self._hands = hands
        self._wait = wait
        self._open: dict[Identity, ItemRecord] = {}  # all that is not told yet
        self._filling: list[ItemRecord] = []
        self._pending: dict[Identity, Agreement] = {}
        self._waves: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._unread = 0
        self._findings: Counter[Code] = Counter()

    @property
    def result(self) -> ReadBackRecord:
        """What it has come to so far."""
        findings = {code.value: count for code, count in self._findings.items()}
        return ReadBackRecord(self._details.asked, self._unread, findings)

    def take(self, record: ItemRecord) -> None:
        """Hold a success; a full wave is asked about at once."""
        self._open[record.item.identity] = record
        self._filling.append(record)
        if len(self._filling) == BRANCHES:
            self._ask()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LINGER, self._ask)

    async def finish(self, stopping: asyncio.Event) -> None:
        """Ask about the rest, and again for a while about what was not finished.

        Ends at once where the run is stopped. What is still open then is told as it is.
        """
        if not stopping.is_set():
            stopped = asyncio.create_task(stopping.wait())
            asking = asyncio.create_task(self._to_the_end())
            both = (stopped, asking)
            await asyncio.wait(both, timeout=LONGEST, return_when=asyncio.FIRST_COMPLETED)
            for task in both:
                task.cancel()
            await asyncio.wait(both)
        await self._release()

    async def _to_the_end(self) -> None:
        self._ask()
        await self._landed()
        await self._again_if_few()
        first = min(PAUSE, self._wait)
        for pause in (first, self._wait - first):
            if self._pending and pause > 0:
                await asyncio.sleep(pause)
                await self._again()
        await self._again_if_few()

    async def _again(self, *, whole_accounts: bool = False) -> None:
        """Ask once more about all that is not finished; seldom, since each question costs."""
        again, self._pending = [self._open[one] for one in self._pending], {}
        for start in range(0, len(again), BRANCHES):
            self._begin(again[start : start + BRANCHES], whole_accounts=whole_accounts)
        await self._landed()

    async def _again_if_few(self) -> None:
        """Look into whole accounts for what is not shown: an older draft may have been raised."""
        lost = any(Code.NOT_SHOWN in _codes(found) for found in self._pending.values())
        if lost and len(self._pending) <= BRANCHES:
            await self._again(whole_accounts=True)

    async def _release(self) -> None:
        """Tell all that is still open: as it was last seen, or as the row has told it."""
        if self._timer:
            self._timer.cancel()
        waves = tuple(self._waves)
        for wave in waves:
            wave.cancel()
        if waves:
            await asyncio.wait(waves)
        await self._settle([(self._open[one], found) for one, found in self._pending.items()])
        self._unread += len(self._open)
        self._tell(tuple(self._open.values()))

    # Waves

    def _ask(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        filled, self._filling = self._filling, []
        if filled:
            self._begin(filled)

    def _begin(self, records: Sequence[ItemRecord], *, whole_accounts: bool = False) -> None:
        wave = asyncio.create_task(self._wave(records, whole_accounts))
        self._waves.add(wave)
        wave.add_done_callback(self._waves.discard)

    async def _landed(self) -> None:
        while self._waves:
            await asyncio.wait(tuple(self._waves))

    async def _wave(self, records: Sequence[ItemRecord], whole_accounts: bool) -> None:
        held = [held_of(one) for one in records]
        try:
            agreements = await compared_with(self._details, held, whole_accounts=whole_accounts)
        except Unanswered:
            self._unread += len(records)
            self._tell(records)
            return
        except Exception as error:  # a bug of ours: the outcomes stand as they are
            self._hands.fail(error)
            return
        seen: list[tuple[ItemRecord, Agreement]] = []
        for record, found in zip(records, agreements, strict=True):
            if found.may_pass and len(self._pending) < MOST_UNFINISHED:
                self._pending[record.item.identity] = found
            else:
                seen.append((record, found))
        await self._settle(seen)

    async def _settle(self, pairs: Sequence[tuple[ItemRecord, Agreement]]) -> None:
        """Make durable what was seen, then tell it."""
        if not pairs:
            return
        records = [with_details(record, found) for record, found in pairs]
        try:
            await self._hands.keep(records)
        except Exception as error:  # the disk, above all: what was durable before is told
            self._hands.fail(error)
            records = [record for record, _ in pairs]
        for _, found in pairs:
            self._findings.update(_codes(found))
        self._tell(records)

    def _tell(self, records: Iterable[ItemRecord]) -> None:
        for record in records:
            self._open.pop(record.item.identity, None)
            self._hands.tell(record)


def _codes(found: Agreement) -> list[Code]:
    return [one.code for one in found.differences]


def held_of(record: ItemRecord) -> Held:
    """Give what the tenant is held against for a success that has just been settled.

    Nothing was there before it, or it would not have been sent. Of a revision only its own invoice
    is looked at, since those of lower ones are there too.
    """
    identity = record.item.identity
    return Held(
        identity,
        record.outcome,
        record.invoice_ids or tuple(filter(None, (record.invoice_id,))),
        sends=record.attempts,
        started_at=record.started_at,
        finished_at=record.finished_at,
        alone=identity.revision == 1,
        decided=decided(record),
    )


def with_details(record: ItemRecord, agreement: Agreement) -> ItemRecord:
    """Complete a record by what is proved to be its own, and all that is told of that."""
    shown = {one.id: one for one in agreement.invoices}
    ids = tuple(dict.fromkeys((*agreement.held.invoice_ids, *shown)))
    details = tuple(_detail(one, shown.get(one), record) for one in ids)
    return record.with_invoices(ids, details)


def _detail(invoice_id: str, shown: Invoice | None, record: ItemRecord) -> Detail:
    if shown is None:
        return Detail(invoice_id)
    started, created = record.started_at, shown.created_at
    ours = record.outcome is Outcome.INVOICED and started is not None and created is not None
    return Detail(
        invoice_id,
        shown.number,
        shown.status,
        shown.amount,
        shown.balance,
        shown.currency,
        shown.tax_status,
        shown.tax_message,
        appended=bool(ours and started and created and created < started - CLOCKS),
    )
