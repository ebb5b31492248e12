"""Read doubt from what the ledger holds of an item's keys: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from zbatch.engine.judge import unknown_records
from zbatch.engine.kinds import doubtful
from zbatch.engine.order import Work
from zbatch.model import Item, ItemRecord, KeyState, OpenCall, Standing


def state_of(item: Item, call: OpenCall) -> KeyState:
    """Tell the state of an item's key within its unsettled call."""
    position = [member.identity for member in call.call.items].index(item.identity)
    return call.states[position]


def is_open(item: Item, call: OpenCall) -> bool:
    """Tell whether an item is in doubt: its key is burnt, or may have been executed unseen."""
    return state_of(item, call) is KeyState.BURNT or doubtful(call.attempts)


def work_of(standing: Standing, ordinal: int) -> Work:
    """Give the work that sends a standing item's open call again, byte for byte."""
    if standing.call is None:
        raise ValueError("the item has no open call")
    attempts = standing.call.attempts
    sent = [attempt for attempt in attempts if attempt.sent]
    return Work(
        ordinal,
        standing.call.call.items,
        standing.call.call.generation,
        call=standing.call.call,
        attempts=attempts,
        trails=standing.call.trails,
        prior_attempts=standing.attempts - len(sent),
        first_sent=sent[0].started_at if sent else None,
        settle=standing.call.settle,
    )


def in_doubt(standing: Standing) -> ItemRecord | None:
    """Report a standing item that is in doubt as unknown, any other as None."""
    if standing.record or standing.call is None or not is_open(standing.item, standing.call):
        return None
    records = unknown_records(work_of(standing, 0))
    mine = next(one for one in records if one.item.identity == standing.item.identity)
    return replace(mine, item=standing.item)


def doubts(standings: Iterable[Standing]) -> Iterator[ItemRecord]:
    """Report those of several items that are in doubt."""
    return (record for standing in standings if (record := in_doubt(standing)))
