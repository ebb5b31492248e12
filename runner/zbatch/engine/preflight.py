"""Decide from what the tenant shows whether a call may leave: pure.

Nothing beyond the baseline lets it go, an invoice that counts holds it. Rule R9a; see
docs/exactly-once.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from zbatch.engine.judge import record_of
from zbatch.engine.kinds import doubtful
from zbatch.engine.order import Work
from zbatch.engine.question import (
    Generating,
    Look,
    Nothing,
    Odd,
    Seen,
    There,
    beyond,
    exists,
    look,
    shown_as_void,
)
from zbatch.engine.steps import (
    Burnt,
    Cleared,
    Facts,
    Kept,
    Left,
    Released,
    Reopened,
    Rest,
    Settled,
    Step,
)
from zbatch.model import (
    Baseline,
    Item,
    ItemRecord,
    Outcome,
    Problem,
    Trail,
)

RECHECK_GENERATING = timedelta(seconds=30)

_ELSEWHERE = "somebody else may be sending the same call"

# What an earlier look has put aside: the ledger knows until when, and not for which item of a call.
OTHER_HOST = Problem(
    "OTHER_HOST",
    "an invoice was there, or was coming, for it or for another item of its call when that was"
    f" asked about last: {_ELSEWHERE}",
)

WAS_COMING = Problem(
    "PERHAPS_GONE",
    "an invoice was there that did not count yet, and the tenant does not show it now",
)


def before_sending(work: Work, seen: Sequence[Seen], facts: Facts) -> Cleared | tuple[Step, ...]:
    """Decide whether a call may leave; otherwise give a step for each item."""
    looks = [look(one, trail) for one, trail in zip(seen, work.trails, strict=True)]
    if set(map(type, looks)) <= {Nothing}:
        if rest := _was_coming(work, seen[0], facts):
            return (rest,)
        if work.apart:
            evidence = "never executed, and its call is not sent again"
            return (Released(evidence, _shown(seen[0], work.trails[0])),)
        # Anew as long as nothing of the key can have been executed: what is there is not of it.
        clean = not doubtful(work.attempts)
        pairs = zip(seen, work.trails, strict=True)
        return Cleared(tuple([_shown(*pair) if clean else _canceled(*pair) for pair in pairs]))
    if doubtful(work.attempts):
        members = zip(work.items, seen, work.trails, strict=True)
        return tuple(_doubt_step(work, *member, looks) for member in members)
    beside = _other_host(looks)
    return tuple(
        _hold(work, item, there, beside, facts)
        for item, there in zip(work.items, looks, strict=True)
    )


def recheck(work: Work, held: ItemRecord, seen: Seen, facts: Facts) -> Step:
    """Ask again about an outcome that the tenant's own users may have changed since.

    An invoice that is not shown may be gone, or the answer is an old copy's: a second look, after
    a rest by our clock and by the server's, must not show it either. Where it is shown as canceled,
    that alone is proof. So it is with one that was shown beside it and did not count yet.
    """
    item, trail = work.items[0], work.trails[0]
    # What a lower revision has come to share with this one is still there for it.
    there = look(seen, replace(trail, of_lower=trail.of_lower - {held.invoice_id}))
    looked_before = trail.rests_until is not None or work.rests_until is not None
    if isinstance(there, Odd):
        unknown = record_of(work, item, Outcome.UNKNOWN, problem=there.problem)
        baseline, kept = _in_mind(work, held, seen, facts)
        return Left(unknown, baseline, shown=looked_before, kept=kept)
    if isinstance(there, Generating):
        baseline, kept = _in_mind(work, held, seen, facts)
        return Kept(held, shown=looked_before, baseline=baseline, kept=kept)
    if isinstance(there, There):
        if held.invoice_id in there.ids:
            return Kept(held, shown=looked_before)
        problem = Problem("ALREADY_THERE", _there_by_now(len(there.ids)))
        record = record_of(work, item, Outcome.ALREADY_INVOICED, there.ids, problem)
        return Settled(record, "an invoice is there that zbatch did not make")
    if held.outcome is Outcome.ALREADY_INVOICED:
        until = facts.look_again(work, trail, seen.asked_at)
        named = _named(held)
        beside = trail.baseline.shown if trail.baseline else ()
        missed = [one for one in (*named, *beside) if not shown_as_void((one,), seen)]
        if until is None or not missed:
            there_still = {invoice.id for invoice in seen.invoices if exists(invoice)}
            gone = (one for one in named if one not in there_still)
            return Reopened(_shown(seen, trail).without(gone))
        problem = Problem("PERHAPS_GONE", f"the tenant does not show invoice {missed[0]} now")
        return Rest(until, problem, missed=True)
    return Kept(held)


def _in_mind(
    work: Work, held: ItemRecord, seen: Seen, facts: Facts
) -> tuple[Baseline | None, datetime | None]:
    """Give what is to be remembered of what is there and does not count yet.

    Beside an invoice, that it was shown: as with that one, two looks must miss it. Where there was
    none, a rest from now on, which a retry keeps to as an item does that was never sent.
    """
    if held.outcome is not Outcome.ALREADY_INVOICED:
        return None, facts.rest_anew(work)
    trail = work.trails[0]
    beside = [one.id for one in beyond(seen, trail) if one.id not in _named(held)]
    baseline = trail.baseline or Baseline(seen.asked_at, (), ())
    return baseline.showing(beside) if beside else None, None


def _named(held: ItemRecord) -> tuple[str, ...]:
    return held.invoice_ids or tuple(filter(None, (held.invoice_id,)))


def _was_coming(work: Work, seen: Seen, facts: Facts) -> Rest | None:
    """Rest where an invoice was being generated before, and is not shown now.

    It has come to nothing, or the answer is an old copy's: only a look after the rest tells. So it
    is with a rest that an earlier run has begun, for whichever reason: there what was shown last,
    or the first look that has missed it, began it.
    """
    trail = work.trails[0]
    if work.rechecks:
        trail = replace(trail, rests_until=None)  # what it rested for before is another thing
    elif trail.rests_until is None or len(work.items) > 1 or doubtful(work.attempts):
        return None
    until = facts.look_again(work, trail, seen.asked_at)
    problem = WAS_COMING if work.rechecks or not work.rests_until else OTHER_HOST
    return Rest(until, problem, missed=True) if until else None


def _shown(seen: Seen, trail: Trail) -> Baseline:
    """Give a new baseline, which remembers what was gone by the one before it."""
    return seen.baseline.without(trail.baseline.gone) if trail.baseline else seen.baseline


def _canceled(seen: Seen, trail: Trail) -> Baseline | None:
    """Give the baseline that a key in doubt keeps, where more of its item is canceled by now."""
    if trail.baseline is None:
        return None
    baseline = trail.baseline.without(seen.baseline.gone)
    return baseline if baseline is not trail.baseline else None


def _doubt_step(work: Work, item: Item, seen: Seen, trail: Trail, looks: Sequence[Look]) -> Step:
    """Hold a doubtful key for which something is there; a group shares one fate."""
    shown = [invoice.id for invoice in beyond(seen, trail)]
    baseline = trail.baseline.showing(shown) if trail.baseline else None
    odd = next((there for there in looks if isinstance(there, Odd)), None)
    if odd:
        return Left(record_of(work, item, Outcome.UNKNOWN, problem=odd.problem), baseline)
    return Burnt("in doubt, and an invoice is there that was not there before", baseline)


def _other_host(looks: Sequence[Look]) -> Problem:
    """Say why the items of a call wait for which nothing is there, as for another one it is."""
    if any(isinstance(there, There) for there in looks):
        why = "another item of its call is invoiced already"
    elif any(isinstance(there, Generating) for there in looks):
        why = "an invoice of another item of its call is still being generated"
    else:
        why = "an invoice of another item of its call has a status that zbatch does not know"
    return Problem("OTHER_HOST", f"{why}: {_ELSEWHERE}")


def _hold(work: Work, item: Item, there: Look, beside: Problem, facts: Facts) -> Step:
    if isinstance(there, There):
        problem = Problem("ALREADY_THERE", _there_before(item, len(there.ids)))
        record = record_of(work, item, Outcome.ALREADY_INVOICED, there.ids, problem)
        return Settled(record, "an invoice is there that zbatch did not make")
    if isinstance(there, Odd):
        unknown = record_of(work, item, Outcome.UNKNOWN, problem=there.problem)
        return Left(unknown, kept=facts.rest_anew(work))
    if isinstance(there, Generating):
        problem = Problem("GENERATING", f"invoice {there.ids[0]} is still being generated")
        soon = facts.now + RECHECK_GENERATING
        return Rest(soon, problem, soon=True, kept=facts.rest_anew(work))
    return Rest(facts.now + facts.settle_of(work), beside)


def _there_by_now(count: int) -> str:
    return "an invoice is there by now" if count == 1 else f"{count} invoices are there by now"


def _there_before(item: Item, count: int) -> str:
    what = "an invoice was there" if count == 1 else f"{count} invoices were there"
    revision = item.identity.revision
    if revision == 1:
        return f"{what} before a send"
    return f"{what} before a send; revision {revision} is sent once none is: canceled or deleted"
