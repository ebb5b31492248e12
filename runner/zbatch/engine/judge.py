"""From an answer to what the ledger must hold and the engine does next: pure, one step a call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from zbatch.engine.age import CLOCK_SLACK
from zbatch.engine.backoff import conflicts_exhausted
from zbatch.engine.decision import Again, Decision, Pause, Settle, Verdict
from zbatch.engine.kinds import Kind, doubtful, kind_of, problem_of, word_in_doubt
from zbatch.engine.order import Work
from zbatch.engine.verdict import Context, decide
from zbatch.model import (
    Attempt,
    Effect,
    IfAbsent,
    Item,
    ItemRecord,
    KeyState,
    Outcome,
    Problem,
    Result,
    Trail,
)
from zbatch.zuora.codes import CAUTION
from zbatch.zuora.limits import date_of
from zbatch.zuora.reply import Answer, Rows, Throttled
from zbatch.zuora.wire import Fault, Reply

_FREE = frozenset(set(Pause) - {Pause.BACKOFF})


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one answer comes to.

    `given_up` tells that this run sends the call no more though its key stays in doubt, `alone`
    that the call is refused while others get through.
    """

    result: Result
    decision: Decision
    problem: Problem
    given_up: bool = False
    alone: bool = False

    @property
    def refused(self) -> bool:
        """Whether the answer names a limit of the tenant's, also if it is one that was kept."""
        if isinstance(self.decision, Settle):
            return self.decision.exceeded
        return self.gates

    @property
    def free(self) -> bool:
        """Whether the attempt does not count against `max_attempts`."""
        if isinstance(self.decision, Settle):
            return self.decision.exceeded and not self.alone
        return isinstance(self.decision, Again) and self.decision.pause in _FREE

    @property
    def gates(self) -> bool:
        """Whether the tenant asks the whole run to slow down."""
        if isinstance(self.decision, Settle):
            return self.decision.gates
        return isinstance(self.decision, Again) and self.decision.pause is Pause.GATE

    @property
    def verdict(self) -> str:
        """What it comes to in a word or two, for whoever follows single calls."""
        decision = self.decision
        if self.given_up:
            return "given up"
        if isinstance(decision, Again):
            return f"again after {decision.pause.value}"
        if isinstance(decision, Settle):
            words = dict.fromkeys(map(_word, decision.verdicts))
            return ", ".join(words)
        return f"stopped by {decision.reason.value}"


def _word(verdict: Verdict) -> str:
    return verdict.outcome or ("renewed" if verdict.renews else "burnt")


def answered(
    attempt: Attempt, exchange: Reply | Fault, answer: Answer | Fault, now: datetime
) -> Attempt:
    """Complete an attempt with what came of it."""
    started_at = exchange.sent_at or attempt.started_at
    kind = kind_of(answer).value
    problem = _worst(answer) if isinstance(answer, Rows) else problem_of(answer)
    if isinstance(exchange, Fault):
        return replace(
            attempt,
            started_at=started_at,
            finished_at=now,
            answer=kind,
            problem=problem,
            sent=exchange.sent,
        )
    return Attempt(
        attempt.number,
        started_at,
        attempt.track_id,
        answer=kind,
        sent=attempt.sent,
        finished_at=now,
        server_date=_server_date(attempt, exchange, answer, now - started_at),
        http_status=exchange.status,
        request_id=exchange.headers.get("zuora-request-id") or None,
        token=exchange.token,
        problem=problem,
    )


def _server_date(
    attempt: Attempt, exchange: Reply, answer: Answer | Fault, took: timedelta
) -> datetime | None:
    """Tell when the server took an attempt in, by its answer where that may be of then.

    One that is dated before its send, or after its answer was there, is of another clock: a key
    would be too old by it, or never rest. Rows may be older, kept under the key, and so may what
    turns it away: a date that comes a second time shows that.
    """
    known, given = attempt.server_date, date_of(exchange.headers)
    if given is None or known is None:
        return given or known
    if given > known + took + CLOCK_SLACK:
        return known
    may_be_kept = isinstance(answer, Rows | Throttled)
    return given if may_be_kept or given >= known - CLOCK_SLACK else known


def unsent(attempt: Attempt, now: datetime) -> Attempt:
    """Close an attempt that was recorded but, as we know ourselves, never left."""
    return replace(attempt, answer=Kind.UNSENT.value, sent=False, finished_at=now)


def judge(
    work: Work, attempt: Attempt, answer: Answer | Fault, context: Context, max_attempts: int
) -> Judgement:
    """Decide on an answered attempt; `work.tries` already counts it."""
    decision = decide(answer, attempt, work.attempts, context, len(work.items))
    spent = work.tries >= max_attempts
    given_up = False
    if isinstance(decision, Settle):
        attempt, decision = _without_old_answers(work, attempt, decision, early=context.early)
        if spent and not (decision.exceeded and not context.alone):
            verdicts = tuple(_without_renewal(verdict) for verdict in decision.verdicts)
            decision = replace(decision, verdicts=verdicts)
    elif isinstance(decision, Again):
        if decision.pause is Pause.CONFLICT:
            given_up = conflicts_exhausted(work.conflicts + 1)
        elif decision.pause not in _FREE and spent:
            given_up = doubtful((*work.attempts, attempt))
            decision = decision if given_up else _failed(work, decision.problem)
    result = _result(work, attempt, decision)
    return Judgement(result, decision, problem_of(answer), given_up, context.alone)


def not_sent(work: Work, attempt: Attempt, now: datetime) -> Judgement:
    """Take back an attempt whose question has become too old before its turn came."""
    problem = Problem("ASKED_TOO_LONG_AGO", "the tenant is asked again before the call is sent")
    decision = Again(Pause.QUESTION, problem)
    return Judgement(still_live(work, unsent(attempt, now)), decision, problem)


def still_live(work: Work, attempt: Attempt) -> Result:
    """Record an attempt that settles nothing."""
    return _result(work, attempt, None)


def unknown_records(work: Work) -> tuple[ItemRecord, ...]:
    """Report items whose key is in doubt or burnt; no outcome of theirs is stored."""
    return tuple(
        record_of(work, item, Outcome.UNKNOWN, problem=word_in_doubt(work.attempts, trail))
        for item, trail in zip(work.items, work.trails, strict=True)
    )


def record_of(
    work: Work,
    item: Item,
    outcome: Outcome,
    ids: tuple[str, ...] = (),
    problem: Problem | None = None,
    *,
    latest: Attempt | None = None,
) -> ItemRecord:
    """Make an item's record of its work's last attempt; `latest` is not in the work yet."""
    last = latest or (work.attempts[-1] if work.attempts else None)
    return ItemRecord(
        item=item,
        outcome=outcome,
        invoice_id=ids[0] if ids else None,
        invoice_ids=ids,
        error=problem,
        http_status=last.http_status if last else None,
        attempts=work.sends + (latest.sent if latest else 0),
        idempotency_key=work.call.key if work.call and last else None,
        track_id=last.track_id if last else None,
        request_id=last.request_id if last else None,
        started_at=work.first_sent or (latest.started_at if latest else None),
        finished_at=last.finished_at if last else None,
    )


def _failed(work: Work, problem: Problem) -> Settle:
    evidence = f"{work.tries} attempts in this run, none of them executed"
    verdict = Verdict(KeyState.SETTLED, evidence, Outcome.FAILED, problem=problem)
    return Settle((verdict,) * len(work.items))


def _without_old_answers(
    work: Work, attempt: Attempt, decision: Settle, *, early: bool
) -> tuple[Attempt, Settle]:
    """Take no invoice that was gone before the send for a new one: the answer is of an old call.

    All of it is, so no other invoice that it names is new either: it may be gone as well, deleted
    before anybody has seen it. And what had nothing to bill on the day of the old call may have it
    by now. So it may where an answer to a clean key is from before its send; not under a key that
    is one in place of another, which nobody can have sent before: there a clock is behind. Nor is
    the next key taken at once: if the question was wrong, the one after a rest is not.
    """
    pairs = list(zip(work.trails, decision.verdicts, strict=True))
    gone = [
        verdict
        for trail, verdict in pairs
        if trail.baseline and verdict.invoice_id in trail.baseline.gone
    ]
    if gone:
        named = gone[0].invoice_id
        said = f"it names invoice {named}, which was canceled or deleted before the send"
        outdated = [verdict for _, verdict in pairs if _may_be_outdated(verdict)]
    else:
        said = "it is dated before the send, unless a clock of the server's is behind"
        outdated = [
            verdict
            for trail, verdict in pairs
            if early and not trail.renewals and _has_nothing(verdict)
        ]
    if not outdated:
        return attempt, decision
    problem = Problem("OLD_ANSWER", f"the server has repeated an old answer: {said}")
    old = Verdict(KeyState.BURNT, "", problem=problem, if_absent=IfAbsent.RENEW)
    verdicts = tuple(
        replace(old, evidence=f"{verdict.evidence}, in an old answer: {said}")
        if verdict in outdated
        else verdict
        for _, verdict in pairs
    )
    return replace(attempt, problem=problem), replace(decision, verdicts=verdicts)


def _may_be_outdated(verdict: Verdict) -> bool:
    """Tell whether an item would be settled as done with by what held on another day."""
    done = verdict.outcome is Outcome.INVOICED or _has_nothing(verdict)
    return done or verdict.if_absent is IfAbsent.NOTHING


def _has_nothing(verdict: Verdict) -> bool:
    """Tell whether a row is told as nothing to bill: under a key in doubt none is."""
    return verdict.outcome is Outcome.NOTHING_TO_BILL


def _without_renewal(verdict: Verdict) -> Verdict:
    """Turn a renewal into the failure it stands on where no attempt is left for it."""
    return replace(verdict, outcome=Outcome.FAILED) if verdict.renews else verdict


def _result(work: Work, attempt: Attempt, decision: Decision | None) -> Result:
    if work.call is None:
        raise ValueError("an attempt belongs to a call that was minted")
    if not isinstance(decision, Settle):
        left = any(one.sent for one in (*work.attempts, attempt))
        before = (None if left else trail.before for trail in work.trails)
        live = tuple(Effect(KeyState.LIVE, "", restored=one) for one in before)
        return Result(work.call, attempt, live)
    effects = [
        Effect(
            verdict.state,
            verdict.evidence + _appended(trail, verdict.invoice_id),
            _settled(work, item, attempt, verdict),
            verdict.if_absent,
            trail.before if verdict.renews else None,
            _own_word(verdict, attempt),
        )
        for item, trail, verdict in zip(work.items, work.trails, decision.verdicts, strict=True)
    ]
    return Result(work.call, attempt, tuple(effects))


def _own_word(verdict: Verdict, attempt: Attempt) -> Problem | None:
    """Give what a burnt key's row said of its item, where the attempt holds another row's word."""
    other = verdict.state is KeyState.BURNT and verdict.problem != attempt.problem
    return verdict.problem if other else None


def _appended(trail: Trail, invoice_id: str | None) -> str:
    """Say that an invoice was there before: the charges were appended to a draft."""
    before = trail.baseline
    known = before and (
        invoice_id in before.invoice_ids or invoice_id in [draft.id for draft in before.drafts]
    )
    return ", appended to a draft that was there" if known else ""


def _settled(work: Work, item: Item, attempt: Attempt, verdict: Verdict) -> ItemRecord | None:
    """Make the record of an item that its row, or the whole answer, has settled."""
    if verdict.outcome is None:
        return None
    ids = (verdict.invoice_id,) if verdict.invoice_id else ()
    return record_of(work, item, verdict.outcome, ids, verdict.problem, latest=attempt)


def _worst(answer: Rows) -> Problem | None:
    """Give the problem of the row that leaves most in doubt, for items that stay unknown."""
    failed = [row for row in answer.rows if row.problem]
    return max(failed, key=lambda row: CAUTION.index(row.row_class)).problem if failed else None
