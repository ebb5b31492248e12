"""What invoices come to: exact decimals as text, a currency each, and never added across them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from zbatch.model import Outcome
from zbatch.report.lines import Line
from zbatch.zuora.text import one_line

UNTOLD = "?"  # stands for an amount that nobody has told
_BETWEEN = " + "


@dataclass(frozen=True, slots=True)
class Amount:
    """What some invoices come to in one currency, None where the tenant does not tell which.

    `text` is None where none of them has an amount; `untold` of the `invoices` have none, and are
    not in it. `appended` of them were there before, and came to something already.
    """

    currency: str | None
    invoices: int
    text: str | None
    untold: int = 0
    appended: int = 0

    @property
    def grouped(self) -> str:
        """The amount as people read it best, with a comma between thousands."""
        return "" if self.text is None else f"{Decimal(self.text):,f}"

    @property
    def figures(self) -> str:
        """The amount to the last digit; what is missing in it is shown."""
        if self.text is None:
            return UNTOLD
        return f"{self.text}{_BETWEEN}{UNTOLD}" if self.untold else self.text


@dataclass(frozen=True, slots=True)
class Total:
    """What all invoices of one outcome come to in one currency, each invoice counted once."""

    outcome: Outcome
    amount: Amount


Worth = Callable[[Line], tuple[Amount, ...]]
"""Gives what the invoices of a line come to; nothing where it has none that counts."""


def figures(amounts: Iterable[Amount]) -> str:
    """Write the amounts of an item without their currencies."""
    return _BETWEEN.join(one.figures for one in amounts)


def currencies(amounts: Iterable[Amount]) -> str:
    """Write the currencies of an item's amounts, in the same order; one that is not told is "?"."""
    names = [one_line(one.currency, 80) if one.currency else "" for one in amounts]
    return _BETWEEN.join(name or UNTOLD for name in names) if any(names) else ""


def in_words(amounts: Iterable[Amount]) -> str:
    """Write the amounts of an item, each with its currency where that is told."""
    return _BETWEEN.join(
        f"{one.figures} {one_line(one.currency, 80)}" if one.currency else one.figures
        for one in amounts
    )
