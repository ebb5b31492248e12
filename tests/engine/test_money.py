"""Amounts are exact decimals from the tenant's text, and their sums are a currency's alone."""

from __future__ import annotations

from decimal import Decimal, Inexact, localcontext

import pytest

from zbatch.engine.money import Sum, added, amount_of, as_own, plain, sums
from zbatch.model import Invoice

ACCOUNT = "1" * 32


def an_invoice(
    number: int,
    amount: str | None,
    currency: str | None = "EUR",
    status: str = "Draft",
    label: str | None = None,
) -> Invoice:
    """Make an invoice over an amount."""
    ids = (f"{number:032x}", ACCOUNT, status)
    return Invoice(*ids, number=label, amount=amount, currency=currency)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("10.10", "10.10"),
        ("-0.01", "-0.01"),
        ("1E+3", "1000.00"),
        ("0", "0.00"),
        ("12.345", "12.345"),
        ("9" * 30, "9" * 30 + ".00"),
        ("1e-30", f"0.{'0' * 29}1"),
        ("1234567890123456789012345678.90", "1234567890123456789012345678.90"),
    ],
)
def test_an_amount_is_written_as_it_is_read(text: str, amount: str) -> None:
    """No digit is lost, none is added beyond two decimals, and there is never an exponent."""
    found = amount_of(text)
    assert found is not None
    assert plain(found) == amount


@pytest.mark.parametrize(
    "text",
    [None, "", "x", "NaN", "Infinity", "1e30", "1e-31", "1e99", "1e-99", "1e99999999999999999999"],
)
def test_what_is_no_amount(text: str | None) -> None:
    """No size that money has: it is not added up."""
    assert amount_of(text) is None


def test_sums_are_of_each_currency() -> None:
    """No currency is added to another; what the tenant does not tell is kept apart, and last."""
    found = sums(
        [
            an_invoice(1, "0.10", "USD"),
            an_invoice(2, "0.20", "USD"),
            an_invoice(3, "1000", "JPY"),
            an_invoice(4, "5.00", None),
            an_invoice(5, None, "USD"),
        ]
    )
    assert [(one.currency, one.text, one.invoices, one.untold) for one in found] == [
        ("JPY", "1000.00", 1, 0),
        ("USD", "0.30", 3, 1),
        (None, "5.00", 1, 0),
    ]


def test_what_bills_nobody_is_in_no_sum() -> None:
    """Canceled ones and temporary ones are not counted, and each invoice once."""
    twice = an_invoice(1, "7.00")
    others = (an_invoice(2, "1", status="Canceled"), an_invoice(3, "1", label="TMP-1"))
    assert sums([twice, twice, *others]) == (Sum("EUR", 1, Decimal("7.00")),)
    assert sums([]) == ()


def test_an_items_own_invoice_counts_before_it_has_its_number() -> None:
    """What it comes to is not known yet; of one that is canceled nothing is."""
    young = an_invoice(1, "7.00", status="Generating", label="TMP-1")
    gone = an_invoice(2, "7.00", status="Canceled", label="TMP-2")
    done = an_invoice(3, "7.00", label="INV3")
    own = sums(map(as_own, (young, gone, done)))
    assert own == (Sum("EUR", 2, Decimal("7.00"), untold=1),)


def test_a_sum_of_many_is_exact() -> None:
    """However many there are, whatever the process thinks of decimals."""
    with localcontext() as context:
        context.prec = 3
        (found,) = sums(an_invoice(n, "99999999.99") for n in range(1000))
    assert found.text == "99999999990.00"


def test_amounts_are_added_exactly() -> None:
    """Tenths have no rest, however many digits the process keeps elsewhere."""
    with localcontext() as context:
        context.prec = 3
        assert added([Decimal("0.10")] * 10_001) == Decimal("1000.10")
    assert added([]) == 0


def test_what_cannot_be_added_exactly_is_no_sum() -> None:
    """Rather none than one that is rounded."""
    with pytest.raises(Inexact):
        added([Decimal("1e90"), Decimal("1e-90")])
