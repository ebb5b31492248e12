"""What a question's answer means for a call that wants to be sent, or for a key in doubt: pure.

Before a send: nothing beyond the baseline lets it go, an invoice that counts holds it. For a key
in doubt: once it has rested, the conclusion settles each of its items. Rules R6 and R9.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from zbatch.engine.age import Clocks, expired
from zbatch.engine.judge import sends_of
from zbatch.engine.order import Work
from zbatch.engine.question import (
    Absent,
    Claimed,
    Doubt,
    Foreign,
    Generating,
    Look,
    Nothing,
    Odd,
    Seen,
    There,
    Undecided,
    conclude,
    exists,
    look,
    rested,
)
from zbatch.engine.settings import Accepted
from zbatch.engine.verdict import Kind, doubtful
from zbatch.model import (
    Attempt,
    Baseline,
    Effect,
    Finding,
    Identity,
    IfAbsent,
    Item,
    ItemRecord,
    KeyState,
    Outcome,
    Problem,
    Trail,
)

_AT_THE_DOOR = frozenset({Kind.THROTTLED, Kind.UNAUTHORIZED})
RECHECK_GENERATING = timedelta(seconds=30)
OTHER_HOST = Problem(
    "OTHER_HOST",
    "another item of its call is invoiced already: somebody else may be sending the same call",
)


@dataclass(frozen=True, slots=True)
class Cleared:
    """The call may leave; `baselines` are those of items that had none, by position."""

    baselines: tuple[Baseline | None, ...]


@dataclass(frozen=True, slots=True)
class Rest:
    """Ask again, not before `until`; `problem` is what to report if the run does not wait.

    `soon` tells that it is a matter of seconds, which every run waits for.
    """

    until: datetime
    problem: Problem
    soon: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """The item has an outcome, to be recorded as evidence of the question."""

    record: ItemRecord
    evidence: str


@dataclass(frozen=True, slots=True)
class Renewed:
    """The key created nothing and is settled; the item goes on in the next generation."""

    evidence: str
    if_absent: IfAbsent


@dataclass(frozen=True, slots=True)
class Burnt:
    """Nothing is sent under this key any more: from now on only questions settle it."""

    evidence: str


@dataclass(frozen=True, slots=True)
class Left:
    """Nothing can be said in this run."""

    record: ItemRecord


@dataclass(frozen=True, slots=True)
class Kept:
    """The outcome of an earlier run still stands."""

    record: ItemRecord


@dataclass(frozen=True, slots=True)
class Reopened:
    """The invoice that made the item already invoiced is gone: it may be sent."""

    baseline: Baseline


Step = Rest | Settled | Renewed | Burnt | Left | Kept | Reopened


@dataclass(frozen=True, slots=True)
class Facts:
    """What the clocks say when the answer is in, and what spec and people have decided."""

    clocks: Clocks
    settle: timedelta
    read_only: bool = False
    accepted: Mapping[Identity, Accepted] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        """The wall time."""
        return self.clocks.now


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
    settle = max(facts.settle, timedelta(seconds=work.settle))
    return max(_waits(work.attempts, settle, facts))


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


def before_sending(work: Work, seen: Sequence[Seen], facts: Facts) -> Cleared | tuple[Step, ...]:
    """Decide whether a call may leave; otherwise give a step for each item."""
    looks = [look(one, trail) for one, trail in zip(seen, work.trails, strict=True)]
    if all(isinstance(there, Nothing) for there in looks):
        # Anew as long as nothing of the key can have been executed: what is there is not of it.
        clean = not doubtful(work.attempts)
        return Cleared(tuple(one.baseline if clean else None for one in seen))
    if doubtful(work.attempts):
        return tuple(_doubt_step(work, item, looks) for item in work.items)
    return tuple(
        _hold(work, item, there, facts) for item, there in zip(work.items, looks, strict=True)
    )


def recheck(work: Work, held: ItemRecord, seen: Seen) -> Step:
    """Ask again about an outcome that the tenant's own users may have changed since."""
    item, trail = work.items[0], work.trails[0]
    # Items may share a draft: what another one is credited with is still there for this one.
    there = look(seen, replace(trail, credited=trail.credited - {held.invoice_id}))
    if isinstance(there, Odd):
        return Left(_record(work, item, Outcome.UNKNOWN, problem=there.problem))
    if isinstance(there, There):
        if held.invoice_id in there.ids:
            return Kept(held)
        problem = Problem("ALREADY_THERE", f"{len(there.ids)} invoice(s) are there by now")
        record = _record(work, item, Outcome.ALREADY_INVOICED, there.ids, problem)
        return Settled(record, "an invoice is there that zbatch did not make")
    if isinstance(there, Nothing) and held.outcome is Outcome.ALREADY_INVOICED:
        return Reopened(seen.baseline)
    return Kept(held)


def _doubt_step(work: Work, item: Item, looks: Sequence[Look]) -> Step:
    """Hold a doubtful key for which something is there; a group shares one fate."""
    odd = next((there for there in looks if isinstance(there, Odd)), None)
    if odd:
        return Left(_record(work, item, Outcome.UNKNOWN, problem=odd.problem))
    return Burnt("in doubt, and an invoice is there that was not there before")


def _hold(work: Work, item: Item, there: Look, facts: Facts) -> Step:
    if isinstance(there, There):
        problem = Problem("ALREADY_THERE", f"{len(there.ids)} invoice(s) were there before a send")
        record = _record(work, item, Outcome.ALREADY_INVOICED, there.ids, problem)
        return Settled(record, "an invoice is there that zbatch did not make")
    if isinstance(there, Odd):
        return Left(_record(work, item, Outcome.UNKNOWN, problem=there.problem))
    if isinstance(there, Generating):
        problem = Problem("GENERATING", f"invoice {there.ids[0]} is still being generated")
        return Rest(facts.now + RECHECK_GENERATING, problem, soon=True)
    settle = max(facts.settle, timedelta(seconds=work.settle))
    return Rest(facts.now + settle, OTHER_HOST)


def after_rest(work: Work, seen: Sequence[Seen], facts: Facts) -> tuple[Step, ...]:
    """Conclude on each item of a key that has rested."""
    until = rest_until(work, facts)
    if until > facts.now:  # only the answer has told how old the key is
        problem = work.attempts[-1].problem or Problem("IN_DOUBT", "what came of it is not known")
        return tuple(Rest(until, problem) for _ in work.items)
    conflict = _still_at_work(work.attempts) and not expired(work.attempts, facts.clocks)
    return tuple(
        _conclusion(work, item, one, Doubt(work.attempts, trail, facts.settle, conflict), facts)
        for item, one, trail in zip(work.items, seen, work.trails, strict=True)
    )


def _still_at_work(attempts: Sequence[Attempt]) -> bool:
    """Tell whether the server's last word on the key itself was that it is at work.

    What a gateway says, and what never left, is no word on the key.
    """
    words = [a.answer for a in attempts if a.sent and a.answer not in _AT_THE_DOOR]
    return bool(words) and words[-1] == Kind.CONFLICT


def _conclusion(work: Work, item: Item, seen: Seen, doubt: Doubt, facts: Facts) -> Step:
    if item.identity in facts.accepted:
        return _decided(work, item, seen, facts.accepted[item.identity], doubt.trail)
    conclusion = conclude(seen, doubt)
    when = f"question of {seen.asked_at:%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(conclusion, Claimed):
        record = _record(work, item, Outcome.INVOICED, (conclusion.invoice_id,))
        return Settled(record, f"{when}: one invoice, made in the time of our sends")
    if isinstance(conclusion, Foreign):
        problem = Problem("AUTHOR_NOT_PROVED", "one invoice is there; who made it is not proved")
        ids = (conclusion.invoice_id,)
        record = _record(work, item, Outcome.ALREADY_INVOICED, ids, problem)
        return Settled(record, f"{when}: one invoice, author not proved")
    if isinstance(conclusion, Undecided):
        return Left(_record(work, item, Outcome.UNKNOWN, problem=conclusion.problem))
    if not work.burnt and not expired(work.attempts, facts.clocks):
        # The key still protects: sending it again is what settles it, and safer than a new one.
        message = f"{when}: nothing is there; zbatch run sends it again under the same key"
        problem = Problem("IN_DOUBT", message)
        return Left(_record(work, item, Outcome.UNKNOWN, problem=problem))
    return _absent(work, item, conclusion, when)


def _decided(work: Work, item: Item, seen: Seen, accepted: Accepted, trail: Trail) -> Step:
    """Take a person's decision, if the tenant shows the invoice and it can be this item's.

    An invoice credited to another item can be so only as a draft that was there to append to.
    """
    chosen = accepted.invoice_id
    shown = {invoice.id for invoice in seen.invoices if exists(invoice)}
    shown |= {draft.id for draft in seen.drafts}
    drafts = trail.baseline.drafts if trail.baseline else ()
    if chosen in trail.credited - {draft.id for draft in drafts}:
        problem = Problem("CREDITED", f"invoice {chosen} is credited to another item")
        return Left(_record(work, item, Outcome.UNKNOWN, problem=problem))
    if chosen not in shown:
        problem = Problem("NOT_SHOWN", f"the tenant shows no valid invoice {chosen} for this item")
        return Left(_record(work, item, Outcome.UNKNOWN, problem=problem))
    problem = Problem("ACCEPTED", f"decided by a person: {accepted.reason}")
    record = _record(work, item, Outcome.INVOICED, (chosen,), problem)
    return Settled(record, f"accepted by a person: {accepted.reason}")


def _absent(work: Work, item: Item, conclusion: Absent, when: str) -> Step:
    evidence = f"{when}: nothing was created"
    problem = work.attempts[-1].problem or Problem("NO_ANSWER", "no answer was recorded")
    if conclusion.then is IfAbsent.FAIL:
        return Settled(_record(work, item, Outcome.FAILED, problem=problem), evidence)
    if conclusion.then is IfAbsent.NOTHING:
        record = _record(work, item, Outcome.NOTHING_TO_BILL, problem=problem)
        return Settled(record, evidence)
    return Renewed(evidence, conclusion.then)


def finding(work: Work, item: Item, step: Step) -> Finding | None:
    """Give what the ledger must hold of a step, or None where it changes nothing."""
    key = work.call.key if work.call and work.attempts else None
    if isinstance(step, Settled):
        effect = Effect(KeyState.SETTLED, step.evidence, step.record)
        return Finding(item, key=key, effect=effect)
    if isinstance(step, Rest) and len(work.items) > 1 and not _in_doubt(work):
        evidence = "never executed, and the items of its call go alone from now on"
        given_up = Effect(KeyState.SETTLED, evidence) if key else None
        return Finding(item, key=key, effect=given_up, rests_until=step.until)
    if isinstance(step, Renewed):
        effect = Effect(KeyState.SETTLED, step.evidence, if_absent=step.if_absent)
        return Finding(item, key=key, effect=effect)
    if isinstance(step, Reopened):
        return Finding(item, baseline=step.baseline, reopen=True)
    if isinstance(step, Burnt):
        effect = Effect(KeyState.BURNT, step.evidence, if_absent=IfAbsent.RENEW)
        return Finding(item, key=key, effect=effect)
    return None


def left_in_doubt(work: Work, item: Item, rest: Rest) -> ItemRecord:
    """Report an item that the run does not wait for, and say from when it can be settled."""
    doubt = _in_doubt(work)
    outcome = Outcome.UNKNOWN if doubt else Outcome.NOT_ATTEMPTED
    what = "settle it" if doubt else "ask again"
    said = f"; from {rest.until:%Y-%m-%d %H:%M:%S} UTC zbatch run or zbatch reconcile can {what}"
    problem = replace(rest.problem, message=rest.problem.message + said)
    return _record(work, item, outcome, problem=problem)


def _in_doubt(work: Work) -> bool:
    return work.burnt or doubtful(work.attempts)


def left_renewed(work: Work, item: Item, step: Renewed) -> ItemRecord:
    """Report an item whose key is settled as void by a command that sends nothing."""
    problem = Problem("NOT_CREATED", f"{step.evidence}; zbatch run sends it under the next key")
    return _record(work, item, Outcome.NOT_ATTEMPTED, problem=problem)


def _record(
    work: Work,
    item: Item,
    outcome: Outcome,
    ids: tuple[str, ...] = (),
    problem: Problem | None = None,
) -> ItemRecord:
    last = work.attempts[-1] if work.attempts else None
    return ItemRecord(
        item=item,
        outcome=outcome,
        invoice_id=ids[0] if ids else None,
        invoice_ids=ids,
        error=problem,
        http_status=last.http_status if last else None,
        attempts=work.prior_attempts + sends_of(work.attempts),
        idempotency_key=work.call.key if work.call and last else None,
        track_id=last.track_id if last else None,
        request_id=last.request_id if last else None,
        started_at=work.first_sent,
        finished_at=last.finished_at if last else None,
    )
