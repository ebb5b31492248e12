"""Money is said exactly, grouped for people, and never added across currencies."""

from __future__ import annotations

from decimal import Decimal

import pytest

from zbatch.cli.amounts import mixed, summed
from zbatch.engine.money import Sum


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
    ],
)
def test_a_sum_is_said_with_its_currency(found: Sum, said: str) -> None:
    """To the last digit; invoices without a currency may be of several, and have no sum."""
    assert summed(found) == said
    assert mixed(found) is ("not added up" in said)
