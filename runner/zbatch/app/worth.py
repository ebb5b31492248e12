"""What the invoices of a report, a run or a stage come to, by what the tenant has shown of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from zbatch.engine.money import Sum, added, sums
from zbatch.model import Detail, Invoice, Outcome
from zbatch.report.amounts import Amount, Total
from zbatch.report.lines import Line

_Found = dict[str | None, tuple[Sum, int]]  # by currency, and how many are older than their items


def worth(line: Line) -> tuple[Amount, ...]:
    """Add up the invoices of a line, a currency at a time; what is canceled does not count.

    Where the tenant tells no currency each invoice stands alone: they may be of several.
    """
    details = _details(line)
    told = [one for one in details if one.currency is not None]
    parts = [told, *([one] for one in details if one.currency is None)]
    return tuple(_amount(one, older) for part in parts for one, older in _sums(part))


class Purse:
    """Adds up invoices as they come to be known, a currency at a time.

    Each counts once by what was `seen`: purses that share it count an invoice for the first that it
    is put into. Without it none may be put in twice, and nothing is remembered of them.
    """

    def __init__(self, seen: set[str] | None = None) -> None:
        self._seen = seen
        self._found: _Found = {}
        self._lately: _Found = {}

    def put(self, details: Iterable[Detail]) -> None:
        """Add invoices, those that were not seen before."""
        fresh = list(details)
        if self._seen is not None:
            fresh = [one for one in fresh if one.id not in self._seen]
            self._seen.update(one.id for one in fresh)
        for one, older in _sums(fresh):
            for found in (self._found, self._lately):
                before, as_many = found.get(one.currency, (None, 0))
                joined = _joined(before, one) if before else one
                found[one.currency] = (joined, as_many + older)

    @property
    def amounts(self) -> tuple[Amount, ...]:
        """Tell what they come to by now, what has no currency last."""
        return _told(self._found)

    def lately(self) -> tuple[Amount, ...]:
        """Tell what those come to that have come since this was told last."""
        found, self._lately = self._lately, {}
        return _told(found)


def _told(found: _Found) -> tuple[Amount, ...]:
    names = sorted(found, key=lambda name: (name is None, name or ""))
    return tuple(_unless_mixed(_amount(*found[name])) for name in names)


def totals(lines: Iterable[Line]) -> tuple[Total, ...]:
    """Add up the invoices of all lines, each once, by outcome and currency.

    Two dates of an account may have come to one invoice: it counts for the first of them.
    """
    seen: set[str] = set()
    purses = {outcome: Purse(seen) for outcome in Outcome}
    for line in lines:
        purses[line.outcome].put(_details(line))
    return tuple(
        Total(outcome, amount) for outcome, purse in purses.items() for amount in purse.amounts
    )


def _unless_mixed(amount: Amount) -> Amount:
    """Tell no sum of invoices whose currency is not told: they may be of several."""
    mixed = amount.currency is None and amount.invoices > 1
    return replace(amount, text=None) if mixed else amount


def _details(line: Line) -> tuple[Detail, ...]:
    return known_of(line.invoices, line.invoice_ids)


def known_of(invoices: tuple[Detail, ...] | None, ids: Iterable[str]) -> tuple[Detail, ...]:
    """Give what is known of an item's invoices: of those that were not read back their IDs."""
    return tuple(Detail(one) for one in ids) if invoices is None else invoices


def _sums(details: Iterable[Detail]) -> Iterator[tuple[Sum, int]]:
    """Give what invoices come to, and how many of them are older than their items."""
    shown = [(_invoice(one), one.appended) for one in details]
    older = {one.currency: one.invoices for one in sums(one for one, before in shown if before)}
    for found in sums(one for one, _ in shown):
        yield found, older.get(found.currency, 0)


def _invoice(detail: Detail) -> Invoice:
    return Invoice(
        detail.id,
        "",  # whose it is makes no difference to what it comes to
        detail.status or "",  # not shown, but the tenant has returned its ID
        number=detail.number,
        amount=detail.amount,
        currency=detail.currency,
    )


def _joined(one: Sum, other: Sum) -> Sum:
    return Sum(
        one.currency,
        one.invoices + other.invoices,
        added((one.amount, other.amount)),
        one.untold + other.untold,
    )


def _amount(found: Sum, appended: int) -> Amount:
    told = found.untold < found.invoices
    return Amount(
        found.currency, found.invoices, found.text if told else None, found.untold, appended
    )
