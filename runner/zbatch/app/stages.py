"""Which stage of a spec an item belongs to: by its place in the plan, and the same in every run."""

from __future__ import annotations

from collections.abc import Iterator

from zbatch.app.outstanding import Outstanding
from zbatch.engine.settings import Staging
from zbatch.engine.stages import StageSoFar
from zbatch.ledger.store import Store
from zbatch.model import Identity, Plan


def put_in_stages(plan: Plan, todo: Outstanding, store: Store) -> Staging:
    """Give each work its stage, from 1, and tell how the stages stand.

    A call that belongs to several, after a change of the spec, goes with the first of them.
    """
    last = len(plan.spec.stages)
    if not last:
        return Staging()
    early = dict(early_stages(plan))
    for work in todo.works:
        work.stage = min(early.get(item.identity, last) for item in work.items)
    past: dict[int, StageSoFar] = {}
    for record in todo.records:
        if stage := early.get(record.item.identity):
            part = past.setdefault(stage, StageSoFar())
            part.items += 1
            part.take(record)
    name = name_of_stages(plan)
    return Staging(last, name, min(store.looked(name), last), past)


def name_of_stages(plan: Plan) -> str:
    """Name the stages of a plan: other sizes are other stages, of which nobody has seen any."""
    sizes = ",".join("rest" if size is None else str(size) for size in plan.spec.stages)
    return f"{plan.digest} {sizes}"


def early_groups(plan: Plan) -> int:
    """Tell how many calls are of stages before the last one."""
    return sum(1 for _ in _early_groups(plan))


def early_stages(plan: Plan) -> Iterator[tuple[Identity, int]]:
    """Name the items of all stages but the last."""
    for group, stage in _early_groups(plan):
        yield from ((plan.items[position].identity, stage) for position in group)


def _early_groups(plan: Plan) -> Iterator[tuple[tuple[int, ...], int]]:
    """Give the calls of all stages but the last: whole ones, until a stage has its number."""
    groups = iter(plan.groups)
    for stage, wanted in enumerate(plan.spec.stages[:-1], 1):
        count = 0
        while count < (wanted or 0) and (group := next(groups, None)):
            count += len(group)
            yield group, stage
