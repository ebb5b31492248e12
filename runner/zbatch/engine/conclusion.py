"""Conclude on keys in doubt from what the tenant shows, once they have rested: pure.

Rules R6 and R9b; see docs/exactly-once.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from zbatch.engine.age import expired, outlived
from zbatch.engine.drafts import remembering
from zbatch.engine.judge import record_of
from zbatch.engine.kinds import Kind, doubtful, last_word, word_in_doubt
from zbatch.engine.order import Work
from zbatch.engine.question import (
    Absent,
    Claimed,
    Doubt,
    Foreign,
    Nothing,
    Odd,
    Seen,
    Undecided,
    beyond,
    conclude,
    exists,
    look,
    rested,
    shown_as_void,
)
from zbatch.engine.settings import Acceptance
from zbatch.engine.steps import (
    Facts,
    Left,
    Renewed,
    Rest,
    Settled,
    Step,
)
from zbatch.model import (
    Attempt,
    Baseline,
    IfAbsent,
    Item,
    ItemRecord,
    Outcome,
    Problem,
    Trail,
)
from zbatch.zuora.codes import AT_THE_DOOR


def needs_conclusion(work: Work, facts: Facts) -> bool:
    """Tell whether a key can only be settled by question: burnt, or in doubt and too old."""
    if work.burnt:
        return True
    if not doubtful(work.attempts):
        return False
    return facts.read_only or expired(work.attempts, facts.clocks)


def rest_until(work: Work, facts: Facts) -> datetime:
    """Tell from when a key in doubt may be concluded upon.

    A row "nothing to bill" under the same key needs no rest: the server has answered for it.
    The rest must be over by our clock and by the server's, whichever is later: a clock of ours
    that jumped ahead, or was behind at the send, would cut it short.
    """
    if all(trail.if_absent is IfAbsent.NOTHING for trail in work.trails):
        return facts.now
    if all(item.identity in facts.accepted for item in work.items):
        return facts.now
    return max(_waits(work.attempts, facts.settle_of(work), facts))


def _waits(attempts: Sequence[Attempt], settle: timedelta, facts: Facts) -> list[datetime]:
    """Give the end of the rest by each clock that can tell; all of them must have passed.

    By ours, unless it reads less than the send's own stamp and the server's can tell: a clock
    that was in the future at the send would have the key rest until that future comes.
    """
    sent = [attempt for attempt in attempts if attempt.sent] or list(attempts)
    by_ours, server = rested(attempts, settle), facts.clocks.server
    told = [attempt.server_date for attempt in sent if attempt.server_date]
    if not told or server is None:
        return [by_ours]
    by_server = facts.now + (max(told) + settle - server)
    known = len(told) == len(sent) and _sent_in_future(sent, facts.now)
    return [by_server] if known else [by_ours, by_server]


def ask_from(work: Work, facts: Facts) -> datetime:
    """Tell from when a key in doubt may be asked about: once it has rested, or at once.

    At once where only the server's clock can tell how long it has rested, and has not been read:
    the answer brings it, and what it tells is concluded upon only if the rest is over.
    """
    sent = [attempt for attempt in work.attempts if attempt.sent]
    told = all(attempt.server_date for attempt in sent)
    if told and facts.clocks.server is None and _sent_in_future(sent, facts.now):
        return facts.now
    return rest_until(work, facts)


def _sent_in_future(attempts: Sequence[Attempt], now: datetime) -> bool:
    return any(attempt.started_at > now for attempt in attempts)


def after_rest(work: Work, seen: Sequence[Seen], facts: Facts) -> tuple[Step, ...]:
    """Conclude on each item of a key that has rested."""
    until = rest_until(work, facts)
    if until > facts.now:  # only the answer has told how old the key is
        return tuple(
            Rest(until, work.apart or word_in_doubt(work.attempts, trail)) for trail in work.trails
        )
    settle = facts.settle_of(work)
    conflict = _still_at_work(work.attempts) and not outlived(work.attempts, facts.clocks)
    doubts = (
        Doubt(work.attempts, trail, settle, conflict and not _answered_for(trail))
        for trail in work.trails
    )
    members = list(zip(work.items, seen, doubts, strict=True))
    steps = [_conclusion(work, *member, facts) for member in members]
    then = _what_a_run_does(work, seen, steps)
    return tuple(
        step or _still_protected(work, item, one, then)
        for step, (item, one, _) in zip(steps, members, strict=True)
    )


def _what_a_run_does(work: Work, seen: Sequence[Seen], steps: Sequence[Step | None]) -> str:
    """Say what a run does with an item whose key still protects, by what is shown of the others.

    A call is sent again whole, and only where nothing is there for any of its items.
    """
    looks = [look(one, trail) for one, trail in zip(seen, work.trails, strict=True)]
    if any(isinstance(there, Odd) for there in looks):
        return "goes on with it once another item of its call can be settled"
    settled = any(isinstance(step, Settled | Renewed) for step in steps)
    shown = not all(isinstance(there, Nothing) for there in looks)
    return "settles it" if work.apart or settled or shown else "sends it again under the same key"


def _still_protected(work: Work, item: Item, seen: Seen, then: str) -> Left:
    """Leave an item whose key still protects: sending that again is safer than a new one."""
    problem = Problem("IN_DOUBT", f"{_asked(seen)}: nothing is there; zbatch run {then}")
    return Left(record_of(work, item, Outcome.UNKNOWN, problem=problem))


def _asked(seen: Seen) -> str:
    return f"question of {seen.asked_at:%Y-%m-%dT%H:%M:%SZ}"


def _still_at_work(attempts: Sequence[Attempt]) -> bool:
    """Tell whether the server's last word on the key itself was that it is at work.

    What a gateway may say, what was lost, and what never left, is no word on the key.
    """
    words = [attempt.answer for attempt in attempts if attempt.sent and _of_the_key(attempt)]
    return bool(words) and words[-1] == Kind.CONFLICT


def _answered_for(trail: Trail) -> bool:
    """Tell whether the item's own row is a word on the key, whatever the row beside it says."""
    return trail.said is not None and trail.said.code not in AT_THE_DOOR


def _of_the_key(attempt: Attempt) -> bool:
    """Tell whether an answer is one that only who has looked the key up can give."""
    if attempt.answer == Kind.ROWS:
        return attempt.problem is None or attempt.problem.code not in AT_THE_DOOR
    return attempt.answer == Kind.CONFLICT


def _conclusion(work: Work, item: Item, seen: Seen, doubt: Doubt, facts: Facts) -> Step | None:
    """Conclude on one item; None where nothing is there and the key still protects."""
    if item.identity in facts.accepted:
        return _decided(work, item, seen, facts.accepted[item.identity], doubt.trail)
    conclusion = conclude(seen, doubt)
    when = _asked(seen)
    if isinstance(conclusion, Claimed):
        record = record_of(work, item, Outcome.INVOICED, (conclusion.invoice_id,))
        return Settled(record, f"{when}: one invoice, made in the time of our sends")
    if isinstance(conclusion, Foreign):
        problem = Problem("AUTHOR_NOT_PROVED", "one invoice is there; who made it is not proved")
        ids = (conclusion.invoice_id,)
        record = record_of(work, item, Outcome.ALREADY_INVOICED, ids, problem)
        return Settled(record, f"{when}: one invoice, author not proved")
    if isinstance(conclusion, Undecided):
        record = record_of(work, item, Outcome.UNKNOWN, problem=conclusion.problem)
        return Left(record, _remembered(seen, doubt.trail, conclusion))
    if rest := _perhaps_gone(work, seen, doubt.trail, facts):
        return rest
    if not work.burnt and not expired(work.attempts, facts.clocks):
        return None
    return _absent(work, item, conclusion, last_word(work.attempts, doubt.trail), when)


def _remembered(seen: Seen, trail: Trail, undecided: Undecided) -> Baseline | None:
    """Give a baseline that remembers what may not be shown any more, if there is any."""
    shown = [invoice.id for invoice in beyond(seen, trail)]
    if trail.baseline is None or not (shown or undecided.meanwhile):
        return None
    return remembering(trail.baseline.showing(shown), undecided.meanwhile)


def _perhaps_gone(work: Work, seen: Seen, trail: Trail, facts: Facts) -> Rest | None:
    """Rest where an earlier question has shown an invoice that this one does not.

    As before a send, two looks must miss it, a rest apart, unless it is shown as canceled.
    """
    shown = trail.baseline.shown if trail.baseline else ()
    until = facts.look_again(work, trail, seen.asked_at)
    if until is None or shown_as_void(shown, seen):
        return None
    problem = Problem("PERHAPS_GONE", f"the tenant does not show invoice {shown[0]} now")
    return Rest(until, problem, missed=True)


def _decided(work: Work, item: Item, seen: Seen, accepted: Acceptance, trail: Trail) -> Step:
    """Take a person's decision, if the tenant shows the invoice and it can be this item's.

    An invoice credited to another item can be so only as a draft that was there to append to.
    """
    shown = {invoice.id for invoice in seen.invoices if exists(invoice)}
    shown |= {draft.id for draft in seen.drafts}
    chosen = _as_shown(accepted.invoice_id, shown)
    drafts = trail.baseline.drafts if trail.baseline else ()
    if chosen in trail.credited - {draft.id for draft in drafts}:
        problem = Problem("CREDITED", f"invoice {chosen} is credited to another item")
        return Left(record_of(work, item, Outcome.UNKNOWN, problem=problem))
    if chosen not in shown:
        problem = Problem("NOT_SHOWN", f"the tenant shows no valid invoice {chosen} for this item")
        return Left(record_of(work, item, Outcome.UNKNOWN, problem=problem))
    problem = Problem("ACCEPTED", f"decided by a person: {accepted.reason}")
    record = record_of(work, item, Outcome.INVOICED, (chosen,), problem)
    return Settled(record, f"accepted by a person: {accepted.reason}")


def decided(record: ItemRecord) -> bool:
    """Tell whether a person has decided which invoice an item is."""
    return record.error is not None and record.error.code == "ACCEPTED"


def _as_shown(typed: str, shown: set[str]) -> str:
    """Give the ID as the tenant writes it: people may have it in capitals from elsewhere."""
    alike = [one for one in shown if one.casefold() == typed.casefold()]
    return alike[0] if len(alike) == 1 else typed


def _absent(work: Work, item: Item, conclusion: Absent, problem: Problem, when: str) -> Step:
    evidence = f"{when}: nothing was created"
    if conclusion.then is IfAbsent.FAIL:
        return Settled(record_of(work, item, Outcome.FAILED, problem=problem), evidence)
    if conclusion.then is IfAbsent.NOTHING:
        record = record_of(work, item, Outcome.NOTHING_TO_BILL, problem=problem)
        return Settled(record, evidence)
    return Renewed(evidence, conclusion.then)
