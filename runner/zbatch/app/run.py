"""Converge: send what the ledger does not hold as settled, and report every planned item."""

from __future__ import annotations

import os
import platform
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path

from zbatch.app.api import RunOptions, RunResult, Watcher
from zbatch.app.clock import SystemClock
from zbatch.app.connection import access_to
from zbatch.app.execution import Execution, Files
from zbatch.app.outstanding import outstanding
from zbatch.app.recorder import Recorder
from zbatch.app.state import State, run_id
from zbatch.app.validate import Overrides, load_plan
from zbatch.errors import CannotStart, ReportFailure
from zbatch.ledger.lock import locked
from zbatch.ledger.store import open_store
from zbatch.report.record import RunRecord, write_record
from zbatch.report.writer import ReportWriter
from zbatch.spec import find_project, load_tenants


def run(options: RunOptions, watch: Watcher) -> RunResult:
    """Run a spec: safe to repeat, at any time, on any outcome.

    Raises `Refused` for the spec and the flags and `CannotStart` for lock, folder, credentials
    and network, all before anything is sent; what happens later is told by the result.
    """
    plan = load_plan(options.spec, Overrides(options.tenant, options.concurrency, options.rate))
    project = find_project(options.spec)
    book = load_tenants(project.tenants_file).emulator_accounts if project.tenants_file else None
    state = State.of(project.root, options.state_dir)
    clock = SystemClock()
    started_at = clock.now()
    name = run_id(started_at, secrets.token_hex(2))
    folder = state.tenant_folder(plan.tenant)
    with locked(folder, f"run {name}, process {os.getpid()}"), closing(open_store(folder)) as store:
        todo = outstanding(plan, tuple(store.standing(plan.items)))
        access = access_to(plan, folder, book, os.environ) if todo.works else None
        record = RunRecord(name, plan, started_at, versions=_versions())
        files = Files(state.run_folder(name))
        with _recorder(record, files, options.report) as recorder:
            execution = Execution(record, store, recorder, files, watch, clock)
            return execution.converge(todo, access)


@contextmanager
def _recorder(record: RunRecord, files: Files, copy: Path | None) -> Iterator[Recorder]:
    """Create report and run record before anything is sent, and close the report at the end."""
    recorder = Recorder(ReportWriter.create(files.report, copy), record.plan, record.run_id)
    try:
        _write_header(files, record)
        yield recorder
    finally:
        recorder.close()


def _write_header(files: Files, record: RunRecord) -> None:
    try:
        write_record(files.record, record)
    except ReportFailure as failure:
        raise CannotStart(f"{failure}; nothing was sent") from failure


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), "aiohttp": version("aiohttp")}
