"""How money is said: the exact amount with a comma between thousands, and its currency after it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from zbatch.cli.words import counted
from zbatch.engine.money import Sum, plain
from zbatch.report.amounts import Amount
from zbatch.zuora.text import one_line

_MIXED = "not added up: the tenant tells no currency"


def grouped(amount: Decimal) -> str:
    """Write an amount to its last digit, as people read it best."""
    return f"{Decimal(plain(amount)):,f}"


def mixed(found: Sum) -> bool:
    """Tell whether a sum is none: invoices whose currency is not told may be of several."""
    return found.currency is None and found.invoices > 1


def summed(found: Sum) -> str:
    """Say what some invoices come to; nothing is added up whose currency is not told."""
    count = counted(found.invoices, "invoice")
    if found.untold == found.invoices:
        among = f" in {one_line(found.currency, 80)}" if found.currency else ""
        return f"{count}{among}, and no amount is known"
    untold = f", {found.untold:,} of them without an amount" if found.untold else ""
    if mixed(found):
        return f"{count} {_MIXED}{untold}"
    return f"{_in(grouped(found.amount), found.currency, count)}{untold}"


def invoiced(amounts: Sequence[Amount]) -> str:
    """Say in a line what invoices come to, and of how many that is not known.

    Nothing where no amount is known at all: that they were not read back is said elsewhere.
    """
    if all(one.untold == one.invoices for one in amounts):
        return ""
    untold = sum(one.untold for one in amounts)
    unadded = sum(one.invoices - one.untold for one in amounts if one.text is None)
    older = sum(one.appended for one in amounts)
    said = [
        ", ".join(
            _in(one.grouped, one.currency, counted(one.invoices - one.untold, "invoice"))
            for one in amounts
            if one.text is not None
        ),
        f"{counted(unadded, 'invoice')} {_MIXED}" if unadded else "",
        f"no amount is known of {counted(untold, 'invoice')}" if untold else "",
        f"{counted(older, 'draft')} of an earlier time with the whole amount" if older else "",
    ]
    return "; ".join(filter(None, said))


def _in(amount: str, currency: str | None, count: str) -> str:
    name = one_line(currency, 80) if currency else "of a currency that the tenant does not tell"
    return f"{amount} {name} in {count}"
