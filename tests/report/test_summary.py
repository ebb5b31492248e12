"""Folds over outcomes add up, and lead from a cause to its accounts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from support.summaries import summarise
from zbatch.model import ItemRecord, Outcome, Problem
from zbatch.report.summary import FailureGroup, Message

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


def test_failures_are_grouped_by_code_and_message(make_record: Callable[..., ItemRecord]) -> None:
    """The commonest code comes first, each message with its own accounts."""
    held, gone = Problem("INVALID_VALUE", "On hold."), Problem("INVALID_VALUE", "Not there.")
    closed = Problem("CLOSED", "Closed.")
    records = [make_record(Outcome.FAILED, "00", error=closed)]
    records += [make_record(Outcome.FAILED, f"1{n}", error=held) for n in range(5)]
    records += [make_record(Outcome.FAILED, "20", error=gone)]
    assert summarise(records, 7, "r").failures == (
        FailureGroup(
            "INVALID_VALUE",
            6,
            (
                Message("On hold.", 5, (f"{ID}10", f"{ID}11", f"{ID}12")),
                Message("Not there.", 1, (f"{ID}20",)),
            ),
        ),
        FailureGroup("CLOSED", 1, (Message("Closed.", 1, (f"{ID}00",)),)),
    )


def test_messages_that_name_the_account_are_one(make_record: Callable[..., ItemRecord]) -> None:
    """A message that differs by the account alone is one cause of many accounts."""
    records = [
        make_record(Outcome.FAILED, f"1{n}", error=Problem("X", f"No {ID.upper()}1{n} here."))
        for n in range(9)
    ]
    (group,) = summarise(records, 9, "r").failures
    assert group.messages == (Message("No … here.", 9, (f"{ID}10", f"{ID}11", f"{ID}12")),)


def test_messages_without_end_are_only_counted(make_record: Callable[..., ItemRecord]) -> None:
    """A code whose every message differs keeps the first three and counts them all."""
    records = [
        make_record(Outcome.FAILED, f"1{n}", error=Problem("X", f"message {n}")) for n in range(9)
    ]
    (group,) = summarise(records, 9, "r").failures
    assert (group.count, len(group.messages)) == (9, 3)


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


def test_earliest_nothing_is_told(make_record: Callable[..., ItemRecord]) -> None:
    """The earliest answer that there was nothing to bill says from when on usage is missing."""
    days = [datetime(2026, 12, day, tzinfo=UTC) for day in (3, 1, 2)]
    records = [make_record(Outcome.NOTHING_TO_BILL, f"0{day.day}", finished_at=day) for day in days]
    records.append(
        make_record(Outcome.INVOICED, "09", finished_at=datetime(2026, 11, 1, tzinfo=UTC))
    )
    assert summarise(records, 4, "r").nothing_since == datetime(2026, 12, 1, tzinfo=UTC)
    assert summarise(records[3:], 1, "r").nothing_since is None
