"""What is left of a plan once the ledger has been asked: pure, and the same for every run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zbatch.engine.judge import unknown_records
from zbatch.engine.order import Work
from zbatch.engine.verdict import doubtful
from zbatch.errors import Refused
from zbatch.model import (
    Identity,
    Item,
    ItemRecord,
    KeyState,
    OpenCall,
    Outcome,
    Plan,
    Problem,
    Standing,
)

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Outstanding:
    """The calls to make, and for all other items what they have come to before this run."""

    works: tuple[Work, ...]
    records: tuple[ItemRecord, ...]


def outstanding(plan: Plan, standings: Sequence[Standing]) -> Outstanding:
    """Sort the planned items into calls to make and outcomes that stand.

    Raises `Refused` where the plan asks for another payload than was sent: the same account and
    target date under another invoice date would be a second invoice.
    """
    _refuse_changed(standings)
    standing_of = {standing.item.identity: standing for standing in standings}
    records = [
        record
        for standing in standings
        if (record := standing.record or _burnt(standing)) is not None
    ]
    held = {record.item.identity for record in records}
    barriers = _barriers(records)
    records += [
        blocked(standing.item, barriers[standing.item.identity.account_id])
        for standing in standings
        if standing.item.identity not in held
        and standing.call is None
        and _behind(standing.item, barriers)
    ]
    held = {record.item.identity for record in records}
    works = list(_open_works(standings, held))
    taken = held | {item.identity for work in works for item in work.items}
    works += _new_works(plan, standing_of, taken)
    return Outstanding(tuple(works), tuple(records))


def blocked(item: Item, by: Item) -> ItemRecord:
    """Report an item that waits for an earlier date of its account."""
    earlier = by.identity.target_date.isoformat()
    message = (
        f"the account's earlier target date {earlier} is failed or unknown, and a later invoice"
        " would bill its charges too: settle that one first"
    )
    return ItemRecord(item, Outcome.NOT_ATTEMPTED, error=Problem("EARLIER_DATE_OPEN", message))


def work_of(standing: Standing, ordinal: int) -> Work:
    """Give the work that sends a standing item's open call again, byte for byte."""
    if standing.call is None:
        raise ValueError("the item has no open call")
    attempts = standing.call.attempts
    return Work(
        ordinal,
        standing.call.call.items,
        standing.call.call.generation,
        call=standing.call.call,
        attempts=attempts,
        prior_attempts=standing.attempts - len(attempts),
        first_sent=attempts[0].started_at if attempts else None,
    )


def in_doubt(standing: Standing) -> ItemRecord | None:
    """Report a standing item whose key is burnt or doubtful as unknown, any other as None."""
    if standing.call is None:
        return None
    state = _state(standing, standing.call)
    if state is not KeyState.BURNT and not doubtful(standing.call.attempts):
        return None
    records = unknown_records(work_of(standing, 0))
    return next(record for record in records if record.item.identity == standing.item.identity)


def _state(standing: Standing, call: OpenCall) -> KeyState:
    position = [item.identity for item in call.call.items].index(standing.item.identity)
    return call.states[position]


def _burnt(standing: Standing) -> ItemRecord | None:
    if standing.call is None or _state(standing, standing.call) is not KeyState.BURNT:
        return None
    return in_doubt(standing)


def _refuse_changed(standings: Iterable[Standing]) -> None:
    changed = [
        standing
        for standing in standings
        if standing.payload_changed
        and (standing.call or (standing.record and standing.record.outcome.success))
    ]
    if not changed:
        return
    named = "; ".join(_changed(standing) for standing in changed[:_MOST_NAMED])
    more = f"; and {len(changed) - _MOST_NAMED} more" if len(changed) > _MOST_NAMED else ""
    raise Refused(
        "the spec changes the invoice date or charges of items that are invoiced or in doubt:"
        f" {named}{more}. Put the old values back, or take the items out"
    )


def _changed(standing: Standing) -> str:
    source = standing.item.source
    state = standing.record.outcome.value if standing.record else "in doubt"
    return f"{standing.item.identity} ({state}; {source.file}:{source.line})"


def _barriers(records: Iterable[ItemRecord]) -> dict[str, Item]:
    """Find for each account its earliest item that is failed or unknown."""
    barriers: dict[str, Item] = {}
    for record in records:
        if record.outcome not in (Outcome.FAILED, Outcome.UNKNOWN):
            continue
        identity = record.item.identity
        known = barriers.get(identity.account_id)
        if known is None or identity < known.identity:
            barriers[identity.account_id] = record.item
    return barriers


def _behind(item: Item, barriers: dict[str, Item]) -> bool:
    barrier = barriers.get(item.identity.account_id)
    return barrier is not None and barrier.identity < item.identity


def _open_works(standings: Sequence[Standing], held: set[Identity]) -> Iterable[Work]:
    """Make one work of each open call, however many planned items it carries."""
    seen: set[str] = set()
    planned = {standing.item.identity: standing.item for standing in standings}
    for ordinal, standing in enumerate(standings):
        if standing.call is None or standing.item.identity in held:
            continue
        if standing.call.call.key in seen:
            continue
        seen.add(standing.call.call.key)
        work = work_of(standing, ordinal)
        work.items = tuple(planned.get(item.identity, item) for item in work.items)
        yield work


def _new_works(
    plan: Plan, standing_of: dict[Identity, Standing], taken: set[Identity]
) -> list[Work]:
    """Make works of what was never sent: whole groups, or alone what is left of a group."""
    works = []
    for group in plan.groups:
        items = tuple(plan.items[position] for position in group)
        fresh = tuple(item for item in items if item.identity not in taken)
        whole = len(fresh) == len(items)
        whole = whole and all(not standing_of[item.identity].generation for item in items)
        if whole:
            works.append(Work(group[0], items, 0))
            continue
        works += [_alone(item, group[0], standing_of[item.identity]) for item in fresh]
    return works


def _alone(item: Item, ordinal: int, standing: Standing) -> Work:
    return Work(ordinal, (item,), standing.generation, prior_attempts=standing.attempts)
