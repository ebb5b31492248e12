"""What a run or a reconciliation is to do, once spec and ledger have been read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from zbatch.app.api import READ_BACK, Acceptance, Approval, ToRun
from zbatch.app.backlog import Backlog, backlog_of
from zbatch.app.doubt import doubts
from zbatch.app.outstanding import Outstanding, Wish, open_works
from zbatch.app.parts import AT_LEAST
from zbatch.app.review.load import Load
from zbatch.app.stages import put_in_stages
from zbatch.engine.outage import PROBE_SECONDS
from zbatch.engine.pacing import Pace
from zbatch.engine.settings import PATIENCE, Staging
from zbatch.errors import NothingSelected
from zbatch.ledger.store import Store
from zbatch.model import Identity, Item, Plan
from zbatch.report.record import Given


class ListedElsewhere(NothingSelected):
    """A decision is taken without a spec alone, or by another one, in the ledger of `tenant`."""

    def __init__(self, message: str, tenant: str) -> None:
        super().__init__(message)
        self.tenant = tenant


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done: a plan, what is left of it, and how.

    `read_only` sends no call; `accepted` are decisions of a person on items in doubt; `approval` is
    what the plan was held to. `read_back` is for how many seconds invoices that are not
    finished are waited for at the end. `asked` counts the questions before it, `pace` is theirs.
    `specs` are those by which it was sent what a whole ledger holds in doubt.
    `given` is what the command line said beside the spec.
    `began` is when the run began, by the steady clock, those questions included. `stages` are those
    of the plan.
    """

    plan: Plan
    todo: Backlog
    report_copy: Path | None = None
    read_only: bool = False
    accepted: Mapping[Identity, Acceptance] = field(default_factory=dict)
    patience: float = PATIENCE
    probe: float = PROBE_SECONDS
    read_back: float = READ_BACK
    approval: Approval | None = None
    asked: int = 0
    specs: tuple[ToRun, ...] = ()
    given: Given = field(default_factory=Given)
    pace: Pace | None = None
    began: float | None = None
    stages: Staging = field(default_factory=Staging)

    @property
    def load(self) -> Load:
        """What it asks of the tenant at least, if all goes well."""
        counts, limits = self.todo.counts, self.plan.spec.limits
        calls = 0 if self.read_only else counts.calls
        return Load.of(calls, counts.asked, counts.to_send, limits)


def to_converge(plan: Plan, store: Store, wish: Wish, at_least: int = AT_LEAST) -> Task:
    """Make the task of a run: what the ledger does not hold as settled; raises `Refused`.

    The plan is worked out in parts of so many items.
    """
    todo = backlog_of(plan, store, wish, at_least)
    return Task(plan, todo, stages=put_in_stages(plan, todo.now, store))


def to_settle(
    plan: Plan, store: Store, accept: Sequence[Acceptance] = (), *, every: bool = False
) -> Task:
    """Make the task of a reconciliation: the items in doubt that the plan lists, or `every` one.

    Raises `NothingSelected` for an acceptance of an item that is not among them, in doubt or not.
    """
    listed = {item.identity: item for item in plan.items}
    found = [s for s in store.unsettled() if every or s.item.identity in listed]
    in_doubt = {record.item.identity for record in doubts(found)}
    standings = [standing for standing in found if standing.item.identity in in_doubt]
    items = tuple(_as_sent(s.item, listed.get(s.item.identity)) for s in standings)
    narrowed = replace(plan, items=items, groups=())
    todo = Outstanding(tuple(open_works(standings, asking=True)), ())
    if others := [one for one in accept if one.identity not in in_doubt]:
        raise _not_taken(others[0].identity, plan, store)
    return Task(
        narrowed,
        Backlog.of(narrowed, todo),
        read_only=True,
        accepted={one.identity: one for one in accept},
    )


def _as_sent(held: Item, listed: Item | None) -> Item:
    """Give an item as the plan lists it, but with the payload that its call was sent with."""
    if listed is None:
        return held
    return replace(listed, invoice_date=held.invoice_date, charges=held.charges)


def _not_taken(identity: Identity, plan: Plan, store: Store) -> NothingSelected:
    """Say why a decision is not taken: another spec's item is in doubt all the same."""
    in_doubt = (one.item for one in doubts(store.unsettled()) if one.item.identity == identity)
    item = next(in_doubt, None)
    if item is None:
        return NothingSelected(
            f"--accept {identity}: this item is not in doubt in this ledger,"
            " and only an item in doubt takes a decision"
        )
    return ListedElsewhere(
        f"--accept {identity}: this item is in doubt, but {plan.spec.file} does not list it, as"
        f" {item.source.file}:{item.source.line} did: name the spec of that, or none",
        plan.tenant.name,
    )
