"""Read back what came of a run's successes, wave by wave, beside the sending and never ahead of it.

A row tells the first invoice's ID and no more. What these questions show completes it; where they
are not answered, the outcomes stand as they are, and it is said.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from zbatch.app.api import READ_BACK
from zbatch.app.gate import Seen
from zbatch.app.review.load import READ_WITHIN
from zbatch.engine.agreement import CLOCKS, Agreement, Code, LedgerEntry, compare
from zbatch.engine.asking import Unanswered
from zbatch.engine.conclusion import decided
from zbatch.engine.details import Details
from zbatch.engine.matching import compared_with
from zbatch.model import Detail, Identity, Invoice, Item, ItemRecord, Outcome
from zbatch.report.record import ReadBackRecord
from zbatch.zuora.query import BRANCHES

GATHER = 0.25  # seconds that what waves have shown waits for one commit, while the run goes on
PAUSE = 5.0  # seconds between two looks at it
LONGEST = 120.0  # seconds at the end, whatever happens
MOST_UNFINISHED = 5000  # kept to be asked about again: a few kB each, and a question a hundred
_UNPROVED = frozenset({Code.DUPLICATE, Code.UNRECORDED, Code.CHANGED, Code.NOT_SHOWN})


@dataclass(frozen=True, slots=True)
class Hands:
    """What is done with records: made durable, and told; and who is told of a failure of ours.

    `entries` reads what the ledger holds of items.
    """

    entries: Callable[[Sequence[Item]], Awaitable[Sequence[LedgerEntry]]]
    keep: Callable[[Sequence[ItemRecord]], Awaitable[None]]
    tell: Callable[[Sequence[ItemRecord]], None]
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
        self._shown: list[tuple[ItemRecord, Agreement]] = []  # and not durable yet
        self._commits: set[asyncio.Task[None]] = set()
        self._hurry = asyncio.Event()  # somebody waits for what is gathered
        self._timer: asyncio.TimerHandle | None = None
        self._draftless: set[Identity] = set()
        self._unread = 0
        self._agreed = 0
        self._findings: Counter[Code] = Counter()
        self._told = (0, 0, Counter[Code]())  # of these three, what somebody has looked at

    @property
    def result(self) -> ReadBackRecord:
        """What it has come to so far."""
        findings = {code.value: count for code, count in self._findings.items()}
        return ReadBackRecord(self._details.asked, self._unread, findings)

    def seen(self) -> Seen:
        """Tell what was found since this was told last, and what is open still."""
        agreed, unread, findings = self._told
        self._told = (self._agreed, self._unread, self._findings.copy())
        lately = self._findings - findings
        lately.update(code for found in self._pending.values() for code in _codes(found))
        asked = len(self._open) - len(self._pending)
        return Seen(
            agreed=self._agreed - agreed,
            findings={code.value: count for code, count in lately.items()},
            open=len(self._pending),
            unread=self._unread - unread + asked,
        )

    def take(self, record: ItemRecord) -> None:
        """Hold a success; a full wave is asked about at once."""
        self._open[record.item.identity] = record
        self._filling.append(record)
        if len(self._filling) == BRANCHES:
            self._ask()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(READ_WITHIN, self._ask)

    async def catch_up(self) -> None:
        """Ask about all that is in hand, and where it is not shown: a person is about to look."""
        self._ask()
        self._hurry.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST):
                await self._landed()
                await self._again_in_accounts()
        self._hurry.clear()

    async def finish(self, stopping: asyncio.Event) -> None:
        """Ask about the rest, and again for a while about what was not finished.

        Ends at once where the run is stopped. What is still open then is told as it is.
        """
        self._hurry.set()
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
        await self._again_in_accounts()
        first = min(PAUSE, self._wait)
        for pause in (first, self._wait - first):
            if self._pending and pause > 0:
                await asyncio.sleep(pause)
                await self._again(tuple(self._pending))
        await self._again_in_accounts()

    async def _again(self, unfinished: Sequence[Identity], *, whole_accounts: bool = False) -> None:
        """Ask once more about what is not finished; seldom, since each question costs."""
        again = [self._open[one] for one in unfinished]
        for one in unfinished:
            del self._pending[one]
        for start in range(0, len(again), BRANCHES):
            self._begin(again[start : start + BRANCHES], whole_accounts=whole_accounts)
        await self._landed()

    async def _again_in_accounts(self) -> None:
        """Look into whole accounts for what is not shown: an older draft may have been raised.

        Where many are not, only into those that had such a draft.
        """
        asked = [one for one, found in self._pending.items() if _is_lost(found)]
        if len(self._pending) > BRANCHES:
            unknown = [one for one in asked if one not in self._draftless]
            asked = await self._drafted(unknown) if unknown else []
        if asked:
            await self._again(asked, whole_accounts=True)

    async def _drafted(self, lost: Sequence[Identity]) -> list[Identity]:
        """Name those whose invoice was an open draft before, perhaps for another date."""
        try:
            entries = await self._hands.entries([self._open[one].item for one in lost])
        except Exception as error:  # what is not shown is told as it is
            self._hands.fail(error)
            return []
        self._draftless.update(
            one.identity for one in entries if one.drafts.isdisjoint(one.invoice_ids)
        )
        return [one for one in lost if one not in self._draftless]

    async def _release(self) -> None:
        """Tell all that is still open: as it was last seen, or as the row has told it."""
        if self._timer:
            self._timer.cancel()
        waves = tuple(self._waves)
        for wave in waves:
            wave.cancel()
        if waves:
            await asyncio.wait(waves)
        self._settle([(self._open[one], found) for one, found in self._pending.items()])
        while self._commits:
            await asyncio.wait(tuple(self._commits))
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
        """Wait for all that is asked, and until what that shows is durable and told."""
        while under_way := (*self._waves, *self._commits):
            await asyncio.wait(under_way)

    async def _wave(self, records: Sequence[ItemRecord], whole_accounts: bool) -> None:
        entries = [entry_of(one) for one in records]
        try:
            agreements = await compared_with(self._details, entries, whole_accounts=whole_accounts)
            agreements = await self._weighed(agreements, records)
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
        self._settle(seen)

    async def _weighed(
        self, agreements: Sequence[Agreement], records: Sequence[ItemRecord]
    ) -> list[Agreement]:
        """Compare once more what a record alone cannot tell: whose a second invoice is, above all.

        What the ledger holds beside it is read for these only, since most have one invoice.
        """
        weighed = list(agreements)
        places = [at for at, found in enumerate(agreements) if _needs_ledger(found)]
        if places:
            entries = await self._hands.entries([records[at].item for at in places])
            for at, entry in zip(places, entries, strict=True):
                weighed[at] = compare(entry, agreements[at].shown)
        return weighed

    def _settle(self, pairs: Sequence[tuple[ItemRecord, Agreement]]) -> None:
        """Make durable what was seen, in one commit with what other waves see, then tell it."""
        if not pairs:
            return
        begun = not self._shown
        self._shown.extend(pairs)
        if begun:
            commit = asyncio.create_task(self._commit())
            self._commits.add(commit)
            commit.add_done_callback(self._commits.discard)

    async def _commit(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHER):
                await self._hurry.wait()
        pairs, self._shown = self._shown, []
        records = [with_details(record, found) for record, found in pairs]
        try:
            await self._hands.keep(records)
        except Exception as error:  # the disk, above all: what was durable before is told
            self._hands.fail(error)
            records = [record for record, _ in pairs]
            self._unread += len(records)
        for _, found in pairs:
            if found.differences:
                self._findings.update(_codes(found))
            else:
                self._agreed += 1
        self._tell(records)

    def _tell(self, records: Sequence[ItemRecord]) -> None:
        for record in records:
            self._open.pop(record.item.identity, None)
        self._hands.tell(records)


def _needs_ledger(found: Agreement) -> bool:
    """Tell whether only the ledger knows what was sent before, and which drafts were there.

    Where nothing is shown of the account, which is often so right after the call, there is nothing
    that it could tell more of.
    """
    if not found.shown:
        return False
    return not found.entry.alone or any(one.code in _UNPROVED for one in found.differences)


def _is_lost(found: Agreement) -> bool:
    return Code.NOT_SHOWN in _codes(found)


def _codes(found: Agreement) -> list[Code]:
    return [one.code for one in found.differences]


def entry_of(record: ItemRecord) -> LedgerEntry:
    """Give what the tenant is held against for a success that has just been settled.

    Nothing was there before it, or it would not have been sent; of a revision those of lower ones
    are there too, which the ledger alone knows.
    """
    identity = record.item.identity
    return LedgerEntry(
        identity,
        record.outcome,
        record.invoice_ids or tuple(filter(None, (record.invoice_id,))),
        sends=record.attempts,
        started_at=record.started_at,
        finished_at=record.finished_at,
        alone=identity.revision == 1,
        decided=decided(record),
        invoice_date=record.item.invoice_date,
    )


def with_details(record: ItemRecord, agreement: Agreement) -> ItemRecord:
    """Complete a record by what is proved to be its own, and all that is told of that."""
    entry = agreement.entry
    if not agreement.invoices:
        ids = tuple(dict.fromkeys(entry.invoice_ids))
        return record.with_invoices(ids, tuple(map(Detail, ids)))
    shown = {one.id: one for one in agreement.invoices}
    ids = tuple(dict.fromkeys((*entry.invoice_ids, *shown)))
    details = tuple([_detail(one, shown.get(one), record, entry) for one in ids])
    return record.with_invoices(ids, details)


def _detail(
    invoice_id: str, shown: Invoice | None, record: ItemRecord, entry: LedgerEntry
) -> Detail:
    if shown is None:
        return Detail(invoice_id)
    return Detail(
        invoice_id,
        shown.number,
        shown.status,
        shown.amount,
        shown.balance,
        shown.currency,
        shown.tax_status,
        shown.tax_message,
        appended=record.outcome is Outcome.INVOICED and _was_there(shown, record, entry),
    )


def _was_there(shown: Invoice, record: ItemRecord, entry: LedgerEntry) -> bool:
    """Tell whether an invoice was there before the call: by its time, or as the ledger noted it."""
    started, created = record.started_at, shown.created_at
    if started and created and created < started - CLOCKS:
        return True
    other_date = shown.target_date != record.item.identity.target_date
    return shown.id in entry.drafts and (other_date or shown.id in entry.before)
