"""Amounts as exact decimals, made of the tenant's own text; their sums, a currency each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import reduce

from zbatch.engine.question import TEMPORARY_NUMBER, exists
from zbatch.model import Invoice
from zbatch.model.values import value

MOST_DIGITS = 30  # before and after the point: what is beyond is no money
_EXACT = Context(prec=4 * MOST_DIGITS, traps=[Inexact, InvalidOperation])


@value(frozen=True, slots=True)
class Sum:
    """What some invoices come to in one currency, None where the tenant does not tell which.

    `untold` of the `invoices` have no amount that can be read, and are not in it.
    """

    currency: str | None
    invoices: int
    amount: Decimal
    untold: int = 0

    @property
    def text(self) -> str:
        """The amount as people write it, never with an exponent."""
        return plain(self.amount)


def amount_of(text: str | None) -> Decimal | None:
    """Read an amount, or None where there is none or it is of no size that money has."""
    if text is None:
        return None
    try:
        amount = Decimal(text, _EXACT)
    except InvalidOperation:
        return None
    exponent = amount.as_tuple().exponent
    fits = isinstance(exponent, int) and exponent >= -MOST_DIGITS
    return amount if fits and amount.adjusted() < MOST_DIGITS else None


def added(amounts: Iterable[Decimal]) -> Decimal:
    """Add amounts of one currency, exactly."""
    return reduce(_EXACT.add, amounts, Decimal(0))


def plain(amount: Decimal) -> str:
    """Write an amount as people do, with two decimals at least and never with an exponent."""
    exponent = amount.as_tuple().exponent
    short = isinstance(exponent, int) and exponent > -2
    return f"{_EXACT.quantize(amount, Decimal('0.01')) if short else amount:f}"


def as_own(invoice: Invoice) -> Invoice:
    """Give an invoice that is credited to an item as it counts in a sum.

    Under a temporary number it is not finished, and what it will come to is not known; among others
    such a one is none at all.
    """
    temporary = (invoice.number or "").startswith(TEMPORARY_NUMBER)
    return replace(invoice, number=None, amount=None) if temporary else invoice


def sums(invoices: Iterable[Invoice]) -> tuple[Sum, ...]:
    """Add up what exists, each invoice once, a currency at a time."""
    found: dict[str | None, Sum] = {}
    for invoice in {one.id: one for one in invoices if exists(one)}.values():
        before = found.get(invoice.currency, Sum(invoice.currency, 0, Decimal(0)))
        amount = amount_of(invoice.amount)
        found[invoice.currency] = Sum(
            invoice.currency,
            before.invoices + 1,
            before.amount if amount is None else _EXACT.add(before.amount, amount),
            before.untold + (amount is None),
        )
    return tuple(found[name] for name in sorted(found, key=lambda name: (name is None, name)))
