"""How money is said: the exact amount with a comma between thousands, and its currency after it."""

from __future__ import annotations

from decimal import Decimal

from zbatch.cli.words import counted
from zbatch.engine.money import Sum, plain


def grouped(amount: Decimal) -> str:
    """Write an amount to its last digit, as people read it best."""
    return f"{Decimal(plain(amount)):,f}"


def mixed(found: Sum) -> bool:
    """Tell whether a sum is none: invoices whose currency is not told may be of several."""
    return found.currency is None and found.invoices > 1


def summed(found: Sum) -> str:
    """Say what some invoices come to; nothing is added up whose currency is not told."""
    count = counted(found.invoices, "invoice")
    if mixed(found):
        return f"{count} not added up: the tenant tells no currency"
    currency = found.currency or "of a currency that the tenant does not tell"
    return f"{grouped(found.amount)} {currency} in {count}"
