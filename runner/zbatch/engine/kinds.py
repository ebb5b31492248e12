"""Name what came of a send: the kind of an answer, the doubt that it leaves, what was wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

from zbatch.model import Attempt, Problem, Trail
from zbatch.zuora.reply import (
    Answer,
    Busy,
    Conflict,
    LimitInSuccess,
    LoginInSuccess,
    Misdirected,
    Redirected,
    Refused,
    Rows,
    ServerError,
    Throttled,
    Unauthorized,
    Unreadable,
)
from zbatch.zuora.wire import Fault, FaultKind


class Kind(StrEnum):
    """The kind of an answer, as the ledger keeps it with its attempt."""

    ROWS = "rows"
    CONFLICT = "conflict"
    THROTTLED = "throttled"
    BUSY = "busy"  # asks to wait like a limit, but a gateway may have let the call through
    UNAUTHORIZED = "unauthorized"
    LIMIT_IN_SUCCESS = "limit_in_success"  # under 2xx, so that it may have been executed
    LOGIN_IN_SUCCESS = "login_in_success"
    REFUSED = "refused"
    MISDIRECTED = "misdirected"
    REDIRECTED = "redirected"  # stops the run too, but the call may have been executed before
    SERVER_ERROR = "server_error"
    UNREADABLE = "unreadable"
    LOST = "lost"  # sent, perhaps executed, no answer
    UNSENT = "unsent"  # proved: not a byte of it left
    UNREACHABLE = "unreachable"  # unsent, because the host or its token endpoint cannot be had
    NO_TOKEN = "no_token"  # noqa: S105 - a word: the credentials were refused
    UNTRUSTED = "untrusted"  # unsent, because the host could not prove who it is


_KINDS: Mapping[type, Kind] = {
    Rows: Kind.ROWS,
    Conflict: Kind.CONFLICT,
    Throttled: Kind.THROTTLED,
    Busy: Kind.BUSY,
    Unauthorized: Kind.UNAUTHORIZED,
    LimitInSuccess: Kind.LIMIT_IN_SUCCESS,
    LoginInSuccess: Kind.LOGIN_IN_SUCCESS,
    Refused: Kind.REFUSED,
    Misdirected: Kind.MISDIRECTED,
    Redirected: Kind.REDIRECTED,
    ServerError: Kind.SERVER_ERROR,
    Unreadable: Kind.UNREADABLE,
}
_UNSENT: Mapping[FaultKind, Kind] = {
    FaultKind.CERTIFICATE: Kind.UNTRUSTED,
    FaultKind.TOKEN_REFUSED: Kind.NO_TOKEN,
    FaultKind.INTERNAL: Kind.UNSENT,
    FaultKind.LATE: Kind.UNSENT,
}
_NO_PROBLEM = Problem("ROWS", "")
_NO_ANSWER = Problem("NO_ANSWER", "it was sent, and no answer was recorded")
_IN_SUCCESS = frozenset({Kind.LIMIT_IN_SUCCESS, Kind.LOGIN_IN_SUCCESS})
_DOUBT = _IN_SUCCESS | {
    None,
    Kind.LOST,
    Kind.BUSY,
    Kind.SERVER_ERROR,
    Kind.UNREADABLE,
    Kind.CONFLICT,
    Kind.REDIRECTED,
}


def kind_of(answer: Answer | Fault) -> Kind:
    """Name the kind of an answer or a fault."""
    if isinstance(answer, Fault):
        return Kind.LOST if answer.sent else _UNSENT.get(answer.kind, Kind.UNREACHABLE)
    return _KINDS[type(answer)]


def doubtful(attempts: Sequence[Attempt]) -> bool:
    """Tell whether some send of a key may have been executed without our having seen its rows."""
    if not attempts:  # as for most calls, and this is asked of each of them again and again
        return False
    return any(attempt.sent and attempt.answer in _DOUBT for attempt in attempts)


def last_word(attempts: Sequence[Attempt], trail: Trail) -> Problem:
    """Say what came of the last attempt under a key, for an item that has no outcome of its own.

    One that we took back ourselves says nothing; without an answer there is but that to say. What
    the item's own row said goes before what was worst in the whole answer: no send comes after it.
    """
    if trail.said:
        return trail.said
    told = [attempt for attempt in attempts if attempt.sent or attempt.problem]
    return (told[-1].problem if told else None) or _NO_ANSWER


def word_in_doubt(attempts: Sequence[Attempt], trail: Trail) -> Problem:
    """Say the same of an item in doubt: rows leave it so where an earlier send may have billed it.

    A refusal alone reads as if nothing had been made.
    """
    word = last_word(attempts, trail)
    told = [attempt for attempt in attempts if attempt.sent or attempt.problem]
    if not (doubtful(attempts) and told and told[-1].answer == Kind.ROWS):
        return word
    unsure = "; what an earlier send of it did is not known"
    return replace(word, message=word.message.removesuffix(".") + unsure)


def problem_of(answer: Answer | Fault) -> Problem:
    """Say for people what was wrong with an answer."""
    if isinstance(answer, Fault):
        return Problem(answer.kind.value.upper(), answer.detail)
    if isinstance(answer, Rows):
        return next((row.problem for row in answer.rows if row.problem), _NO_PROBLEM)
    return answer.problem
