"""A plan cut into parts that are worked out one after the other: whole accounts, whole calls."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from zbatch.app.outstanding import Outstanding, Wish, outstanding
from zbatch.engine.order import Work
from zbatch.ledger.store import Store
from zbatch.model import Item, Plan, Standing

AT_LEAST = 500  # items of a part, but for the last one


@dataclass(frozen=True, slots=True)
class Part:
    """The items from `start` to before `stop`, and the calls that a plan makes of them.

    No account and no call is in two parts, so that what is left of one does not depend on another,
    as long as no open call in the ledger binds them together.
    """

    start: int
    stop: int
    groups: range

    def items(self, plan: Plan) -> Sequence[Item]:
        """Make the items."""
        return plan.items[self.start : self.stop]


def cut(plan: Plan, at_least: int = AT_LEAST) -> Iterator[Part]:
    """Cut a plan into parts of so many items.

    Where its calls take the accounts in several rounds, it is one part.
    """
    start = first = held = end = 0
    for number, group in enumerate(plan.groups, 1):
        held += len(group)
        end = max(end, group[-1] + 1)
        whole = end == held and held - start >= at_least
        if whole and (end == len(plan.items) or _differ(plan.items, end)):
            yield Part(start, end, range(first, number))
            start, first = end, number
    if start < len(plan.items):
        yield Part(start, len(plan.items), range(first, len(plan.groups)))


def _differ(items: Sequence[Item], at: int) -> bool:
    """Tell whether another account begins at a position."""
    return items[at - 1].identity.account_id != items[at].identity.account_id


def standings_of(plan: Plan, parts: Sequence[Part], store: Store) -> tuple[Standing, ...]:
    """Read what the ledger holds of the items of some parts."""
    return tuple(store.standing(chain.from_iterable(part.items(plan) for part in parts)))


def left_of(
    plan: Plan, parts: Sequence[Part], standings: Sequence[Standing], wish: Wish
) -> Outstanding:
    """Sort the items of some parts into works to do and outcomes that stand; raises `Refused`.

    The works have the places that they have in the whole plan.
    """
    positions = array("Q", chain.from_iterable(range(part.start, part.stop) for part in parts))
    items = tuple(standing.item for standing in standings)
    small = replace(plan, items=items, groups=tuple(_groups(plan, parts)))
    todo = outstanding(small, standings, wish)
    for work in todo.works:
        work.ordinal = positions[work.ordinal]
    return todo


def new_works(plan: Plan, part: Part) -> Iterator[Work]:
    """Make the works of a part whose accounts the ledger holds nothing of."""
    items = part.items(plan)
    for group in _groups(plan, (part,)):
        yield Work(part.start + group[0], tuple(items[position] for position in group), 0)


def _groups(plan: Plan, parts: Sequence[Part]) -> Iterator[tuple[int, ...]]:
    """Give the calls of some parts by the positions that their items have among them."""
    before = 0
    for part in parts:
        away = part.start - before
        for number in part.groups:
            yield tuple(position - away for position in plan.groups[number])
        before += part.stop - part.start
