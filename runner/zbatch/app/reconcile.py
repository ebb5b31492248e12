"""Settle doubt by question: read-only, and only what the tenant's own data proves."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from zbatch.app.api import ReconcileOptions, RunResult, ToRun, Watcher
from zbatch.app.asking import Bureau
from zbatch.app.desk import opened
from zbatch.app.loading import Overrides, blank_plan, emulator_book, known_tenants, load_plan
from zbatch.app.numbers import with_ids
from zbatch.app.protection import confirm_decisions, require_ledger
from zbatch.app.runs import PastRun, run_in
from zbatch.app.state import State
from zbatch.app.task import to_settle
from zbatch.errors import Refused
from zbatch.model import Plan, Tenant
from zbatch.report.record import Given
from zbatch.spec import Project, check_spec, find_project


def reconcile(options: ReconcileOptions, watch: Watcher) -> RunResult:
    """Ask the tenant about items in doubt and settle what can be proved; nothing is sent.

    Raises `Refused` for spec and flags, `NothingSelected` for an acceptance of an item that is
    not in doubt, `CannotStart` for lock, folder, credentials and network.
    """
    project = find_project(options.spec or options.folder.absolute() / "spec")
    state = State.of(project.root, options.state_dir)
    overrides = Overrides(tenant=options.tenant, period=options.period)
    plan = load_plan(options.spec, overrides) if options.spec else None
    tenant = plan.tenant if plan else _tenant(options, project, state)
    require_ledger(tenant, state)
    confirm_decisions(tenant, options.confirmation, len(options.accept))
    book, every = emulator_book(project), plan is None
    with opened(tenant, state) as desk:
        bureau = Bureau(desk.folder, book, watch.event, desk.outside, options.patience)
        resolved = with_ids(plan or _of_ledger(tenant), bureau)
        task = to_settle(resolved.plan, desk.store, options.accept, every=every)
        if every:
            runs = (run_in(state.root, name) for name in desk.store.runs_of_unsettled())
            task = replace(task, specs=_still_there(runs, project, state, options.folder))
        task = replace(task, report_copy=options.report, patience=options.patience)
        task = replace(task, asked=resolved.asked, pace=resolved.pace)
        given = Given(tenant=options.tenant, period=options.period)
        task = replace(task, given=replace(given, project=state.to_project(project.root)))
        return desk.execute(task, book, watch)


def _of_ledger(tenant: Tenant) -> Plan:
    """Lay out nothing: each key rests as long as the specs want it to by which it was sent."""
    plan = blank_plan("reconcile", tenant)
    settling = replace(plan.spec.settling, settle=0.0)
    return replace(plan, spec=replace(plan.spec, settling=settling))


def _still_there(
    runs: Iterable[PastRun], project: Project, state: State, folder: Path
) -> tuple[ToRun, ...]:
    """Name the specs of some runs, as far as they are known and there, from a folder."""
    here = Path(os.path.realpath(folder))
    named = dict.fromkeys(
        (run.project or project.root, run.spec_path, run.period, run.tenant_name)
        for run in runs
        if run.spec_path
    )
    there = (
        ToRun(
            str(path.relative_to(here) if path.is_relative_to(here) else path),
            period if period and _needs_period(path) else None,
            None if root == project.root else tenant,
            state.named_from(root),
        )
        for root, spec, period, tenant in named
        if (path := root / spec).is_file()
    )
    return tuple(dict.fromkeys(there))


def _needs_period(spec: Path) -> bool:
    """Tell whether a spec has no period and cannot be read without one."""
    _, findings = check_spec(spec)
    return any(found.code == "ZB330" for found in findings)


def _tenant(options: ReconcileOptions, project: Project, state: State) -> Tenant:
    """Choose the tenant whose ledger is meant where no spec names one."""
    known = known_tenants(project)
    if options.tenant:
        if options.tenant not in known:
            raise Refused(f"--tenant {options.tenant}: known are {', '.join(sorted(known))}")
        return known[options.tenant]
    with_ledger = {
        tenant.folder: tenant for tenant in known.values() if state.ledger(tenant).exists()
    }
    if len(with_ledger) == 1:
        return next(iter(with_ledger.values()))
    if not with_ledger:
        raise Refused(f"no ledger in {state.root}: name the spec, or the folder by --state-dir")
    names = ", ".join(sorted(tenant.name for tenant in with_ledger.values()))
    raise Refused(f"there are several ledgers: choose one of --tenant {names}")
