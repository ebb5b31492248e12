"""Which calls of several items, left open by earlier runs, would be sent out of turn: pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence, Set

from zbatch.app.doubt import is_open
from zbatch.engine.kinds import doubtful
from zbatch.model import Identity, KeyState, OpenCall, Standing


def is_clean_group(call: OpenCall) -> bool:
    """Tell whether a call has several items and can have been executed for none of them."""
    clean = KeyState.BURNT not in call.states and not doubtful(call.attempts)
    return clean and len(call.states) > 1


def out_of_turn(
    standings: Sequence[Standing], dealt_with: Set[Identity], barred: Set[Identity]
) -> frozenset[Identity]:
    """Name the items of clean calls of several that must wait for another item of their account.

    That is one that the run deals with before, or one for which they are `barred`. Such calls of
    several specs may name accounts in different orders: waiting as a whole, each of two could wait
    for the other, and accounts would wait for what is none of theirs.
    """
    grouped = [one for one in standings if one.call and is_clean_group(one.call)]
    accounts: dict[str, list[Standing]] = defaultdict(list)
    wanted = {one.item.identity.account_id for one in grouped}
    for standing in standings if wanted else ():
        if (account := standing.item.identity.account_id) in wanted:
            accounts[account].append(standing)
    return frozenset(
        mine
        for one in grouped
        if (mine := one.item.identity) in barred
        or any(_precedes(other, mine, dealt_with) for other in accounts[mine.account_id])
    )


def _precedes(other: Standing, mine: Identity, dealt_with: Set[Identity]) -> bool:
    """Tell whether the run deals with an item of the account before another one."""
    if other.call and is_open(other.item, other.call):
        return True
    return other.item.identity < mine and other.item.identity in dealt_with
