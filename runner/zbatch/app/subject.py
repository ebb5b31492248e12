"""What is held against a tenant: the items of a spec, or those of a run, as the ledger has them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zbatch.app.doubt import in_doubt
from zbatch.app.loading import Overrides, blank_plan, known_tenants, load_plan
from zbatch.app.runs import PastRun, find_run, is_a_spec
from zbatch.app.state import State
from zbatch.engine.agreement import Held
from zbatch.engine.conclusion import decided
from zbatch.errors import CannotStart, NothingSelected, Refused
from zbatch.ledger.billed import Billed
from zbatch.ledger.glance import Glance, glance
from zbatch.model import Item, Outcome, Plan, Standing, Tenant
from zbatch.spec import Project, find_project


@dataclass(frozen=True, slots=True)
class Subject:
    """The plan that the tenant is asked by, and the run whose items are meant, if it is one's."""

    plan: Plan
    project: Project
    state: State
    run: PastRun | None = None

    @property
    def folder(self) -> Path:
        """The folder of the ledger."""
        return self.state.root / self.plan.tenant.folder


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
    run = find_run(state, what)
    tenant = _tenant_of(run, project, overrides.tenant)
    return Subject(blank_plan("verify", tenant), project, state, run)


def _tenant_of(run: PastRun, project: Project, named: str | None) -> Tenant:
    """Give the tenant that a run has billed; it must still be the same host and entity."""
    told = run.part("tenant")
    name = named or told.get("name")
    known = known_tenants(project)
    if not isinstance(name, str) or name not in known:
        raise Refused(f"run {run.run_id}: its tenant is not known here; name it with --tenant")
    tenant = known[name]
    if (tenant.host, tenant.entity_id) != (told.get("host"), told.get("entity_id")):
        raise Refused(f"run {run.run_id}: tenant {name} is another host or entity than it billed")
    return tenant


def held_of(subject: Subject, plan: Plan) -> list[tuple[Item, Held]]:
    """Read what the ledger holds of the items; raises `CannotStart`.

    Raises `NothingSelected` for a run of which the ledger has no items: with nothing to compare,
    nothing is known to agree. `plan` is the subject's own with the IDs of all accounts. Where there
    is no ledger, nothing was sent for a spec yet.
    """
    run = subject.run

    def read(ledger: Glance) -> list[tuple[Item, Held]]:
        items = plan.items if run is None else ledger.items_of(run.run_id)
        pairs = zip(ledger.standings(items), ledger.billed(items), strict=True)
        return [(item, hold(standing, billed)) for standing, (item, billed) in pairs]

    found = glance(subject.folder, read)
    if found is None and run is not None:
        raise CannotStart(f"run {run.run_id}: there is no ledger in {subject.folder}")
    if found == [] and run is not None:
        raise NothingSelected(
            f"run {run.run_id}: no items in the ledger {subject.folder} are of this run: it found"
            " nothing in doubt, did not begin, or had another ledger; name a spec or another run"
        )
    return [(item, Held(item.identity, None)) for item in plan.items] if found is None else found


def hold(standing: Standing, billed: Billed) -> Held:
    """Give what is held of one item; what is in doubt is unknown."""
    record = standing.record or in_doubt(standing)
    identity = standing.item.identity
    if record is None:
        return Held(identity, None, credited=billed.credited)
    baseline = standing.trail.baseline if record.outcome is Outcome.INVOICED else None
    ids = record.invoice_ids or tuple(filter(None, (record.invoice_id,)))
    return Held(
        identity,
        record.outcome,
        ids,
        frozenset(baseline.invoice_ids) if baseline else frozenset(),
        billed.credited,
        _drafts(standing, ids),
        billed.sends,
        record.started_at,
        record.finished_at,
        seen={one.id: one for one in record.invoices or ()},
        decided=decided(record),
    )


def _drafts(standing: Standing, ids: tuple[str, ...]) -> frozenset[str]:
    """Name the drafts that an item may have been billed in, whatever their target date.

    Where the ledger has noted none, or a person has decided, an item's own invoices may be such.
    """
    baseline, record = standing.trail.baseline, standing.record
    if baseline is None or (record is not None and decided(record)):
        return frozenset(ids)
    return frozenset(draft.id for draft in baseline.drafts)
