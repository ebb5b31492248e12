"""A machine in a world: its clock, its disk, and what a process there has in place of the real."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TypeVar

from support.evidence import Item, Ledger
from support.evidence_reading import Times, ledger_evidence
from support.plans import as_record
from support.world_time import Life, Timeline
from zbatch.app.api import RunHeader, RunResult
from zbatch.app.execution import Files
from zbatch.app.gate import Seen
from zbatch.app.recorder import Recorder
from zbatch.engine.events import Event
from zbatch.engine.stages import Choice, StageEnd
from zbatch.errors import LedgerFailure
from zbatch.ledger.schema import migrate
from zbatch.ledger.store import Store
from zbatch.model import (
    ExitCode,
    Finding,
    Identity,
    ItemRecord,
    KeyState,
    Plan,
    Repeated,
    Result,
    Send,
)
from zbatch.report.record import RunRecord, encode

Found = TypeVar("Found")

IN_PLACE = Path(__file__)  # ledgers have no files here, and none of them is ever replaced
FLUSH = 0.001  # seconds that a commit takes


@cache
def _blank() -> bytes:
    """Give an empty ledger as bytes: copying it is faster than making its tables anew."""
    fresh = sqlite3.connect(":memory:")
    migrate(fresh)
    return fresh.serialize()


def _disk(content: bytes) -> sqlite3.Connection:
    disk = sqlite3.connect(":memory:", isolation_level=None)
    disk.deserialize(content)
    disk.row_factory = sqlite3.Row
    disk.execute("PRAGMA foreign_keys = ON")
    return disk


class Host:
    """A machine: its clock, and the disk with its ledger, which outlives each process."""

    def __init__(self, name: str, timeline: Timeline) -> None:
        self.name = name
        self.shift = timedelta()
        self.runs = 0
        self.fails_at = 0  # the commit, counted down from here, that the disk refuses; 0 is none
        self.fails_late = False  # though it has taken all of it in
        self._timeline = timeline
        self._lost: list[Ledger] = []
        self._disk = _disk(_blank())
        self._durable: dict[str, float] = {}
        self._settled: dict[tuple[str, Item], float] = {}

    @property
    def ledger(self) -> str:
        """The name of the ledger that it has now."""
        return f"{self.name}{'′' * len(self._lost)}"

    @property
    def disk(self) -> sqlite3.Connection:
        """The ledger itself, for reading."""
        return self._disk

    def monotonic(self) -> float:
        """Give the loop's time, as a clock does."""
        return self._timeline.monotonic

    def now(self) -> datetime:
        """Give the wall time that this machine believes in."""
        return datetime.fromtimestamp(self._timeline.now, UTC) + self.shift

    def open(self, life: Life) -> HostStore:
        """Open the ledger for a process; what an earlier one did not commit is gone."""
        if self._disk.in_transaction:
            self._disk.execute("ROLLBACK")
        return HostStore(self, life)

    def lose_ledger(self) -> None:
        """Throw the ledger away, as a person, a restore or a RAM disk may."""
        self.restore(_blank())
        self._durable, self._settled = {}, {}

    def backup(self) -> bytes:
        """Copy the ledger."""
        return self._disk.serialize()

    def restore(self, content: bytes) -> None:
        """Put a copy in the ledger's place."""
        self._lost.append(self._evidence())
        self._disk.close()
        self._disk = _disk(content)
        self._durable, self._settled = dict(self._durable), dict(self._settled)

    def begun(self, track_ids: Sequence[str]) -> None:
        """Take note that intents have become durable; one that is renewed was so before."""
        for track_id in track_ids:
            self._durable.setdefault(track_id, self._timeline.now)

    def settled(self, key: str, identity: Identity) -> None:
        """Take note that the ledger holds an item's key as settled."""
        self._settled[key, named(identity)] = self._timeline.now

    @property
    def ledgers(self) -> list[Ledger]:
        """What each ledger holds that it has, or had until it was lost."""
        return [*self._lost, self._evidence()]

    def close(self) -> None:
        """Switch the machine off."""
        self._disk.close()

    def _evidence(self) -> Ledger:
        return ledger_evidence(self._disk, self.ledger, Times(self._durable, self._settled))


class HostStore(Store):
    """A machine's ledger as one process has it open: it may die before and after each commit."""

    def __init__(self, host: Host, life: Life) -> None:
        super().__init__(host.disk, IN_PLACE)
        self._host = host
        self._life = life

    def close(self) -> None:
        """Leave the disk to the machine."""

    def _check_in_place(self) -> None:
        """Have no file that anybody could replace."""

    def start_run(self, run_id: str, plan: Plan, now: datetime) -> None:
        self._life.edge("start_run not yet durable")
        super().start_run(run_id, plan, now)
        self._life.edge("start_run durable")

    def commit(
        self,
        run_id: str,
        sends: Sequence[Send],
        results: Sequence[Result],
        findings: Sequence[Finding],
        now: datetime,
    ) -> None:
        self._life.check()
        self._life.edge(f"{_what(sends, results, findings)} not yet durable")
        refused = self._host.fails_at == 1
        self._host.fails_at -= self._host.fails_at > 0
        if refused and not self._host.fails_late:
            self._refuse()
        super().commit(run_id, sends, results, findings, now)
        self._host.begun([send.attempt.track_id for send in sends])
        for result in results:
            for item, effect in zip(result.call.items, result.effects, strict=True):
                if effect.state is KeyState.SETTLED:
                    self._host.settled(result.call.key, item.identity)
        for finding in findings:
            if finding.key and finding.effect and finding.effect.state is KeyState.SETTLED:
                self._host.settled(finding.key, finding.item.identity)
        if refused:
            self._refuse()

    def _refuse(self) -> None:
        self._give_up()
        raise LedgerFailure("the ledger cannot be written: disk I/O error")

    def finish_run(self, run_id: str, exit_code: ExitCode, now: datetime) -> None:
        self._life.edge("finish_run not yet durable")
        super().finish_run(run_id, exit_code, now)
        self._life.edge("finish_run durable")


class HostKeeper:
    """The engine's ledger port: a commit takes a moment, and is told after it."""

    def __init__(self, store: Store, run_id: str, now: Callable[[], datetime], life: Life) -> None:
        self._store = store
        self._run_id = run_id
        self._now = now
        self._life = life

    async def commit(
        self, sends: Sequence[Send], results: Sequence[Result], findings: Sequence[Finding]
    ) -> None:
        self._store.commit(self._run_id, sends, results, findings, self._now())
        await self._flush(_what(sends, results, findings))

    async def detail(self, records: Sequence[ItemRecord]) -> None:
        self._store.detail(records, self._now())
        await self._flush("details")

    async def look(self, stages: str, looked: int) -> None:
        self._store.look(stages, looked, self._now())
        await self._flush("look")

    async def read(self, reading: Callable[[Store], Found]) -> Found:
        self._life.check()
        return reading(self._store)

    def close(self) -> None:
        """Have nothing under way."""

    async def _flush(self, what: str) -> None:
        await asyncio.sleep(FLUSH)
        self._life.check()
        self._life.edge(f"{what} durable, untold")


@dataclass(frozen=True, slots=True)
class HostFiles(Files):
    """A run's report and record as bytes; what is written outlives the process."""

    records: list[RunRecord] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)

    @property
    def contents(self) -> dict[str, bytes]:
        """The files as they are."""
        return {"record": encode(self.records[-1]), "report": b"".join(self.lines)}

    def keep(self, record: RunRecord) -> None:
        self.records.append(record)

    def write(self, line: bytes) -> None:
        """Append a line to the report."""
        self.lines.append(line)

    def close(self) -> None:
        """Have nothing to bring to the disk."""


class HostRecorder(Recorder):
    """A recorder that also keeps what the lines were written from."""

    def __init__(self, files: HostFiles, plan: Plan, run_id: str) -> None:
        super().__init__(files, plan, run_id)
        self.run_id = run_id
        self.told: dict[Identity, ItemRecord] = {}
        self._items = plan.items

    def add(self, record: ItemRecord) -> None:
        super().add(record)
        self.told.setdefault(record.item.identity, record)

    def add_at_once(self, records: Sequence[ItemRecord]) -> None:
        super().add_at_once(records)
        for record in records:
            self.told.setdefault(record.item.identity, record)

    def repeat(self, start: int, repeated: Sequence[Repeated]) -> None:
        super().repeat(start, repeated)
        planned = self._items[start : start + len(repeated)]
        for one, item in zip(repeated, planned, strict=True):
            self.told.setdefault(item.identity, as_record(one, item))


class Nobody:
    """Nobody watches."""

    def started(self, header: RunHeader) -> None:
        """Look away."""

    def event(self, event: Event) -> None:
        """Look away."""

    def finished(self, result: RunResult) -> None:
        """Look away."""


@dataclass(frozen=True, slots=True)
class Looks:
    """Somebody who looks at each stage for some time, as long as an answer is left."""

    answers: deque[Choice]
    seconds: float = 60.0
    seen: list[Seen] = field(default_factory=list)

    async def look(self, end: StageEnd, seen: Seen) -> Choice:
        """Take the next answer; nobody is there once there is none.

        An answer that a deadline or a crash has cut off is lost: who waited with it is gone.
        """
        self.seen.append(seen)
        if not self.answers:
            return Choice.STOP
        answer = self.answers.popleft()
        await asyncio.sleep(self.seconds)
        return answer


def _what(sends: Sequence[Send], results: Sequence[Result], findings: Sequence[Finding]) -> str:
    """Name a commit by what is in it."""
    if results or findings:
        return "begin and finish" if sends else "finish"
    return "begin"


def named(identity: Identity) -> Item:
    """Name an item as evidence does."""
    return identity.account_id, identity.target_date.isoformat(), identity.revision
