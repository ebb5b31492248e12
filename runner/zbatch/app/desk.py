"""Open a tenant's ledger under its lock, and carry out one task on it with all files in place."""

from __future__ import annotations

import os
import platform
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from zbatch.app.api import RunResult, Watcher
from zbatch.app.connection import Access, access_to, connected
from zbatch.app.event_loop import event_loop, unswept
from zbatch.app.execution import Execution, Files, NotBegun
from zbatch.app.heartbeat import Followed
from zbatch.app.home import Home
from zbatch.app.outside import Outside
from zbatch.app.provenance import revision_of
from zbatch.app.recorder import Recorder
from zbatch.app.signals import undisturbed
from zbatch.app.state import State, run_id
from zbatch.app.task import Task
from zbatch.errors import CannotStart, LedgerFailure, Refused, ReportFailure
from zbatch.ledger.lock import locked
from zbatch.ledger.store import Store, open_store
from zbatch.model import Plan, Tenant
from zbatch.report.record import RunRecord
from zbatch.report.writer import ReportWriter
from zbatch.spec import path_in_project


@dataclass(frozen=True, slots=True)
class Desk:
    """A ledger that this process alone may write, and the ID of the run that it is opened for."""

    store: Store
    state: State
    folder: Path
    run_id: str
    started_at: datetime
    outside: Outside

    def execute(self, task: Task, book: Path | None, watch: Watcher) -> RunResult:
        """Carry out a task; raises `CannotStart` and `Refused` before anything is sent."""
        plan = task.plan
        access = self._access(plan, book) if task.todo.work else None
        way = connected(access, self.outside.clock) if access else None
        record = RunRecord(
            self.run_id,
            plan,
            self.started_at,
            versions=_versions(),
            verb="reconcile" if task.read_only else "run",
            spec_path=path_in_project(plan.spec.file),
            revision=revision_of(plan.spec),
            given=task.given,
        )
        if task.approval:
            record = replace(record, approved=task.approval.digest)
        files = Files(self.state.run_folder(self.run_id))
        follow = Followed(watch, files.folder, self.run_id)
        with _recorder(record, files, task.report_copy) as recorder, follow:
            execution = Execution(record, self.store, recorder, files, follow, self.outside)
            execution = replace(
                execution, approval=task.approval, asked=task.asked, specs=task.specs
            )
            with undisturbed(), unswept(), event_loop() as loop:
                return loop.run(execution.converge(task, way))

    def _access(self, plan: Plan, book: Path | None) -> Access:
        """Raises `CannotStart`."""
        home = Home(self.folder, self.store.home(), self.store.keep_home)
        return access_to(plan, self.folder, book, os.environ, home)


@contextmanager
def opened(tenant: Tenant, state: State, outside: Outside | None = None) -> Iterator[Desk]:
    """Take the lock and open the ledger of a tenant; raises `CannotStart`."""
    outside = outside or Outside()
    started_at = outside.clock.now()
    name = _new_run_id(state, started_at)
    folder = state.tenant_folder(tenant)
    with locked(folder, f"run {name}, process {os.getpid()}"), closing(open_store(folder)) as store:
        try:
            yield Desk(store, state, folder, name, started_at, outside)
        except LedgerFailure as failure:  # an execution tells of its own failures by its result
            raise CannotStart(f"{failure}; nothing was sent") from failure


def _new_run_id(state: State, started_at: datetime) -> str:
    """Draw the ID of a run; two of one second may draw the same tail."""
    named = state.in_order(started_at)
    while (name := run_id(named, secrets.token_hex(2))) in state.runs():
        pass
    return name


@contextmanager
def _recorder(record: RunRecord, files: Files, copy: Path | None) -> Iterator[Recorder]:
    """Create report and run record before anything is sent, and close the report at the end.

    Where the run has not begun they are taken back.
    """
    writer = _created(record, files, copy)
    recorder = Recorder(writer, record.plan, record.run_id)
    try:
        yield recorder
    except NotBegun:
        writer.discard()
        files.discard()
        raise
    finally:
        recorder.close()


def _created(record: RunRecord, files: Files, copy: Path | None) -> ReportWriter:
    """Create report and run record; where one is refused, there was no run, and none is found."""
    try:
        writer = ReportWriter.create(files.report, copy)
        try:
            files.keep(record)
        except ReportFailure as failure:
            writer.discard()
            raise CannotStart(f"{failure}; nothing was sent") from failure
    except (Refused, CannotStart):
        files.discard()
        raise
    return writer


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), "aiohttp": version("aiohttp")}
