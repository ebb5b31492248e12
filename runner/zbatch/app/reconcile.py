"""Settle doubt by question: read-only, and only what the tenant's own data proves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zbatch.app.api import Acceptance, ReconcileOptions, RunResult, Watcher
from zbatch.app.desk import Desk, emulator_book, opened
from zbatch.app.doubt import doubts
from zbatch.app.outstanding import Outstanding, open_works
from zbatch.app.state import State
from zbatch.app.task import Task
from zbatch.app.validate import Overrides, load_plan
from zbatch.errors import NothingSelected, Refused
from zbatch.ledger.store import LEDGER_FILE
from zbatch.model import Identity, Item, Plan, Tenant
from zbatch.spec import Project, blank_spec, builtin_emulator, find_project, load_tenants


def reconcile(options: ReconcileOptions, watch: Watcher) -> RunResult:
    """Ask the tenant about items in doubt and settle what can be proved; nothing is sent.

    Raises `Refused` for spec and flags, `NothingSelected` for an acceptance of an item that is
    not in doubt, `CannotStart` for lock, folder, credentials and network.
    """
    project = find_project(options.spec or options.folder.absolute() / "spec")
    state = State.of(project.root, options.state_dir)
    plan = load_plan(options.spec, Overrides(options.tenant)) if options.spec else None
    tenant = plan.tenant if plan else _tenant(options, project, state)
    with opened(tenant, state) as desk:
        task = _task(options, desk, plan or _plan(tenant, ()))
        return desk.execute(task, emulator_book(project), watch)


def _task(options: ReconcileOptions, desk: Desk, plan: Plan) -> Task:
    """Take those items in doubt that the spec lists, or all."""
    listed = {item.identity: item for item in plan.items}
    found = list(desk.store.unsettled())
    wanted = [s for s in found if not options.spec or s.item.identity in listed]
    in_doubt = {record.item.identity for record in doubts(wanted)}
    standings = [standing for standing in wanted if standing.item.identity in in_doubt]
    items = tuple(listed.get(s.item.identity, s.item) for s in standings)
    narrowed = Plan(plan.spec, plan.tenant, items, (), plan.digest)
    return Task(
        narrowed,
        Outstanding(tuple(open_works(standings)), ()),
        report_copy=options.report,
        read_only=True,
        accepted=_accepted(options.accept, in_doubt),
        patience=options.patience,
    )


def _accepted(
    acceptances: Sequence[Acceptance], in_doubt: set[Identity]
) -> dict[Identity, Acceptance]:
    for acceptance in acceptances:
        if acceptance.identity not in in_doubt:
            raise NothingSelected(
                f"--accept {acceptance.identity}: this item is not in doubt in this ledger,"
                " and only an item in doubt takes a decision"
            )
    return {acceptance.identity: acceptance for acceptance in acceptances}


def _plan(tenant: Tenant, items: tuple[Item, ...]) -> Plan:
    spec = blank_spec("reconcile", tenant.name)
    return Plan(spec, tenant, items, (), spec.digest)


def _tenant(options: ReconcileOptions, project: Project, state: State) -> Tenant:
    """Choose the tenant whose ledger is meant where no spec names one."""
    tenants = {} if project.tenants_file is None else load_tenants(project.tenants_file).tenants
    known = {tenant.name: tenant for tenant in (*tenants.values(), builtin_emulator())}
    if options.tenant:
        if options.tenant not in known:
            raise Refused(f"--tenant {options.tenant}: known are {', '.join(sorted(known))}")
        return known[options.tenant]
    with_ledger = {
        tenant.folder: tenant for tenant in known.values() if _ledger(state, tenant).exists()
    }
    if len(with_ledger) == 1:
        return next(iter(with_ledger.values()))
    if not with_ledger:
        raise Refused(f"no ledger in {state.root}: name the spec, or the folder by --state-dir")
    names = ", ".join(sorted(tenant.name for tenant in with_ledger.values()))
    raise Refused(f"there are several ledgers: choose one of --tenant {names}")


def _ledger(state: State, tenant: Tenant) -> Path:
    return state.root / tenant.folder / LEDGER_FILE
