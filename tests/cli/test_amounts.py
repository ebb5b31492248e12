"""Money is said exactly, grouped for people, and never added across currencies."""

from __future__ import annotations

from decimal import Decimal

import pytest

from zbatch.cli.amounts import invoiced, mixed, summed
from zbatch.engine.money import Sum
from zbatch.report.amounts import Amount


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Sum("EUR", 2, Decimal("1250")), "1,250.00 EUR in 2 invoices"),
        (Sum("GBP", 1, Decimal("-12.505")), "-12.505 GBP in 1 invoice"),
        (
            Sum("USD", 1, Decimal("123456789012345678901234567890.99")),
            "123,456,789,012,345,678,901,234,567,890.99 USD in 1 invoice",
        ),
        (
            Sum(None, 1, Decimal("5.00")),
            "5.00 of a currency that the tenant does not tell in 1 invoice",
        ),
        (
            Sum(None, 7, Decimal("1542.47")),
            "7 invoices not added up: the tenant tells no currency",
        ),
        (
            Sum("EUR", 3, Decimal("10.00"), untold=2),
            "10.00 EUR in 3 invoices, 2 of them without an amount",
        ),
    ],
)
def test_a_sum_is_said_with_its_currency(found: Sum, said: str) -> None:
    """To the last digit; invoices without a currency may be of several, and have no sum."""
    assert summed(found) == said
    assert mixed(found) is ("not added up" in said)


def test_where_no_amount_is_known_none_is_said() -> None:
    """Nothing has been added up, which is not the same as 0.00."""
    untold = Sum("USD", 3, Decimal(0), untold=3)
    assert summed(untold) == "3 invoices in USD, and no amount is known"
    assert summed(Sum(None, 1, Decimal(0), untold=1)) == "1 invoice, and no amount is known"


@pytest.mark.parametrize(
    ("amounts", "said"),
    [
        ([], ""),
        (
            [Amount("EUR", 2, "10"), Amount("USD", 1206, "1250433.5", untold=2)],
            "10 EUR in 2 invoices, 1,250,433.5 USD in 1,204 invoices;"
            " no amount is known of 2 invoices",
        ),
        ([Amount(None, 3, None, untold=3)], ""),
        (
            [Amount("USD", 1, "5.00"), Amount(None, 4, None, untold=1)],
            "5.00 USD in 1 invoice; 3 invoices not added up: the tenant tells no currency;"
            " no amount is known of 1 invoice",
        ),
        (
            [Amount(None, 1, "5.00")],
            "5.00 of a currency that the tenant does not tell in 1 invoice",
        ),
        (
            [Amount("USD", 3, "7.00", appended=1)],
            "7.00 USD in 3 invoices; 1 draft of an earlier time with the whole amount",
        ),
        ([Amount("\x1b[2J", 1, "5.00")], "5.00 \ufffd[2J in 1 invoice"),
    ],
)
def test_what_a_run_has_invoiced_is_a_line(amounts: list[Amount], said: str) -> None:
    """A currency after the other, and then of how many invoices no sum is known, and why."""
    assert invoiced(amounts) == said
