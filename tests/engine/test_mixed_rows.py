"""Rows of several kinds that leave doubt: each item is told by its own, and fails by its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.engine import LOST, Bench, item, rows, status, success
from zbatch.engine.order import Work
from zbatch.model import Outcome, Settling
from zbatch.zuora.wire import Fault, Reply

TERMINATED, UNKNOWN = item(1), item(2)
NOTHING = "there are no charges due on this account."


def failed(code: str, message: str) -> dict[str, object]:
    return {"Success": False, "Errors": [{"Code": code, "Message": message}]}


BOTH = rows(failed("TRANSACTION_TERMINATED", "stopped"), failed("UNKNOWN_ERROR", "who knows"))


@pytest.mark.parametrize(
    ("wait", "outcome"), [(0.0, Outcome.UNKNOWN), (4000.0, Outcome.FAILED)], ids=["rests", "rested"]
)
def test_an_item_in_doubt_is_told_by_its_own_row(wait: float, outcome: Outcome) -> None:
    """R12: the worst row of the answer speaks of another account."""
    bench = Bench(settling=Settling(3600.0, wait))
    answers = iter([BOTH])
    run = bench.run(
        [Work(0, (TERMINATED, UNKNOWN), 0)], lambda request, before: next(answers, success())
    )
    told = run.records[str(TERMINATED.identity)]
    assert told.outcome is outcome
    assert told.error is not None
    assert told.error.code == "TRANSACTION_TERMINATED"
    assert told.error.message.startswith("stopped")


def test_what_a_burnt_keys_row_said_is_not_told_of_the_next_key() -> None:
    """The key is void, the next one is never answered: that there is no answer is what is told."""
    both = rows(failed("UNKNOWN_ERROR", "of the first"), failed("UNKNOWN_ERROR", "of the second"))
    answers: Iterator[Reply | Fault] = iter([both])
    bench = Bench(settling=Settling(3600.0, 4000.0))
    works = [Work(0, (item(1), item(2)), 0)]
    run = bench.run(works, lambda request, before: next(answers, LOST))
    for record in run.records.values():
        assert record.outcome is Outcome.UNKNOWN
        assert record.error is not None
        assert "of the" not in record.error.message


@pytest.mark.parametrize("code", ["TEMPORARY_ERROR", "NO_PERMISSION", "REQUEST_EXCEEDED_RATE"])
def test_a_row_of_an_item_is_a_word_on_its_key_whatever_stands_beside_it(code: str) -> None:
    """After a 409, the call is over: what is said of the tenant beside it takes nothing back."""
    both = rows(failed("INVALID_VALUE", NOTHING), failed(code, "no"))
    answers: Iterator[Reply | Fault] = iter([LOST, status(409), both])
    work = Work(0, (item(1), item(2)), 0)
    run = Bench().run([work], lambda request, before: next(answers, success()))
    told = run.records[str(item(1).identity)]
    assert told.outcome is Outcome.NOTHING_TO_BILL
    assert told.error is not None
    assert told.error.message == NOTHING
