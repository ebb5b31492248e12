"""Rows of several kinds that leave doubt: each item is told by its own, and fails by its own."""

from __future__ import annotations

import pytest

from support.engine import Bench, item, rows, success
from zbatch.engine.order import Work
from zbatch.model import Outcome, Settling

TERMINATED, UNKNOWN = item(1), item(2)
BOTH = rows(
    {"Success": False, "Errors": [{"Code": "TRANSACTION_TERMINATED", "Message": "stopped"}]},
    {"Success": False, "Errors": [{"Code": "UNKNOWN_ERROR", "Message": "who knows"}]},
)


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
