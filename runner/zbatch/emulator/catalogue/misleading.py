"""Faults of answers that prove nothing: to another question, or with the effect left open."""

from __future__ import annotations

from itertools import product

from zbatch.emulator.catalogue.known import Known
from zbatch.emulator.exchange import Row, zuora_fault
from zbatch.emulator.faults import QUERY, Mishap

_QUERIES = (QUERY,)


def crossed_answer() -> Mishap:
    """The answer to a query is the one to another: what it holds is of other accounts."""
    return Mishap(shape="crossed_answer")


def record_twice() -> Mishap:
    """A record comes twice, in the place of another if there is one, and `size` counts it."""
    return Mishap(shape="record_twice")


def record_undated() -> Mishap:
    """The invoices of an answer are posted ones without a target date."""
    return Mishap(shape="record_undated")


def record_misdated() -> Mishap:
    """The invoices of an answer are posted ones of the day before."""
    return Mishap(shape="record_misdated")


def open_refusal(
    status: int = 400,
    code: str = "TRANSACTION_TIMEOUT",
    executed: bool = True,
    stored: bool = False,
) -> Mishap:
    """The answer is a refusal by its status, and its code leaves open what was done."""
    body = zuora_fault(code, _failed(code)).body
    return Mishap(executed=executed, status=status, stored=stored, body=body)


def rows_try_again(
    code: str = "LOCK_COMPETITION", status: int = 502, executed: bool = True, stored: bool = False
) -> Mishap:
    """The rows all say to try again, and their status leaves open what was done."""
    each = Row(code=code, message=_failed(code))
    return Mishap(executed=executed, status=status, stored=stored, each=each)


def _failed(code: str) -> str:
    return f"Operation failed: {code}."


_REFUSALS = (
    (400, "TRANSACTION_TIMEOUT"),
    (403, "UNKNOWN_ERROR"),
    (404, "SERVER_UNAVAILABLE"),
    (413, "LOCK_COMPETITION"),
)
_ROWS = (
    (408, "TEMPORARY_ERROR"),
    (500, "LOCK_COMPETITION"),
    (502, "REQUEST_EXCEEDED_LIMIT"),
    (504, "REQUEST_EXCEEDED_RATE"),
)
_DONE = ((True, False), (True, True), (False, False), (False, True))


def _each(said: tuple[tuple[int, str], ...]) -> tuple[dict[str, object], ...]:
    """Give what is said with and without an execution, kept under the key or not."""
    return tuple(
        {"status": status, "code": code, "executed": executed, "stored": stored}
        for (status, code), (executed, stored) in product(said, _DONE)
    )


MISLEADING = (
    Known("crossed_answer", crossed_answer, (), _QUERIES, ({},)),
    Known("record_twice", record_twice, (), _QUERIES, ({},)),
    Known("record_undated", record_undated, (), _QUERIES, ({},)),
    Known("record_misdated", record_misdated, (), _QUERIES, ({},)),
    Known("open_refusal", open_refusal, (), random=_each(_REFUSALS)),
    Known("rows_try_again", rows_try_again, (), random=_each(_ROWS)),
)
