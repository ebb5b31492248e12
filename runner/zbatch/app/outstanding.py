"""What is left of a plan once the ledger has been asked: pure, and the same for every run."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from zbatch.app.altered import as_asked_now, refuse_altered
from zbatch.app.doubt import is_open, state_of, work_of
from zbatch.app.held_back import barred, blocked, not_retried, waits_elsewhere
from zbatch.app.out_of_turn import is_clean_group, out_of_turn
from zbatch.engine.kinds import word_in_doubt
from zbatch.engine.order import Work
from zbatch.errors import Refused
from zbatch.model import (
    Earlier,
    Identity,
    Item,
    ItemRecord,
    KeyState,
    OpenCall,
    Outcome,
    Plan,
    Problem,
    Standing,
    Trail,
)

_MOST_NAMED = 5
ASKED_AGAIN = frozenset({Outcome.ALREADY_INVOICED, Outcome.NOTHING_TO_BILL})


@dataclass(frozen=True, slots=True)
class Wish:
    """Which outcomes a person asks to try again, in the next generation of their keys."""

    retry_failed: bool = False
    retry_nothing: bool = False


@dataclass(frozen=True, slots=True)
class Outstanding:
    """The works to do, and for all other items what they have come to before this run.

    `elsewhere` counts the open items that wait for what no failure of this plan tells.
    """

    works: tuple[Work, ...]
    records: tuple[ItemRecord, ...]
    elsewhere: int = 0


def outstanding(plan: Plan, standings: Sequence[Standing], wish: Wish) -> Outstanding:
    """Sort the planned items into works to do and outcomes that stand.

    Raises `Refused` where the plan asks for another payload than was sent, since the same account
    and target date under another invoice date would be a second invoice, for a revision whose
    lower one is not settled in this ledger, and for accounts whose ID is not known.
    """
    refuse_unresolved(plan)
    refuse_altered(standings)
    refuse_revisions(standings)
    standings = as_asked_now(standings)
    fresh = {s.item.identity: s for s in standings if s.call is None and _is_fresh(s, wish)}
    working = fresh.keys() | {s.item.identity for s in standings if s.call is not None}
    barriers = {
        standing.item.identity: barrier
        for standing in standings
        if (barrier := _barrier(standing, working)) is not None
    }
    asked = {s.item.identity for s in standings if _is_asked_again(s)}
    waiting = out_of_turn(standings, working | asked, barriers.keys())
    works = [
        work
        for work in open_works(standings, waiting)
        if not (work.may_wait and work.items[0].identity in barriers)
    ]
    sendable = {i: s for i, s in fresh.items() if i not in barriers}
    works += _new_works(plan.groups, standings, sendable)
    works += _held_works(standings, fresh, barriers)
    records = tuple(_standing_records(standings, fresh, barriers))
    return Outstanding(tuple(works), records, _waiting_elsewhere(standings, fresh, barriers))


def _is_fresh(standing: Standing, wish: Wish) -> bool:
    """Tell whether an item is sent under a new key."""
    record = standing.record
    if record is None:
        return True
    if record.outcome is Outcome.FAILED:
        wanted = wish.retry_failed or standing.payload_changed
        return wanted and standing.later_invoiced is None
    if record.outcome is Outcome.NOTHING_TO_BILL:
        return wish.retry_nothing or standing.payload_changed
    return False


def refuse_unresolved(plan: Plan) -> None:
    """Raise `Refused` for accounts whose ID is not known."""
    if not plan.resolved:
        unknown = [one.named for one in plan.unresolved]
        unknown += [one.named for one in plan.unresolved_exclusions]
        names = ", ".join(unknown[:_MOST_NAMED])
        raise Refused(f"it is not known which accounts these numbers mean: {names}")


def refuse_revisions(standings: Iterable[Standing]) -> None:
    """Raise `Refused` for a revision whose lower one is not settled in this ledger.

    The lower one may have been opened again since: what was sent by then is in doubt or invoiced.
    """
    for standing in standings:
        identity, source = standing.item.identity, standing.item.source
        if identity.revision > 1 and standing.lower is None and not _was_sent(standing):
            raise Refused(
                f"{source.file}:{source.line}:{source.column} {identity}: revision"
                f" {identity.revision - 1} is not settled in this ledger, so nothing shows that"
                " billing again is meant; run or reconcile that one first"
            )


def _was_sent(standing: Standing) -> bool:
    if standing.call:
        return is_open(standing.item, standing.call)
    return standing.record is not None and standing.record.outcome is Outcome.INVOICED


def _barrier(standing: Standing, working: set[Identity] | frozenset[Identity]) -> Item | None:
    """Find what of the account holds the item back and is not worked on now."""
    if standing.record and standing.record.outcome is Outcome.INVOICED:
        return None
    return waits_for(standing, working)


def waits_for(standing: Standing, working: Container[Identity]) -> Item | None:
    """Name the first date or revision that holds an item back and that nobody works on.

    Of a failed date that counts which is of the item's own revision, as all of the account in a
    plan: it is sent before the item, and once it is invoiced the lower one holds back nothing.
    """
    holding = [earlier for earlier in standing.earlier if _holds_back(earlier)]
    known = {earlier.item.identity for earlier in holding}
    for earlier in holding:
        identity = earlier.item.identity
        mine = replace(identity, revision=standing.item.identity.revision)
        raised = earlier.outcome is Outcome.FAILED and mine > identity
        if identity not in working and not (raised and (mine in working or mine in known)):
            return earlier.item
    return None


def is_worked_on(standing: Standing, wish: Wish) -> bool:
    """Tell whether a run sends or settles an item, unless another one holds it back."""
    return standing.call is not None or _is_fresh(standing, wish)


def _holds_back(earlier: Earlier) -> bool:
    if earlier.outcome is not None:
        return True
    return earlier.call is not None and is_open(earlier.item, earlier.call)


def open_works(
    standings: Sequence[Standing],
    waiting: frozenset[Identity] = frozenset(),
    *,
    asking: bool = False,
) -> Iterator[Work]:
    """Make one work of each live call, however many items it carries, and one of what is left.

    What is left of a call that is settled in part is never sent again, nor is a call of which not
    every item is among these: it would bill what nobody asks for. Nor is one that was never
    executed and has an item among the `waiting`: it would bill that one out of turn. Each item of
    such a call goes on alone, by question where it is in doubt; the items that are not among these
    stay as they are. With `asking` no key is given up that a spec which lists all of its items may
    send again.
    """
    seen: set[str] = set()
    planned = {standing.item.identity: standing.item for standing in standings}
    for ordinal, standing in enumerate(standings):
        if standing.call is None:
            continue
        work = work_of(standing, ordinal)
        position = [item.identity for item in work.items].index(standing.item.identity)
        apart = _why_apart(standing.call, work.trails[position], planned, waiting)
        whole = set(standing.call.states) == {KeyState.LIVE}
        if apart or state_of(standing.item, standing.call) is KeyState.BURNT:
            trails = (work.trails[position],)
            burnt = is_open(standing.item, standing.call) and not (asking and whole)
            yield replace(work, items=(standing.item,), trails=trails, burnt=burnt, apart=apart)
        elif standing.call.call.key not in seen:
            seen.add(standing.call.call.key)
            work.items = tuple(planned[item.identity] for item in work.items)
            yield work


def _why_apart(
    call: OpenCall, trail: Trail, planned: Mapping[Identity, Item], waiting: frozenset[Identity]
) -> Problem | None:
    """Say why a call is not sent again, or None where all of it may be."""
    early = any(item.identity in waiting for item in call.call.items) and is_clean_group(call)
    if early or KeyState.SETTLED in call.states:
        return word_in_doubt(call.attempts, trail)
    others = [item.identity for item in call.call.items if item.identity not in planned]
    if not others:
        return None
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    message = (
        f"it was sent in one call with {others[0]}{more}, which this spec does not list, so that"
        " the call is not sent again"
    )
    return Problem("CALL_NOT_LISTED", message)


def _new_works(
    groups: Iterable[tuple[int, ...]],
    standings: Sequence[Standing],
    fresh: Mapping[Identity, Standing],
) -> Iterator[Work]:
    """Make works of what gets a new key: whole groups, or alone what is left of a group.

    The standings are those of the plan's items, in their order.
    """
    for group in groups:
        items = tuple(standings[position].item for position in group)
        left = [fresh[item.identity] for item in items if item.identity in fresh]
        again = any(standing.generation or standing.trail.rests_until for standing in left)
        if len(left) == len(items) and not again:
            yield Work(group[0], items, 0, trails=tuple(standing.trail for standing in left))
            continue
        for standing in left:
            yield Work(
                group[0],
                (standing.item,),
                standing.generation,
                trails=(standing.trail,),
                prior_attempts=standing.attempts,
                # What is alone in its call is asked about all the same, and rests by the answer.
                rests_until=standing.trail.rests_until if len(items) > 1 else None,
            )


def _held_works(
    standings: Sequence[Standing],
    fresh: Container[Identity],
    barriers: Mapping[Identity, Item],
) -> Iterator[Work]:
    """Make works that only ask again about outcomes which the tenant's users may change.

    So it is with what would be sent again, and waits.
    """
    for ordinal, standing in enumerate(standings):
        identity, held = standing.item.identity, standing.record
        wanted, barrier = identity in fresh, barriers.get(identity)
        if held and _is_asked_again(standing) and (barrier or not wanted):
            yield Work(
                ordinal,
                (standing.item,),
                standing.generation,
                trails=(standing.trail,),
                held=barred(held, barrier) if wanted and barrier else held,
                behind=barrier,
                wanted=wanted,
                prior_attempts=standing.attempts,
            )


def _is_asked_again(standing: Standing) -> bool:
    record = standing.record
    return record is not None and record.outcome in ASKED_AGAIN and standing.call is None


def _standing_records(
    standings: Sequence[Standing],
    fresh: dict[Identity, Standing],
    barriers: dict[Identity, Item],
) -> Iterator[ItemRecord]:
    for standing in standings:
        identity = standing.item.identity
        if _is_asked_again(standing):
            continue
        if identity in fresh:
            if identity in barriers:
                yield blocked(standing.item, barriers[identity])
        elif standing.call and identity in barriers and not is_open(standing.item, standing.call):
            yield blocked(standing.item, barriers[identity])
        elif standing.record:
            yield _why_not_retried(standing, standing.record)


def _waiting_elsewhere(
    standings: Sequence[Standing],
    fresh: Container[Identity],
    barriers: Mapping[Identity, Item],
) -> int:
    """Count the items that wait for what no failure of the plan tells.

    They have no outcome, or have failed and would be tried again.
    """
    if not barriers:
        return 0
    planned = {standing.item.identity for standing in standings}
    return sum(
        waits_elsewhere(one.item, barriers[one.item.identity], planned)
        for one in standings
        if one.item.identity in barriers and _waits(one, fresh)
    )


def _waits(standing: Standing, fresh: Container[Identity]) -> bool:
    if standing.record is None:
        return not _is_in_doubt(standing)
    return standing.record.outcome is Outcome.FAILED and standing.item.identity in fresh


def _is_in_doubt(standing: Standing) -> bool:
    return standing.call is not None and is_open(standing.item, standing.call)


def _why_not_retried(standing: Standing, record: ItemRecord) -> ItemRecord:
    """Say why a failed item is never retried once a later date has billed its charges."""
    if record.outcome is not Outcome.FAILED or standing.later_invoiced is None:
        return record
    later = standing.later_invoiced
    which = f"the account's later target date {later.isoformat()}"
    why = f"{which} is invoiced and has billed what was due"
    if later == standing.item.identity.target_date:
        why = "a higher revision of this item is invoiced"
    return not_retried(record, why)
