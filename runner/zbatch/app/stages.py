"""Which stage of a spec an item belongs to: by its place in the plan, and the same in every run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from zbatch.engine.order import Work
from zbatch.model import Identity, Plan


def put_in_stages(plan: Plan, works: Iterable[Work]) -> None:
    """Give each work its stage, from 1.

    A call that belongs to several, after a change of the spec, goes with the first of them.
    """
    last = len(plan.spec.stages)
    if not last:
        return
    early = dict(_early(plan))
    for work in works:
        work.stage = min(early.get(item.identity, last) for item in work.items)


def _early(plan: Plan) -> Iterator[tuple[Identity, int]]:
    """Name the items of all stages but the last: whole calls, until a stage has its number."""
    groups = iter(plan.groups)
    for stage, wanted in enumerate(plan.spec.stages[:-1], 1):
        count = 0
        while count < (wanted or 0) and (group := next(groups, None)):
            count += len(group)
            yield from ((plan.items[position].identity, stage) for position in group)
