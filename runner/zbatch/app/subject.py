"""What is held against a tenant: the items of a spec, or those of a run, as the ledger has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from zbatch.app.beside import read_beside
from zbatch.app.entries import ledger_entries
from zbatch.app.loading import Overrides, blank_plan, known_tenants, load_plan
from zbatch.app.runs import LATEST, PastRun, find_run, is_a_spec, list_runs
from zbatch.app.state import State
from zbatch.app.status import Status
from zbatch.engine.agreement import LedgerEntry
from zbatch.engine.ports import Clock
from zbatch.errors import CannotStart, NothingSelected, Refused
from zbatch.ledger.glance import Glance
from zbatch.model import Identity, Item, Plan, Tenant
from zbatch.spec import Project, find_project


@dataclass(frozen=True, slots=True)
class Subject:
    """The plan that the tenant is asked by, and the run whose items are meant, if it is one's.

    With it those are meant that the reconciliations `since` then have asked about.
    """

    plan: Plan
    project: Project
    state: State
    run: PastRun | None = None
    since: tuple[PastRun, ...] = ()

    @property
    def folder(self) -> Path:
        """The folder of the ledger."""
        return self.state.root / self.plan.tenant.folder


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger holds of each item, in their order.

    `at_work` is the run that holds its lock, where one does, and `under_way` are the items of those
    of its calls that have no answer so far.
    """

    entries: list[tuple[Item, LedgerEntry]]
    under_way: frozenset[Identity] = frozenset()
    at_work: Status | None = None


def subject_of(what: str, folder: Path, state_dir: Path | None, overrides: Overrides) -> Subject:
    """Read a spec by its file, or find a run by its name from a folder.

    Raises `SpecError`, `Refused` and `NothingSelected`.
    """
    if is_a_spec(what):
        path = Path(what)
        project = find_project(path)
        return Subject(load_plan(path, overrides), project, State.of(project.root, state_dir))
    project = find_project(folder.absolute() / "spec")
    state = State.of(project.root, state_dir)
    run, since = _latest(state) if what == LATEST else (find_run(state, what), ())
    tenant = _tenant_of(run, project, overrides.tenant)
    return Subject(blank_plan("verify", tenant), project, state, run, since)


def _latest(state: State) -> tuple[PastRun, tuple[PastRun, ...]]:
    """Find the newest run that was to bill something, and what was reconciled at its tenant since.

    Reconciliations alone have only what was in doubt: all else that was billed would be left out.
    """
    newest = find_run(state, LATEST)
    since: list[PastRun] = []
    for run in list_runs(state):
        if run.place != newest.place:
            continue
        if not run.reconciles:
            return run, tuple(reversed(since))
        since.append(run)
    return newest, ()


def _tenant_of(run: PastRun, project: Project, named: str | None) -> Tenant:
    """Give the tenant that a run has billed; it must still be the same host and entity."""
    name = named or run.part("tenant").get("name")
    known = known_tenants(project)
    if not isinstance(name, str) or name not in known:
        raise Refused(f"run {run.run_id}: its tenant is not known here; name it with --tenant")
    tenant = known[name]
    if (tenant.host, tenant.entity_id) != run.place:
        raise Refused(f"run {run.run_id}: tenant {name} is another host or entity than it billed")
    return tenant


def known_of(subject: Subject, plan: Plan, clock: Clock) -> Known:
    """Read what the ledger holds of the items; raises `CannotStart`.

    Raises `NothingSelected` for a run of which the ledger has no items: with nothing to compare,
    nothing is known to agree. `plan` is the subject's own with the IDs of all accounts. Where there
    is no ledger, nothing was sent for a spec yet.
    """
    run = subject.run

    def read(ledger: Glance, called: frozenset[Identity]) -> Known:
        planned = plan.items if run is None else _items_of((run, *subject.since), ledger)
        items = _with_numbers(planned, ledger)
        entries = ledger_entries(ledger.standings(items), ledger.billed(items))
        return Known(list(zip(items, entries, strict=True)), called)

    found, at_work, same = read_beside(subject.folder, clock, read)
    if found is None and run is not None:
        raise CannotStart(f"run {run.run_id}: there is no ledger in {subject.folder}")
    if found and not found.entries and run is not None:
        raise NothingSelected(
            f"run {run.run_id}: no items in the ledger {subject.folder} are of this run: it found"
            " nothing in doubt, did not begin, or had another ledger; name a spec or another run"
        )
    if found is None:
        return Known([(item, LedgerEntry(item.identity, None)) for item in plan.items])
    return replace(found, at_work=at_work, under_way=found.under_way if same else frozenset())


def _with_numbers(items: Sequence[Item], ledger: Glance) -> Sequence[Item]:
    """Give items the account numbers that any run has left in the ledger, where there is one."""
    numbers: dict[str, str | None] = {}
    for number, account_id in ledger.numbers().items():
        numbers[account_id] = None if account_id in numbers else number
    if not numbers:
        return items
    return [
        replace(one, account_number=one.account_number or numbers.get(one.identity.account_id))
        for one in items
    ]


def _items_of(runs: Sequence[PastRun], ledger: Glance) -> list[Item]:
    """Give the items of some runs, each once, those of the first run first."""
    items = (item for run in runs for item in ledger.items_of(run.run_id))
    return list({item.identity: item for item in items}.values())
