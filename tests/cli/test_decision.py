"""Decisions as they stand on the command line."""

from __future__ import annotations

from datetime import date

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zbatch.cli import main
from zbatch.cli.decision import ACCEPT, Decision, check_decisions, item_argument
from zbatch.model import Charges, Identity, Item, Source

ACCOUNT = "2c93808457d787030157e0306be53a75"
INVOICE = "2c92c0f96b8e1b5e016b8f0c2f4c4d1e"
DECISION = Decision(Identity(ACCOUNT, date(2026, 11, 30)), INVOICE)


@given(st.integers(0, 16**32 - 1), st.dates(), st.integers(1, 99))
def test_item_is_read_as_it_is_written(number: int, day: date, revision: int) -> None:
    """What the last block shows of an item is what --accept takes."""
    identity = Identity(f"{number:032x}", day, revision)
    item = Item(identity, day, Charges(), Source("x.yaml", 1))
    decision = ACCEPT.convert(f"{item_argument(item)}={INVOICE}", None, None)
    assert decision == Decision(identity, INVOICE)


def test_account_is_compared_without_case() -> None:
    """An account ID in capitals is the same account; the invoice ID is kept as given."""
    told = f"{ACCOUNT.upper()}:2026-11-30={INVOICE.upper()}"
    assert ACCEPT.convert(told, None, None) == Decision(DECISION.identity, INVOICE.upper())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "ACCOUNT_ID:TARGET_DATE"),
        (ACCOUNT, "ACCOUNT_ID:TARGET_DATE"),
        (f"{ACCOUNT}={INVOICE}", "ACCOUNT_ID:TARGET_DATE"),
        (f"{ACCOUNT[1:]}:2026-11-30={INVOICE}", "ACCOUNT_ID:TARGET_DATE"),
        (f"A00991201:2026-11-30={INVOICE}", "ACCOUNT_ID:TARGET_DATE"),
        (f"{ACCOUNT}:20261130={INVOICE}", "ACCOUNT_ID:TARGET_DATE"),
        (f"{ACCOUNT}:2026-11-30:0={INVOICE}", "ACCOUNT_ID:TARGET_DATE"),
        (f"{ACCOUNT}:2026-11-30:100={INVOICE}", "ACCOUNT_ID:TARGET_DATE"),
        (f"{ACCOUNT}:2026-11-30", "ACCOUNT_ID:TARGET_DATE"),
        (f"{ACCOUNT}:2026-11-30=", "not its number"),
        (f"{ACCOUNT}:2026-11-30=INV00012345", "not its number"),
        (f"{ACCOUNT}:2026-11-30={INVOICE}\n", "ACCOUNT_ID:TARGET_DATE"),
        (f"{ACCOUNT}:2026-02-30={INVOICE}", "not a day of the calendar"),
        (f"{ACCOUNT}:0000-01-01={INVOICE}", "not a day of the calendar"),
    ],
)
def test_ill_formed_decision_is_refused(
    text: str, why: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A decision that could be read in two ways is read in none: exit 2, and what is wrong."""
    assert main(["reconcile", "--accept", text, "--reason", "seen"]) == 2
    assert why in capfd.readouterr().err


@pytest.mark.parametrize(
    ("decisions", "reason", "why"),
    [
        ([DECISION], None, "needs --reason"),
        ([DECISION], " ", "one line of text"),
        ([DECISION], "a\nb", "one line of text"),
        ([DECISION], "x" * 501, "one line of text"),
        ([], "seen", "belongs to --accept"),
        ([DECISION, DECISION], "seen", "one item twice"),
    ],
)
def test_decision_and_reason_belong_together(
    decisions: list[Decision], reason: str | None, why: str
) -> None:
    """No decision without a reason, no reason without a decision, one decision an item."""
    with pytest.raises(click.UsageError, match=why):
        check_decisions(decisions, reason)


def test_reason_is_kept_without_blanks_around_it() -> None:
    """One reason holds for all decisions of the command."""
    assert check_decisions([DECISION], " seen in the tenant ") == "seen in the tenant"
    assert check_decisions([], None) == ""


def test_decision_without_a_reason_is_refused_before_anything_else(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable of the environment is no acknowledgement, neither of a decision nor of why."""
    monkeypatch.setenv("ZBATCH_REASON", "seen")
    told = f"{ACCOUNT}:2026-11-30={INVOICE}"
    assert main(["reconcile", "--accept", told]) == 2
    assert "--accept needs --reason" in capfd.readouterr().err
