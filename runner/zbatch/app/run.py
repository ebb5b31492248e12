"""Converge: send what the ledger does not hold as settled, and report every planned item."""

from __future__ import annotations

import os
from dataclasses import replace

from zbatch.app.api import Approval, RunOptions, RunResult, Watcher
from zbatch.app.asking import Bureau
from zbatch.app.desk import opened
from zbatch.app.loading import emulator_book
from zbatch.app.numbers import with_ids
from zbatch.app.outside import Outside
from zbatch.app.outstanding import Wish
from zbatch.app.protection import confirm_run
from zbatch.app.review.approval import Chosen, choose_approved
from zbatch.app.review.estimate import refuse_too_much
from zbatch.app.runs import to_bill
from zbatch.app.state import State
from zbatch.app.task import to_converge
from zbatch.report.record import Given
from zbatch.spec import Project, find_project


def run(options: RunOptions, watch: Watcher) -> RunResult:
    """Run a spec: safe to repeat, at any time, on any outcome.

    Raises `Refused` for the spec and the flags, `CannotStart` for lock, folder, credentials and
    network, all before anything is sent; what happens later is told by the result.
    """
    chosen = choose_approved(options.spec, options.overrides, options.plan_digest)
    plan, project = chosen.plan, find_project(chosen.spec)
    state = State.of(project.root, options.state_dir)
    confirm_run(chosen, state, options.confirmation)
    wish = Wish(options.retry_failed, options.retry_nothing)
    outside = Outside(random=options.chance, gate=options.gate)
    book = emulator_book(project)
    began = outside.clock.monotonic()
    with opened(plan.tenant, state, outside) as desk:
        folder, rules = desk.folder, plan.spec.stop
        bureau = Bureau(folder, book, watch.event, outside, options.patience, rules, began)
        resolved = with_ids(plan, bureau, options.overrides)
        plan = resolved.plan
        task = to_converge(plan, desk.store, wish)
        refuse_too_much(plan, task.load)
        if chosen.document or options.plan_digest:
            earlier = tuple(to_bill(state.root, desk.store.runs_of(plan.digest)))
            approval = Approval(chosen.digest, chosen.document, earlier)
            task = replace(task, approval=approval)
        task = replace(task, report_copy=options.report, patience=options.patience)
        task = replace(task, asked=resolved.asked, pace=resolved.pace, began=began)
        task = replace(task, given=_given(options, chosen, project, state))
        task = replace(task, probe=options.probe, read_back=options.read_back)
        return desk.execute(task, book, watch)


def _given(options: RunOptions, chosen: Chosen, project: Project, state: State) -> Given:
    """Gather what the same command again repeats; a frozen plan is found from the project."""
    path = chosen.document
    document = os.path.relpath(os.path.realpath(path), project.root) if path else None
    return Given(
        tenant=options.tenant,
        period=options.period,
        concurrency=options.concurrency,
        rate=options.rate,
        retry_failed=options.retry_failed,
        retry_nothing=options.retry_nothing,
        document=document,
        project=state.to_project(project.root),
    )
