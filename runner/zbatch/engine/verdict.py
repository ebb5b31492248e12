"""What an answer means for a key: the one decision table, as data and pure functions.

The left column of the table is the kind of answer, the other two are the key: clean (nothing
under it can have been executed unseen) or doubtful. A success settles any key; another row, or a
status alone, only a clean one. See docs/exactly-once.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from zbatch.engine.decision import Again, Decision, Halt, Pause, Settle, Verdict
from zbatch.engine.ending import StopReason
from zbatch.engine.kinds import Kind, doubtful, kind_of, problem_of
from zbatch.model import Attempt, IfAbsent, KeyState, Outcome, Problem
from zbatch.zuora.codes import AT_THE_DOOR, LIMIT_CODES, LOGIN_CODES, RowClass
from zbatch.zuora.problems import NO_REASON
from zbatch.zuora.reply import Answer, Rows
from zbatch.zuora.rows import Row
from zbatch.zuora.wire import Fault


@dataclass(frozen=True, slots=True)
class Context:
    """What is known beyond the key: how other keys fare, and which tokens it was refused with.

    Tokens are serials of this run; `good_tokens` are those that some key was let in by. `alone` is
    a key whose call is refused again and again while others get through, `early` an answer that was
    given before its send, by the server's clock.
    """

    others_accepted: bool = False
    others_pending: bool = False
    good_tokens: frozenset[int] = frozenset()
    refused_tokens: frozenset[int] = frozenset()
    alone: bool = False
    early: bool = False


SERVER_ERROR_SENDS = 4  # the first send and three more
UNREADABLE_SENDS = 2
THROTTLED_ALIKE = 3  # on a clean key, while others get through
THROTTLED_DOUBTFUL = 4
DOOR_DOUBTFUL = 4
# For so long the answers alike must have come, where nothing proves that they are one that is kept:
# a tenant that is busy says the same again and again.
STORED_CLEAN = timedelta(minutes=2)
STORED_DOUBTFUL = timedelta(minutes=10)  # while others get through
STORED_UNPROVED = timedelta(hours=1)  # whoever gets through: a run waits no longer for a tenant
KEPT_APART = timedelta(seconds=5)  # answers so far apart have one `Date` only if they are one
_SURE = frozenset({RowClass.RETRY, RowClass.DEFINITE})  # on a clean key
_OF_THE_SEND = LIMIT_CODES | LOGIN_CODES  # also by their numbers, which are of no known class


@dataclass(frozen=True, slots=True)
class _Look:
    """All that a rule may look at: this attempt, those before it under the same key, the rest."""

    attempt: Attempt
    before: Sequence[Attempt]
    context: Context
    items: int
    answer: Answer | Fault

    @property
    def problem(self) -> Problem:
        """Say what was wrong with the answer."""
        return problem_of(self.answer)

    @property
    def alike(self) -> int:
        """Count the answers of this kind under this key, this one included, over all runs."""
        return 1 + sum(past.answer == self.attempt.answer for past in self.before)

    @property
    def replayed(self) -> bool:
        """Whether the server has given this very answer before, by its `Zuora-Request-Id`."""
        mine = self.attempt.request_id
        return mine is not None and any(
            past.request_id == mine and past.answer == self.attempt.answer for past in self.before
        )

    @property
    def kept(self) -> bool:
        """Whether it is proved to be one that was given before: by its id, or by its `Date`."""
        mine = self.attempt
        return self.replayed or any(
            past.answer == mine.answer
            and mine.server_date is not None
            and past.server_date == mine.server_date
            and mine.started_at - past.started_at >= KEPT_APART
            for past in self.before
        )

    def alike_for(self, least: timedelta) -> bool:
        """Tell whether this kind of answer has come under this key for so long."""
        first = min(
            (past.started_at for past in self.before if past.answer == self.attempt.answer),
            default=self.attempt.started_at,
        )
        return self.attempt.started_at - first >= least

    def all_items(self, verdict: Verdict) -> Settle:
        return Settle((verdict,) * self.items)


def decide(
    answer: Answer | Fault,
    attempt: Attempt,
    before: Sequence[Attempt],
    context: Context,
    items: int,
) -> Decision:
    """Decide what becomes of a key and its `items` items.

    `attempt` is the send that was answered, already holding the kind of the answer; `before` are
    the earlier sends under the same key, of every run.
    """
    unsure = doubtful(before)
    look = _Look(attempt, before, context, items, answer)
    if isinstance(answer, Rows):
        return _by_rows(answer, look, unsure)
    return TABLE[kind_of(answer)][unsure](look)


def _by_rows(answer: Rows, look: _Look, unsure: bool) -> Decision:
    if unsure and turned_away(answer):
        return _by_own_rows(_throttled_doubtful(look), answer)
    if unsure and _at_the_door(answer):
        return _by_own_rows(_door_doubtful(look), answer)
    verdicts = tuple([ROW_TABLE[row.row_class][unsure](row) for row in answer.rows])
    throttled = answer.throttled
    return Settle(verdicts, exceeded=throttled, gates=throttled)


def _by_own_rows(decision: Decision, answer: Rows) -> Decision:
    """Have each item told by its own row where a whole answer burns its key."""
    if not isinstance(decision, Settle):
        return decision
    pairs = zip(decision.verdicts, answer.rows, strict=True)
    told = tuple(replace(verdict, problem=_row_problem(row)) for verdict, row in pairs)
    return replace(decision, verdicts=told)


def turned_away(answer: Rows) -> bool:
    """Tell whether all rows name a limit: perhaps said before the key was looked at.

    Such rows are no proof of what an earlier send under the key has done.
    """
    return all(row.problem and row.problem.code in LIMIT_CODES for row in answer.rows)


def _at_the_door(answer: Rows) -> bool:
    """Tell whether no row says anything of its item: the key may not have been looked at."""
    return all(_of_no_item(row) for row in answer.rows)


def _of_no_item(row: Row) -> bool:
    """Tell whether a row is of the tenant, its user or the request, or of whoever holds a lock.

    That may be an earlier send, on a server that executes a key twice at once.
    """
    if row.problem is None:
        return False
    if row.problem.code in AT_THE_DOOR:
        return row.row_class in _SURE or row.problem.code in _OF_THE_SEND
    return row.row_class is RowClass.RETRY


def _invoiced(row: Row) -> Verdict:
    return Verdict(KeyState.SETTLED, "row: success", Outcome.INVOICED, row.invoice_id)


def _nothing(row: Row) -> Verdict:
    evidence = "row: nothing to bill"
    return Verdict(KeyState.SETTLED, evidence, Outcome.NOTHING_TO_BILL, problem=_row_problem(row))


def _failed_row(row: Row) -> Verdict:
    problem = _row_problem(row)
    return Verdict(KeyState.SETTLED, f"row: {problem.code}", Outcome.FAILED, problem=problem)


def _renew_row(row: Row) -> Verdict:
    problem = _row_problem(row)
    return Verdict(KeyState.SETTLED, f"row: {problem.code}, rolled back", problem=problem)


def _burn_row(if_absent: IfAbsent) -> Callable[[Row], Verdict]:
    def rule(row: Row) -> Verdict:
        problem = _row_problem(row)
        evidence = f"row: {problem.code}, effect not known"
        return Verdict(KeyState.BURNT, evidence, problem=problem, if_absent=if_absent)

    return rule


def _row_problem(row: Row) -> Problem:
    return row.problem or NO_REASON


def _again(pause: Pause) -> Callable[[_Look], Decision]:
    return lambda look: Again(pause, look.problem)


def _halt(reason: StopReason) -> Callable[[_Look], Decision]:
    return lambda look: Halt(reason, look.problem)


def _fail(look: _Look) -> Decision:
    evidence = f"answer {look.attempt.http_status} to a clean key"
    return look.all_items(Verdict(KeyState.SETTLED, evidence, Outcome.FAILED, problem=look.problem))


def _burn(look: _Look) -> Settle:
    evidence = f"{look.attempt.answer}, effect not known"
    return look.all_items(
        Verdict(KeyState.BURNT, evidence, problem=look.problem, if_absent=IfAbsent.RENEW)
    )


def _renew(look: _Look) -> Settle:
    evidence = f"{look.attempt.answer}, stored by the server under a clean key"
    return look.all_items(Verdict(KeyState.SETTLED, evidence, problem=look.problem))


def _server_error(look: _Look) -> Decision:
    if look.replayed or look.alike >= SERVER_ERROR_SENDS:
        return _burn(look)
    return Again(Pause.BACKOFF, look.problem)


def _unreadable(look: _Look) -> Decision:
    return _burn(look) if look.alike >= UNREADABLE_SENDS else Again(Pause.BACKOFF, look.problem)


def _throttled_clean(look: _Look) -> Decision:
    """Go on under a next key only where the answer is shown to be kept under this one."""
    if look.kept:
        return replace(_renew(look), exceeded=True)
    lone = look.context.others_accepted or not look.context.others_pending
    if look.alike >= THROTTLED_ALIKE and lone and look.alike_for(STORED_CLEAN):
        return replace(_renew(look), exceeded=True, gates=True)
    return Again(Pause.GATE, look.problem)


def _throttled_doubtful(look: _Look) -> Decision:
    """Leave the key to the question only where the answer is shown to be kept under it."""
    longest = STORED_DOUBTFUL if look.context.others_accepted else STORED_UNPROVED
    if look.alike >= THROTTLED_DOUBTFUL and (look.kept or look.alike_for(longest)):
        return replace(_burn(look), exceeded=True, gates=not look.kept)
    return Again(Pause.GATE, look.problem)


def _door_doubtful(look: _Look) -> Decision:
    """Send the same key again: once it is let in, that settles the doubt."""
    if look.replayed or look.alike >= DOOR_DOUBTFUL:
        return _burn(look)
    return Again(Pause.BACKOFF, look.problem)


def _unauthorized_clean(look: _Look) -> Decision:
    """Refresh once; a fresh token refused twice is the key's own answer if others are let in.

    So is the very same answer again, whoever is let in: the server has kept it under the key.
    """
    if not look.context.refused_tokens:
        return Again(Pause.TOKEN, look.problem)
    if look.replayed:
        return _renew(look)
    if look.attempt.token in look.context.good_tokens:
        again = look.attempt.token in look.context.refused_tokens
        return _renew(look) if again else Again(Pause.TOKEN, look.problem)
    return _unauthorized_unproved(look)


def _unauthorized_doubtful(look: _Look) -> Decision:
    """Refresh once; a replay, or a token that others are let in by, leaves it to the question."""
    if not look.context.refused_tokens:
        return Again(Pause.TOKEN, look.problem)
    if look.replayed or look.attempt.token in look.context.good_tokens:
        return _burn(look)
    return _unauthorized_unproved(look)


def _unauthorized_unproved(look: _Look) -> Decision:
    """Wait for others to show what a fresh token is worth; with none under way, stop the run."""
    if look.context.others_pending and look.attempt.token not in look.context.refused_tokens:
        return Again(Pause.BACKOFF, look.problem)
    return Halt(StopReason.CREDENTIALS, look.problem)


RowRule = Callable[[Row], Verdict]
Rule = Callable[[_Look], Decision]

# For each class of row: the rule for a clean key, the rule for a doubtful one.
ROW_TABLE: Mapping[RowClass, tuple[RowRule, RowRule]] = {
    RowClass.SUCCESS: (_invoiced, _invoiced),
    RowClass.RETRY: (_renew_row, _burn_row(IfAbsent.RENEW)),
    RowClass.UNCERTAIN: (_burn_row(IfAbsent.RENEW_TWICE), _burn_row(IfAbsent.RENEW_TWICE)),
    RowClass.TERMINATED: (_burn_row(IfAbsent.FAIL), _burn_row(IfAbsent.FAIL)),
    RowClass.DEFINITE: (_failed_row, _burn_row(IfAbsent.FAIL)),
    # After doubt the first send may be what left nothing to bill.
    RowClass.NOTHING_TO_BILL: (_nothing, _burn_row(IfAbsent.NOTHING)),
}

# For each kind of answer without rows: the rule for a clean key, the rule for a doubtful one.
TABLE: Mapping[Kind, tuple[Rule, Rule]] = {
    Kind.UNSENT: (_again(Pause.BACKOFF), _again(Pause.BACKOFF)),
    Kind.UNREACHABLE: (_again(Pause.REACHABLE), _again(Pause.REACHABLE)),
    Kind.NO_TOKEN: (_halt(StopReason.CREDENTIALS), _halt(StopReason.CREDENTIALS)),
    Kind.UNTRUSTED: (_halt(StopReason.CERTIFICATE), _halt(StopReason.CERTIFICATE)),
    Kind.LOST: (_again(Pause.BACKOFF), _again(Pause.BACKOFF)),
    Kind.CONFLICT: (_again(Pause.CONFLICT), _again(Pause.CONFLICT)),
    Kind.THROTTLED: (_throttled_clean, _throttled_doubtful),
    # It is waited out like a limit; that nothing was executed it does not say.
    Kind.BUSY: (_throttled_doubtful, _throttled_doubtful),
    Kind.UNAUTHORIZED: (_unauthorized_clean, _unauthorized_doubtful),
    # A gateway that turns a call away says so by the status: these have been through to the tenant.
    Kind.LIMIT_IN_SUCCESS: (_throttled_doubtful, _throttled_doubtful),
    Kind.LOGIN_IN_SUCCESS: (_unauthorized_doubtful, _unauthorized_doubtful),
    Kind.REFUSED: (_fail, _burn),
    Kind.MISDIRECTED: (_halt(StopReason.MISDIRECTED), _halt(StopReason.MISDIRECTED)),
    Kind.REDIRECTED: (_halt(StopReason.MISDIRECTED), _halt(StopReason.MISDIRECTED)),
    Kind.SERVER_ERROR: (_server_error, _server_error),
    Kind.UNREADABLE: (_unreadable, _unreadable),
}
