"""One execution of a plan, from the first durable fact to the run record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from zbatch.app.api import Approval, RunHeader, RunResult, ToRun, Watcher
from zbatch.app.backlog import Backlog, LaterWorks
from zbatch.app.books import Books
from zbatch.app.doubt import Remaining, doubts
from zbatch.app.ending import (
    Closing,
    after_disk_failure,
    exit_code,
    unreadable_records,
    with_waiting,
)
from zbatch.app.entries import ledger_entries
from zbatch.app.observer import ReadBackFirst, RunObserver
from zbatch.app.outside import Keeper, Outside, Way
from zbatch.app.readback import Hands, Reader
from zbatch.app.recorder import Recorder
from zbatch.app.review.estimate import pace_of
from zbatch.app.task import Task
from zbatch.engine.age import Clocks
from zbatch.engine.agreement import LedgerEntry
from zbatch.engine.details import Details
from zbatch.engine.ending import Ending, Stop, StopReason
from zbatch.engine.gentle import Gentle
from zbatch.engine.loop import Engine
from zbatch.engine.pacing import Flow
from zbatch.engine.settings import Ports, Settings
from zbatch.engine.steps import Facts
from zbatch.errors import CannotStart, LedgerFailure, Refused, ReportFailure
from zbatch.ledger.store import Store
from zbatch.model import ExitCode, Item, ItemRecord, Plan, StopRules
from zbatch.report.record import PaceRecord, RunRecord, write_record
from zbatch.report.summary import Summary
from zbatch.spec.places import Places
from zbatch.zuora.request import make_call


class NotBegun(CannotStart):
    """The ledger did not take the run: there was none, and none is to be found."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where a run leaves its report and its record."""

    folder: Path

    @property
    def report(self) -> Path:
        """The report, one line an item."""
        return self.folder / "report.jsonl"

    @property
    def record(self) -> Path:
        """The run record."""
        return self.folder / "run.json"

    def keep(self, record: RunRecord) -> None:
        """Replace the run record by a whole new one; raises `ReportFailure`."""
        write_record(self.record, record)

    def discard(self) -> None:
        """Take back what there is of a run that has not begun."""
        with suppress(OSError):
            for path in tuple(self.folder.iterdir()):
                with suppress(OSError):
                    path.unlink()
            self.folder.rmdir()


@dataclass(frozen=True, slots=True)
class Execution:
    """What one execution works with; `record` is its header, still without an end.

    `asked` counts the questions before it, `specs` are those of its task.
    """

    record: RunRecord
    store: Store
    recorder: Recorder
    files: Files
    watch: Watcher
    outside: Outside
    approval: Approval | None = None
    asked: int = 0
    specs: tuple[ToRun, ...] = ()

    @property
    def plan(self) -> Plan:
        """The plan that is carried out."""
        return self.record.plan

    async def converge(self, task: Task, way: Way | None) -> RunResult:
        """Send what is outstanding, if there is a way because anything is, and close the books.

        Raises `CannotStart` or `Refused` where it comes to nothing before the first call.
        """
        newest = self._start()
        self.watch.started(self._header(task.todo))
        books = Books(task.todo, self.store, self.recorder, self.record.run_id)
        try:
            books.open()
        except LedgerFailure as failure:
            self._finish(ExitCode.CANNOT_START)
            raise CannotStart(f"{failure}; nothing was sent") from failure
        if way is None:
            return self._close(books, Closing(elsewhere=task.todo.counts.elsewhere))
        try:
            closing = await self._send(task, way, newest)
        except (CannotStart, Refused) as error:
            refused = isinstance(error, Refused)
            self._finish(ExitCode.REFUSED if refused else ExitCode.CANNOT_START)
            raise
        return self._close(books, closing)

    def _start(self) -> datetime | None:
        """Begin in the ledger, and give the latest time that it held before."""
        try:
            newest = self.store.newest_stamp()
            self.store.start_run(self.record.run_id, self.plan, self.record.started_at)
        except LedgerFailure as failure:
            raise NotBegun(f"{failure}; nothing was sent") from failure
        return newest

    def _header(self, todo: Backlog) -> RunHeader:
        counts, files = todo.counts, self.files
        return RunHeader(
            self.record.run_id,
            self.plan,
            counts.to_send,
            counts.settled,
            files.report,
            approval=self.approval,
            in_doubt=counts.in_doubt,
        )

    async def _send(self, task: Task, way: Way, newest: datetime | None) -> Closing:
        outside, limits, run_id = self.outside, self.plan.spec.limits, self.record.run_id
        ledger = outside.keeper(self.store, run_id, outside.clock.now)
        settings = Settings(
            run_tail=run_id.rpartition("-")[2],
            limits=limits,
            max_attempts=self.plan.spec.max_attempts,
            make_call=lambda items, generation: make_call(self.plan.tenant, items, generation),
            newest=newest,
            patience=task.patience,
            probe=task.probe,
            settling=self.plan.spec.settling,
            read_only=task.read_only,
            accepted=task.accepted,
            rules=StopRules() if task.read_only else self.plan.spec.stop,
            stages=task.stages,
            pace=task.pace or pace_of(self.plan),
            began=task.began,
        )
        try:
            async with way as sender:
                observer = RunObserver(self.recorder, self.watch, self.plan, run_id)
                gate = ReadBackFirst(outside.gate, observer)
                ports = Ports(outside.clock, outside.random, sender, ledger, observer, gate)
                later = LaterWorks(task.todo, ledger)
                engine = observer.engine = Engine(ports, settings, task.todo.now.works, later)
                beside = Details(Gentle(sender, engine.brake, outside.clock))
                hands = Hands(_entries_of(ledger), ledger.detail, observer.write, observer.fail)
                reader = observer.reader = Reader(beside, hands, task.read_back)
                with outside.interruptible(engine, limits.timeout) as interruptions:
                    ending = await engine.run()
                    signal = interruptions.first  # a later one ends but questions
                    await reader.finish(engine.brake.stopping)
                ending = _with_trouble(ending, engine.brake.stopped)
                waiting = task.todo.counts.elsewhere
                closing = Closing(ending, signal, read_only=task.read_only, elsewhere=waiting)
                amounts = observer.invoiced.amounts
                return replace(closing, read_back=reader.result, amounts=amounts)
        finally:
            ledger.close()

    def _close(self, books: Books, closing: Closing) -> RunResult:
        """Close report, ledger and record in this order, and say what the run came to."""
        closing = self._with_strays(closing)
        summary, closing = self._summed_up(books, closing)
        self.recorder.close()
        code = exit_code(summary.totals, closing, report_failed=self.recorder.failure is not None)
        code = self._finish(code, closing.ending.sent)
        result = self._result(code, summary, closing)
        code = self._write(self._ended(result, closing), code)
        result = replace(result, exit_code=code)
        self.watch.finished(result)
        return result

    def _summed_up(self, books: Books, closing: Closing) -> tuple[Summary, Closing]:
        """Report whatever has no line yet, and sum up; tell where the ledger cannot be read."""
        settle = timedelta(seconds=self.plan.spec.settling.settle)
        remaining = self._remaining(settle, read_only=closing.read_only)
        try:
            summary = books.close(closing, remaining.record)
            told = filter(None, (closing.ending.settles_at, remaining.settles_at))
            return summary, replace(closing, settles_at=max(told, default=None))
        except LedgerFailure as failure:
            return self._told(), replace(closing, unread=str(failure))

    def _result(self, code: ExitCode, summary: Summary, closing: Closing) -> RunResult:
        """Give what whoever asked for the run is told of it."""
        ending = closing.ending
        return RunResult(
            run_id=self.record.run_id,
            plan=self.plan,
            totals=summary.totals,
            exit_code=code,
            stop=ending.stop.message if ending.stop else self._trouble(),
            report=self.files.report,
            run_record=self.files.record,
            started_at=self.record.started_at,
            finished_at=self.outside.clock.now(),
            sent=ending.sent,
            failures=summary.failures,
            unknown=summary.unknown,
            settled_by=summary.settled_by,
            settled_earlier=self.recorder.settled_earlier,
            asked=self.asked + closing.asked,
            strays=closing.strays,
            unread=closing.unread,
            nothing_since=summary.nothing_since,
            waiting=summary.waiting,
            unseen=summary.unseen,
            stop_reason=ending.stop.reason if ending.stop else None,
            settles_at=closing.settles_at,
            strays_settle_at=closing.strays_settle_at,
            read_back=closing.read_back,
            amounts=closing.amounts,
            specs=self.specs,
        )

    def _ended(self, result: RunResult, closing: Closing) -> RunRecord:
        """Complete the run record by how it ended."""
        ending = closing.ending
        return replace(
            self.record,
            finished_at=result.finished_at,
            exit_code=result.exit_code,
            stop=closing.why or self._trouble(),
            rule=ending.stop.rule if ending.stop else None,
            totals=result.totals,
            settled_earlier=self.recorder.settled_earlier,
            calls_sent=result.sent,
            slots=ending.places,
            pace=_pace_record(ending.flow),
            read_back=result.read_back,
        )

    def _told(self) -> Summary:
        """Fold what the report says already; only the rest is lost with a ledger that fails now."""
        self.recorder.add_all(unreadable_records(self.plan.items))
        return self.recorder.counted.summary(len(self.plan.items))

    def _with_strays(self, closing: Closing) -> Closing:
        """Find what the ledger holds in doubt beyond this plan, and who waits for what is there."""
        planned = Places(self.plan.items)
        closing = with_waiting(closing, planned)
        remaining = self._remaining(timedelta(), read_only=True)
        strays: list[ItemRecord] = []
        unread = closing.unread
        try:
            strays.extend(doubts(self.store.unsettled(without=planned), remaining.record))
        except LedgerFailure as failure:  # what was read before it is named all the same
            unread = str(failure)
        settles_at = remaining.settles_at
        return replace(closing, strays=tuple(strays), strays_settle_at=settles_at, unread=unread)

    def _remaining(self, settle: timedelta, *, read_only: bool) -> Remaining:
        return Remaining(Facts(Clocks(self.outside.clock.now()), settle, read_only=read_only))

    def _trouble(self) -> str | None:
        return str(self.recorder.failure) if self.recorder.failure else None

    def _finish(self, code: ExitCode, sent: int = 0) -> ExitCode:
        """Record the end of the run; every outcome is durable before, so little is lost by it."""
        try:
            self.store.finish_run(self.record.run_id, code, self.outside.clock.now())
        except LedgerFailure:
            return after_disk_failure(code, sent)
        return code

    def _write(self, record: RunRecord, code: ExitCode) -> ExitCode:
        try:
            self.files.keep(record)
        except ReportFailure:
            return after_disk_failure(code, record.calls_sent or 0)
        return code


def _with_trouble(ending: Ending, stopped: Stop | None) -> Ending:
    """Add what went wrong when all was sent and the run still read back."""
    grave = stopped and stopped.reason in (StopReason.DISK, StopReason.INTERNAL)
    return replace(ending, stop=stopped) if grave else ending


def _entries_of(ledger: Keeper) -> Callable[[Sequence[Item]], Awaitable[Sequence[LedgerEntry]]]:
    """Read what the ledger holds of items beside the run."""

    async def held(items: Sequence[Item]) -> Sequence[LedgerEntry]:
        return await ledger.read(
            lambda store: tuple(ledger_entries(store.standing(items), store.billed(items)))
        )

    return held


def _pace_record(flow: Flow) -> PaceRecord | None:
    if not flow.requests:
        return None
    closeness = flow.closeness
    return PaceRecord(flow.requests, flow.seconds, flow.gated, flow.per_second, closeness)
