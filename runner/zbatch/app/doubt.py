"""Read doubt from what the ledger holds of an item's keys: pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from zbatch.engine.age import Clocks
from zbatch.engine.conclusion import needs_conclusion, rest_until
from zbatch.engine.judge import unknown_records
from zbatch.engine.kinds import doubtful
from zbatch.engine.order import Work
from zbatch.engine.steps import Facts, Rest, left_in_doubt
from zbatch.model import Attempt, Item, ItemRecord, KeyState, OpenCall, Standing

DoubtOf = Callable[[Standing], ItemRecord | None]  # reports what is in doubt, any other as None


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


class Remaining:
    """Reports what is in doubt once nothing more is asked, and from when it can be settled.

    `settles_at` is when the last of what can only be settled by question has rested, None where
    nothing has to rest. The `facts` are those of the command that is to settle it.
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.settles_at: datetime | None = None

    def record(self, standing: Standing) -> ItemRecord | None:
        """Report a standing item that is in doubt, any other as None."""
        record = in_doubt(standing)
        if record is None or record.error is None or standing.call is None:
            return record
        work = _left_of(standing, standing.call)
        facts = replace(self._facts, clocks=_clocks(work.attempts, self._facts.now))
        until = rest_until(work, facts) if needs_conclusion(work, facts) else facts.now
        if until <= facts.now:
            return record
        self.settles_at = max(self.settles_at or until, until)
        return replace(
            left_in_doubt(work, work.items[0], Rest(until, record.error)), item=record.item
        )


def _left_of(standing: Standing, call: OpenCall) -> Work:
    """Give the work that settles a standing item alone, burnt where its call never leaves again."""
    work = work_of(standing, 0)
    position = [item.identity for item in work.items].index(standing.item.identity)
    burnt = call.states[position] is KeyState.BURNT or KeyState.SETTLED in call.states
    items, trails = work.items[position : position + 1], work.trails[position : position + 1]
    return replace(work, items=items, trails=trails, burnt=burnt)


def _clocks(attempts: Sequence[Attempt], now: datetime) -> Clocks:
    """Read the server's clock from the last answer that told it."""
    for attempt in reversed(attempts):
        if attempt.server_date and attempt.finished_at:
            return Clocks(now, server=attempt.server_date + (now - attempt.finished_at))
    return Clocks(now)


def doubts(standings: Iterable[Standing], doubt_of: DoubtOf = in_doubt) -> Iterator[ItemRecord]:
    """Report those of several items that are in doubt."""
    return (record for standing in standings if (record := doubt_of(standing)))
