"""What goes wrong with a call: what is executed, what is answered, and what gets through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from email.utils import formatdate
from enum import StrEnum
from http import HTTPStatus

from zbatch.emulator.exchange import JSON_TYPE, Answer, Delivery, Row, rows_answer
from zbatch.emulator.shapes import SHAPES
from zbatch.emulator.wire import Way

GENERATE = "generate"
QUERY = "query"  # whatever is asked: queryMore, a preview, an account or an invoice


class Deed(StrEnum):
    """What happens in the tenant when the call arrives, or just after it is executed."""

    BILL_BEFORE = "bill_before"  # a bill run of somebody else bills the call's accounts
    BILL_AFTER = "bill_after"
    DELETE_INVOICES = "delete_invoices"  # those that were made under the call's key
    FORGET_KEY = "forget_key"  # before its time
    FAIL_TAX = "fail_tax"  # of what the call bills
    REVOKE_TOKENS = "revoke_tokens"  # all that were issued; new ones can be had


@dataclass(frozen=True, slots=True)
class Twice:
    """A call that is delivered again after so many seconds; its caller sees one of the replies."""

    after: float = 0.0
    second: bool = False


@dataclass(frozen=True, slots=True)
class HttpDate:
    """A header value: the date so many seconds from the answer on."""

    seconds: float


class ToldBy(StrEnum):
    """By which header a store tells how old its answer is."""

    DATE = "date"  # that of the answer's own day
    AGE = "age"


@dataclass(frozen=True, slots=True)
class Store:
    """A store on the way, which takes in one answer each `age` seconds and gives the one before.

    So each is at least that old, and what it gives again is of the same moment.
    """

    age: float
    told_by: ToldBy = ToldBy.DATE

    def __post_init__(self) -> None:
        if self.age <= 0.0:
            raise ValueError("what is stored has an age")

    def then(self, now: float) -> float:
        """Tell when what it gives now was so."""
        return (now // self.age - 1) * self.age

    def told(self, now: float) -> tuple[str, str]:
        """Return the header that tells it."""
        if self.told_by is ToldBy.AGE:
            return "Age", f"{now - self.then(now):.0f}"
        return "Date", formatdate(self.then(now), usegmt=True)


@dataclass(frozen=True, slots=True)
class Mishap:
    """One thing that goes wrong.

    `executed` tells whether the call does its work all the same. `status` is answered in place
    of the true answer, and takes its place under the key too where it is `stored`. `body` and
    `headers` replace those of what is answered, and `shape` names how its body is bent; `each` is
    a row that a status comes with for each object of the call. `code`, with its `message`, is the
    error of each row in place of its own, or of those at the positions `rows`.

    `delivery` is what becomes of the answer; a `way` says it to the byte. The answer is `late` by
    so many seconds and up to `jitter` more. Of an `unread` call not even the content arrives.

    `deed` happens in the tenant. A query sees what was there `lag` seconds ago, and reads as
    Generating what is younger than `generating`; where a `store` answers, it does so as of then.
    Raises ValueError for what cannot happen.
    """

    executed: bool = True
    status: int | None = None
    stored: bool = False
    code: str | None = None
    rows: tuple[int, ...] = ()
    delivery: Delivery = Delivery.WHOLE
    message: str = ""
    body: bytes | None = None
    each: Row | None = None
    headers: tuple[tuple[str, str | HttpDate], ...] = ()
    shape: str = ""
    way: Way | None = None
    late: float = 0.0
    jitter: float = 0.0
    unread: bool = False
    twice: Twice | None = None
    deed: Deed | None = None
    lag: float = 0.0
    generating: float = 0.0
    store: Store | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if self.status is not None and self.code is not None:
            raise ValueError("a mishap replaces the status or the rows, not both")
        if self.delivery in _NEED_A_WAY and self.way is None:
            raise ValueError(f"only a way says how an answer is {self.delivery.value}")
        answers = self.status is not None or self.code is not None
        if not self.executed and not answers and self.what_becomes in _ANSWERING:
            raise ValueError("what is not executed has no answer: name a status or a code")
        if self.status is not None and self.status not in set(HTTPStatus):
            raise ValueError(f"{self.status} is not a status")
        if self.each is not None and (self.status is None or self.body is not None):
            raise ValueError("rows for each object stand under a status, in place of a body")
        if self.stored and self.status is None and not self.shape:
            raise ValueError("only a status or a shape can be stored instead of the answer")
        if self.unread and self.way is None:
            raise ValueError("only a way says how a call ends that is not read")
        if self.shape and self.shape not in SHAPES:
            raise ValueError(f"there is no shape {self.shape!r}")

    @property
    def before(self) -> bool:
        """Tell whether the call comes to its end before its key is looked at."""
        return not self.executed and self.code is None

    @property
    def what_becomes(self) -> Delivery:
        """Tell what becomes of the answer on its way."""
        return self.delivery if self.way is None else self.way.delivery

    @property
    def note(self) -> str:
        """Say what happens, for the history."""
        parts = [] if self.executed else ["not executed"]
        parts += [f"status {self.status} instead"] if self.status is not None else []
        parts += [f"rows {self.code} instead"] if self.code is not None else []
        parts += [self.what_becomes.value] if self.what_becomes is not Delivery.WHOLE else []
        return ": ".join(filter(None, (self.name, ", ".join(parts))))

    def for_objects(self, count: int) -> Mishap:
        """Return it as it befalls a call of so many objects, with a row for each."""
        if self.each is None:
            return self
        return replace(self, each=None, body=rows_answer([self.each] * count).body)

    def instead_of(self, answer: Answer, now: float) -> Answer:
        """Return what is answered in place of the true answer, or this itself; once only."""
        if answer.replaced or not self._replaces:
            return answer
        if self.status is not None:
            answer = self._status_alone(self.status)
        elif self.body is not None:
            answer = replace(answer, body=self.body)
        if self.shape:
            answer = SHAPES[self.shape](answer)
        headers = self.headers
        if self.store is not None and answer.status == HTTPStatus.OK:
            headers = (*headers, self.store.told(now))
        return replace(_with(answer, headers, now), replaced=True)

    def befall(self, answer: Answer, now: float) -> Answer:
        """Let happen to an answer what becomes of it."""
        return replace(
            self.instead_of(answer, now),
            delivery=self.what_becomes,
            late=self.late,
            way=self.way,
        )

    def spoils(self, position: int) -> bool:
        """Tell whether the row at this position has the error `code`."""
        return self.code is not None and (not self.rows or position in self.rows)

    def spoilt(self) -> Row:
        """Build the row with the error `code`."""
        return Row(code=self.code or "", message=self.message or f"Operation failed: {self.code}.")

    @property
    def _replaces(self) -> bool:
        if self.status is not None or self.body is not None or self.store is not None:
            return True
        return bool(self.shape or self.headers)

    def _status_alone(self, status: int) -> Answer:
        kind = "text/plain;charset=utf-8" if self.body is None else JSON_TYPE
        headers = {"Content-Type": kind}
        phrase = f"{HTTPStatus(status).phrase}\n".encode()
        return Answer(status, phrase if self.body is None else self.body, headers)


def _with(answer: Answer, headers: Sequence[tuple[str, str | HttpDate]], now: float) -> Answer:
    """Put headers in place of those of the same name; what is named again stands beside."""
    first: dict[str, str] = {}
    more: list[tuple[str, str]] = []
    for name, value in headers:
        text = value if isinstance(value, str) else formatdate(now + value.seconds, usegmt=True)
        if name in first:
            more.append((name, text))
        else:
            first[name] = text
    return replace(answer, headers={**answer.headers, **first}, more=tuple(more))


NO_ANSWER = Answer(0, b"")
_ANSWERING = (Delivery.WHOLE, Delivery.SLOW, Delivery.CUT_SHORT, Delivery.GARBLED)
_NEED_A_WAY = (Delivery.SLOW, Delivery.CUT_SHORT, Delivery.GARBLED)
