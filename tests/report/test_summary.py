"""Folds over outcomes add up, and lead from a cause to its accounts."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from zbatch.model import ItemRecord, Outcome, Problem
from zbatch.report.summary import FailureGroup, summarise

ID = "2c93808457d787030157e0306be53a"


@given(data=st.data())
def test_every_record_is_counted_once(
    any_records: st.SearchStrategy[ItemRecord], data: st.DataObject
) -> None:
    """Totals, failures and doubts add up to the records that went in."""
    records = data.draw(st.lists(any_records, max_size=8))
    summary = summarise(records, len(records), "r")
    assert summary.totals.add_up
    assert sum(group.count for group in summary.failures) == summary.totals[Outcome.FAILED]
    assert len(summary.unknown) == summary.totals[Outcome.UNKNOWN]


def test_failures_are_grouped_by_code(make_record: Callable[..., ItemRecord]) -> None:
    """The commonest cause comes first, with its first message and three accounts."""
    held, gone = Problem("HOLD", "On hold."), Problem("GONE", "No such account.")
    records = [make_record(Outcome.FAILED, "00", error=gone)]
    records += [make_record(Outcome.FAILED, f"1{n}", error=held) for n in range(5)]
    assert summarise(records, 6, "r").failures == (
        FailureGroup(held, 5, (f"{ID}10", f"{ID}11", f"{ID}12")),
        FailureGroup(gone, 1, (f"{ID}00",)),
    )


def test_earlier_runs_are_named(make_record: Callable[..., ItemRecord]) -> None:
    """The runs whose outcomes are repeated are named once; this run is none of them."""
    records = [
        make_record(Outcome.INVOICED, "01", run_id="a"),
        make_record(Outcome.INVOICED, "02", run_id="now"),
        make_record(Outcome.NOTHING_TO_BILL, "03", run_id="b"),
        make_record(Outcome.INVOICED, "04", run_id="a"),
        make_record(Outcome.UNKNOWN, "05", run_id="c"),
    ]
    assert summarise(records, 5, "now").settled_by == ("a", "b")
