"""Converge: send what the ledger does not hold as settled, and report every planned item."""

from __future__ import annotations

from dataclasses import replace

from zbatch.app.api import RunOptions, RunResult, Watcher
from zbatch.app.desk import emulator_book, opened
from zbatch.app.outside import Outside
from zbatch.app.outstanding import Wish
from zbatch.app.state import State
from zbatch.app.task import to_converge
from zbatch.app.validate import Overrides, load_plan
from zbatch.spec import find_project


def run(options: RunOptions, watch: Watcher) -> RunResult:
    """Run a spec: safe to repeat, at any time, on any outcome.

    Raises `Refused` for the spec and the flags, `CannotStart` for lock, folder, credentials and
    network, all before anything is sent; what happens later is told by the result.
    """
    plan = load_plan(options.spec, Overrides(options.tenant, options.concurrency, options.rate))
    project = find_project(options.spec)
    wish = Wish(options.retry_failed, options.retry_nothing)
    outside = Outside(random=options.chance, gate=options.gate)
    with opened(plan.tenant, State.of(project.root, options.state_dir), outside) as desk:
        task = to_converge(plan, desk.store, wish)
        task = replace(task, report_copy=options.report, patience=options.patience)
        return desk.execute(task, emulator_book(project), watch)
