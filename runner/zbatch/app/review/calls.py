"""How many calls a run makes of a plan, and of what is left of one: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import ceil

from zbatch.model import KeyState, OpenCall, Plan

NOTHING, NEW, AGAIN = range(3)  # what is left of an item: a first key, or one after others


def calls_of(each: Iterable[int], objects: int) -> int:
    """Tell how many calls accounts of so many items each take: no account is twice in a call."""
    having = Counter(each)
    return sum(
        ceil(sum(accounts for items, accounts in having.items() if items > wave) / objects)
        for wave in range(max(having, default=0))
    )


def calls_left(plan: Plan, left: Sequence[int]) -> int:
    """Tell how many calls get a new key, by what is `left` of each item.

    A call goes as it was planned where all of it is new; of any other each item goes alone.
    """
    if plan.spec.limits.objects_per_call == 1:
        return sum(map(bool, left))
    states = ([left[position] for position in group] for group in plan.groups)
    return sum(1 if set(group) == {NEW} else sum(map(bool, group)) for group in states)


def ready_calls(of_items: Iterable[Sequence[OpenCall]]) -> int:
    """Tell how many calls go of those that are ready, each told once by every item to be sent.

    Such a call goes as it is where all of it is to be sent under its key; else each item alone.
    """
    return sum(1 if _is_whole(calls) else len(calls) for calls in of_items)


def _is_whole(calls: Sequence[OpenCall]) -> bool:
    ready = calls[0]
    return len(calls) == len(ready.call.items) and set(ready.states) == {KeyState.LIVE}
