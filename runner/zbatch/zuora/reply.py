"""Read a reply to a generate call: any bytes under any status become one of eight answers.

Shape decides before status, because Zuora reports a failed row under 200 as well as under 400,
and a stored result under 409 (Action POSTgenerate, Error handling, Idempotent requests).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from zbatch.model import Problem
from zbatch.zuora.codes import (
    LIMIT_CODES,
    LIMIT_MESSAGES,
    LOGIN_CODES,
    LOGIN_MESSAGES,
    RowClass,
    leaves_open,
)
from zbatch.zuora.problems import problem_in, problem_of_status, sent_on
from zbatch.zuora.rows import Row, claims_rows, read_rows, read_successes
from zbatch.zuora.strict_json import NotJson, parse_json
from zbatch.zuora.wire import Reply

REFUSED_STATUSES = frozenset({400, 403, 404, 405, 406, 410, 411, 413, 414, 415, 431})
UNREADABLE = "UNREADABLE_REPLY"


@dataclass(frozen=True, slots=True)
class Rows:
    """One row for each item of the call, in the call's order."""

    rows: tuple[Row, ...]
    throttled: bool = field(init=False)
    """Whether a row names a limit: then the whole run waits, as after a 429."""

    def __post_init__(self) -> None:
        codes = {row.problem.code for row in self.rows if row.problem}
        object.__setattr__(self, "throttled", not codes.isdisjoint(LIMIT_CODES))


@dataclass(frozen=True, slots=True)
class Conflict:
    """409 without rows: the key is at work, or its result is not told."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Throttled:
    """The server takes no more for now; this send was not executed, an earlier one may be."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Busy(Throttled):
    """503 that names a wait: a gateway says so too, of a call that it has let through."""


@dataclass(frozen=True, slots=True)
class Unauthorized:
    """The token was not accepted."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class LimitInSuccess(Throttled):
    """The same, but under a status of success and without rows: no proof of anything."""


@dataclass(frozen=True, slots=True)
class LoginInSuccess(Unauthorized):
    """The same, but under a status of success and without rows: no proof of anything."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The call was refused as a whole, for a reason that stays; nothing was executed."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Misdirected:
    """422: the key belongs to another tenant or URL."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Redirected(Misdirected):
    """3xx: the host is not the one, or has sent us on ("see other") once the call was executed."""


@dataclass(frozen=True, slots=True)
class ServerError:
    """5xx, or a status that leaves open whether the call was executed."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A reply that may report executed items and cannot be trusted to say which."""

    problem: Problem


NoRows = Conflict | Throttled | Unauthorized | Refused | Misdirected | ServerError | Unreadable
Answer = Rows | NoRows


def read_reply(reply: Reply, expected_rows: int) -> Answer:
    """Read a reply to a call of `expected_rows` items; total, and never raises."""
    if (successes := read_successes(reply.body, expected_rows)) is not None:
        return Rows(successes)
    try:
        document = parse_json(reply.body)
    except NotJson:
        document = None
    rows = read_rows(document, expected_rows)
    if rows is not None:
        return _gatekeeper(reply.status, rows) or Rows(rows)
    problem = problem_in(document)
    if claims_rows(document):
        return _mismatch(reply.status, problem)
    return answer_without_rows(reply, problem)


def _gatekeeper(status: int, rows: tuple[Row, ...]) -> Answer | None:
    """Recognise rows that only say that this send was turned away at the door.

    They are not the result stored for the key, so they must not settle a doubtful one: a token
    that was not accepted, and a limit under status 429. Nor is it proved that nothing was executed
    where rows say "try again" under a status that leaves that open.
    """
    problems = [row.problem for row in rows if row.problem]
    if len(problems) < len(rows):
        return None
    codes = {problem.code for problem in problems}
    if codes <= LOGIN_CODES:
        return Unauthorized(problems[0])
    if status == 429 and codes <= LIMIT_CODES:
        return Throttled(problems[0])
    if _says_nothing_of_the_effect(status) and all(row.row_class is RowClass.RETRY for row in rows):
        return Busy(problems[0]) if codes <= LIMIT_CODES else ServerError(problems[0])
    return None


def _says_nothing_of_the_effect(status: int) -> bool:
    """Tell whether a status leaves open whether the call was executed."""
    return status == 408 or status >= 500


def _mismatch(status: int, problem: Problem | None) -> Answer:
    """Answer for what looks like rows and does not fit the call: never a proof of anything."""
    told = problem or Problem(UNREADABLE, "The rows of the reply do not fit the call.")
    if status == 409:
        return Conflict(told)
    return ServerError(told) if status >= 500 else Unreadable(told)


def answer_without_rows(reply: Reply, problem: Problem | None) -> NoRows:
    """Tell what a reply means that holds no rows; `problem` is what its body says, if anything."""
    status = reply.status
    told = problem or problem_of_status(status)
    if status == 429:
        return Throttled(told)
    if status == 503 and reply.headers.get("retry-after"):
        return Busy(told)
    if status == 401:
        return Unauthorized(told)
    if status == 409:
        return Conflict(told)
    if status == 422:
        return Misdirected(told)
    if 300 <= status < 400:
        return Redirected(sent_on(told))
    if status in REFUSED_STATUSES or 200 <= status < 300:
        return _refusal(status, problem)
    return ServerError(told)


def _refusal(status: int, problem: Problem | None) -> NoRows:
    """Answer for a whole refusal, or for a 2xx that should have held rows.

    Token and limit troubles come under these statuses too; they are not the items' fault.
    """
    refused = status in REFUSED_STATUSES
    if problem and (problem.code in LOGIN_CODES or _says(problem, LOGIN_MESSAGES)):
        return Unauthorized(problem) if refused else LoginInSuccess(problem)
    if problem and (problem.code in LIMIT_CODES or _says(problem, LIMIT_MESSAGES)):
        return Throttled(problem) if refused else LimitInSuccess(problem)
    if refused and problem and leaves_open(problem.code, problem.message):
        return ServerError(problem)
    if refused:
        return Refused(problem or problem_of_status(status))
    return Unreadable(
        problem or Problem(UNREADABLE, f"HTTP {status} came with a body that holds no rows.")
    )


def _says(problem: Problem, messages: frozenset[str]) -> bool:
    return problem.message.casefold().rstrip(".") in messages
