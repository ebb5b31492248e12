"""What a plan is expected to come to, held against what an earlier run has billed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

from support.engine import item
from support.told import line
from zbatch.app.review.online import Estimated
from zbatch.app.review.swings import CurrencyChange, Swing, billed_in, expected_of, swings
from zbatch.model import Detail, Outcome

_IDS = count()
A, B, C = (item(n).identity.account_id for n in range(3))


def invoice(amount: str | None, currency: str | None = "EUR", **more: Any) -> Detail:
    number = more.pop("id", None) or f"{next(_IDS):032x}"
    status = more.pop("status", "Draft")
    return Detail(number, status=status, amount=amount, currency=currency, **more)


def test_what_a_run_has_billed_is_added_up_by_account_and_currency() -> None:
    """All invoices of an account that count; without amount or currency nothing is claimed."""
    lines = [
        line(1, account_id=A, invoices=(invoice("0.10"), invoice("0.20"), invoice("7", "USD"))),
        line(2, account_id=A, invoices=(invoice("1.00"), invoice("5", status="Canceled"))),
        line(3, account_id=B, invoices=(invoice(None), invoice("3", None), invoice("x"))),
        line(4, Outcome.FAILED, account_id=C),
    ]
    assert billed_in(lines) == {(A, "EUR"): Decimal("1.30"), (A, "USD"): Decimal(7)}


def test_what_was_appended_to_a_draft_is_not_what_a_run_has_billed() -> None:
    """It holds what was there before, so its account is left out; no invoice counts twice."""
    twice = invoice("4.00", id="f" * 32)
    lines = [
        line(1, account_id=A, invoices=(invoice("5000.00", appended=True), invoice("1.00"))),
        line(2, account_id=A, invoices=(invoice("2.00"),)),
        line(3, account_id=B, invoices=(twice,)),
        line(4, account_id=B, invoices=(twice,)),
    ]
    assert billed_in(lines) == {(B, "EUR"): Decimal("4.00")}


def test_an_account_without_an_estimate_is_left_out() -> None:
    """Nothing would look like a fall."""
    one = Estimated(item(0), Decimal(5), "EUR")
    other = Estimated(item(1), Decimal(7), "EUR")
    assert expected_of([one, other]) == {(A, "EUR"): Decimal(5), (B, "EUR"): Decimal(7)}
    assert expected_of([replace(one, amount=None), other]) == {(B, "EUR"): Decimal(7)}
    assert expected_of([replace(one, currency=None)]) == {}


def test_of_several_dates_the_estimate_to_the_last_one_counts() -> None:
    """What is due by an earlier one is in it; without it a part would look like a fall."""
    whole = item(0)
    early, late = (
        Estimated(
            replace(whole, identity=replace(whole.identity, target_date=day)), Decimal(5), "EUR"
        )
        for day in (date(2026, 10, 31), date(2026, 12, 31))
    )
    late = replace(late, amount=Decimal(8))
    for estimates in ([early, late], [late, early], [replace(early, amount=None), late]):
        assert expected_of(estimates) == {(A, "EUR"): Decimal(8)}
    assert expected_of([early, replace(late, amount=None)]) == {}


def test_what_differs_far_is_named_the_greatest_first() -> None:
    """By more than a fifth, up or down; sums are of those accounts that have both."""
    then = {(A, "EUR"): Decimal(100), (B, "EUR"): Decimal(100), (C, "USD"): Decimal(0)}
    now = {(A, "EUR"): Decimal(120), (B, "EUR"): Decimal("79.99"), (C, "USD"): Decimal(5)}
    found = swings("run", then, {**now, ("d" * 32, "EUR"): Decimal(9)})
    assert found.changes == (
        CurrencyChange("EUR", 2, Decimal(200), Decimal("199.99")),
        CurrencyChange("USD", 1, Decimal(0), Decimal(5)),
    )
    assert found.far == (
        Swing(B, "EUR", Decimal(100), Decimal("79.99")),
        Swing(C, "USD", Decimal(0), Decimal(5)),
    )
    assert swings("run", {}, now).changes == ()
