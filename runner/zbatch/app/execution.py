"""One execution of a plan, from the first durable fact to the run record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from zbatch.app.api import Approval, RunHeader, RunResult, Watcher
from zbatch.app.backlog import Backlog, LaterWorks
from zbatch.app.books import Books
from zbatch.app.doubt import doubts
from zbatch.app.ending import (
    Closing,
    after_disk_failure,
    exit_code,
    unreadable_records,
)
from zbatch.app.outside import Outside, Way
from zbatch.app.readback import Hands, Reader
from zbatch.app.recorder import Recorder
from zbatch.app.review.estimate import pace_of
from zbatch.app.task import Task
from zbatch.engine.details import Details
from zbatch.engine.events import Event, Settled
from zbatch.engine.gentle import Gentle
from zbatch.engine.loop import Engine
from zbatch.engine.pacing import Flow
from zbatch.engine.settings import Accepted, Ports, Settings
from zbatch.engine.verdict import StopReason
from zbatch.errors import CannotStart, LedgerFailure, Refused, ReportFailure
from zbatch.ledger.store import Store
from zbatch.model import ExitCode, ItemRecord, Plan, StopRules
from zbatch.report.record import PaceRecord, RunRecord, write_record
from zbatch.report.summary import Summary
from zbatch.spec.places import Places
from zbatch.zuora.request import make_call


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


@dataclass(frozen=True, slots=True)
class Execution:
    """What one execution works with; `record` is its header, still without an end.

    `asked` counts the questions before it.
    """

    record: RunRecord
    store: Store
    recorder: Recorder
    files: Files
    watch: Watcher
    outside: Outside
    approval: Approval | None = None
    asked: int = 0

    @property
    def plan(self) -> Plan:
        """The plan that is carried out."""
        return self.record.plan

    async def converge(self, task: Task, way: Way | None) -> RunResult:
        """Send what is outstanding, if there is a way because anything is, and close the books.

        Raises `CannotStart` or `Refused` where it comes to nothing before the first call.
        """
        newest = self.store.newest_stamp()
        self._start()
        self.watch.started(self._header(task.todo))
        books = Books(task.todo, self.store, self.recorder, self.record.run_id)
        try:
            books.open()
        except LedgerFailure as failure:
            self._finish(ExitCode.CANNOT_START)
            raise CannotStart(f"{failure}; nothing was sent") from failure
        if way is None:
            return self._close(books, Closing())
        try:
            closing = await self._send(task, way, newest)
        except (CannotStart, Refused) as error:
            refused = isinstance(error, Refused)
            self._finish(ExitCode.REFUSED if refused else ExitCode.CANNOT_START)
            raise
        return self._close(books, closing)

    def _start(self) -> None:
        try:
            self.store.start_run(self.record.run_id, self.plan, self.record.started_at)
        except LedgerFailure as failure:
            raise CannotStart(f"{failure}; nothing was sent") from failure

    def _header(self, todo: Backlog) -> RunHeader:
        counts, files = todo.counts, self.files
        return RunHeader(
            self.record.run_id,
            self.plan,
            counts.to_send,
            counts.settled,
            files.report,
            approval=self.approval,
        )

    async def _send(self, task: Task, way: Way, newest: datetime | None) -> Closing:
        outside, limits = self.outside, self.plan.spec.limits
        ledger = outside.keeper(self.store, self.record.run_id, outside.clock.now)
        settings = Settings(
            run_tail=self.record.run_id.rpartition("-")[2],
            limits=limits,
            max_attempts=self.plan.spec.max_attempts,
            make_call=lambda items, generation: make_call(self.plan.tenant, items, generation),
            newest=newest,
            patience=task.patience,
            probe=task.probe,
            settling=self.plan.spec.settling,
            read_only=task.read_only,
            accepted={
                identity: Accepted(acceptance.invoice_id, acceptance.reason)
                for identity, acceptance in task.accepted.items()
            },
            rules=StopRules() if task.read_only else self.plan.spec.stop,
            stages=task.stages,
            pace=task.pace or pace_of(self.plan),
            began=task.began,
        )
        try:
            async with way as sender:
                observer = _Observer(self.recorder, self.watch, self.record.run_id)
                ports = Ports(outside.clock, outside.random, sender, ledger, observer, outside.gate)
                later = LaterWorks(task.todo, ledger)
                engine = observer.engine = Engine(ports, settings, task.todo.now.works, later)
                beside = Details(Gentle(sender, engine.brake, outside.clock))
                hands = Hands(ledger.detail, observer.write, observer.fail)
                reader = observer.reader = Reader(beside, hands, task.read_back)
                with outside.interruptible(engine, limits.timeout) as interruptions:
                    ending = await engine.run()
                    signal = interruptions.first  # a later one ends but questions
                    await reader.finish(engine.brake.stopping)
                closing = Closing(ending, signal, read_only=task.read_only)
                return replace(closing, read_back=reader.result)
        finally:
            ledger.close()

    def _close(self, books: Books, closing: Closing) -> RunResult:
        closing = self._with_strays(closing)
        try:
            summary = books.close(closing)
        except LedgerFailure as failure:
            closing = replace(closing, unread=str(failure))
            summary = self._told()
        self.recorder.close()
        code = exit_code(summary.totals, closing, report_failed=self.recorder.failure is not None)
        code = self._finish(code, closing.ending.sent)
        finished_at = self.outside.clock.now()
        stop = closing.ending.stop
        record = replace(
            self.record,
            finished_at=finished_at,
            exit_code=code,
            stop=closing.why,
            rule=stop.rule if stop else None,
            totals=summary.totals,
            calls_sent=closing.ending.sent,
            slots=closing.ending.slots,
            pace=_pace_record(closing.ending.flow),
            read_back=closing.read_back,
        )
        code = self._write(record, code)
        result = RunResult(
            run_id=record.run_id,
            plan=self.plan,
            totals=summary.totals,
            exit_code=code,
            stop=stop.message if stop else self._trouble(),
            report=self.files.report,
            run_record=self.files.record,
            started_at=record.started_at,
            finished_at=finished_at,
            sent=closing.ending.sent,
            failures=summary.failures,
            unknown=summary.unknown,
            settled_by=summary.settled_by,
            asked=self.asked + closing.asked,
            strays=closing.strays,
            unread=closing.unread,
            nothing_since=summary.nothing_since,
            waiting=summary.waiting,
            stop_reason=stop.reason if stop else None,
            settles_at=closing.ending.settles_at,
            read_back=closing.read_back,
        )
        self.watch.finished(result)
        return result

    def _told(self) -> Summary:
        """Fold what the report says already; only the rest is lost with a ledger that fails now."""
        self.recorder.add_all(unreadable_records(self.plan.items))
        return self.recorder.counted.summary(len(self.plan.items))

    def _with_strays(self, closing: Closing) -> Closing:
        """Find what the ledger holds in doubt beyond this plan: nobody else would name it."""
        planned = Places(self.plan.items)
        strays: list[ItemRecord] = []
        try:
            strays.extend(doubts(self.store.unsettled(without=planned)))
        except LedgerFailure as failure:  # what was read before it is named all the same
            return replace(closing, strays=tuple(strays), unread=str(failure))
        return replace(closing, strays=tuple(strays))

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


def _pace_record(flow: Flow) -> PaceRecord | None:
    if not flow.requests:
        return None
    closeness = flow.closeness
    return PaceRecord(flow.requests, flow.seconds, flow.gated, flow.per_second, closeness)


class _Observer:
    """Take the engine's events: the report first, then whoever watches."""

    def __init__(self, recorder: Recorder, watch: Watcher, run_id: str) -> None:
        self._recorder = recorder
        self._watch = watch
        self._run_id = run_id
        self.engine: Engine | None = None
        self.reader: Reader | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, Settled):
            record = event.record.of_run(self._run_id)
            event = Settled(record)
            if self.reader and record.outcome.success and record.invoices is None:
                self.reader.take(record)  # whose line waits for what the tenant shows of it
            else:
                self.write(record)
        self._watch.event(event)

    def write(self, record: ItemRecord) -> None:
        """Write the line of an item; the run stops where the disk does not take it."""
        self._recorder.add(record)
        failure = self._recorder.failure
        if failure and self.engine:
            self.engine.stop(StopReason.DISK, str(failure))

    def fail(self, error: Exception) -> None:
        """Stop the run where what was read back cannot be kept; whatever is settled stays so."""
        reason = StopReason.DISK if isinstance(error, LedgerFailure) else StopReason.INTERNAL
        if self.engine:
            self.engine.stop(reason, str(error))
