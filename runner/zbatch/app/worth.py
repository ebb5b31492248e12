"""What the invoices of a report come to, by what the tenant showed of them after the sends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from zbatch.engine.money import Sum, added, sums
from zbatch.model import Detail, Invoice, Outcome
from zbatch.report.amounts import Amount, Total
from zbatch.report.lines import Line


def worth(line: Line) -> tuple[Amount, ...]:
    """Add up the invoices of a line, a currency at a time; what is canceled does not count.

    Where the tenant tells no currency each invoice stands alone: they may be of several.
    """
    details = _details(line)
    told = [one for one in details if one.currency is not None]
    parts = [told, *([one] for one in details if one.currency is None)]
    return tuple(_amount(one, older) for part in parts for one, older in _sums(line, part))


def totals(lines: Iterable[Line]) -> tuple[Total, ...]:
    """Add up the invoices of all lines, each once, by outcome and currency.

    Two dates of an account may have come to one invoice: it counts for the first of them.
    """
    seen: set[str] = set()
    found: dict[tuple[Outcome, str | None], tuple[Sum, int]] = {}
    for line in lines:
        fresh = [one for one in _details(line) if one.id not in seen]
        seen.update(one.id for one in fresh)
        for one, older in _sums(line, fresh):
            key = (line.outcome, one.currency)
            before, as_many = found.get(key, (None, 0))
            found[key] = (_joined(before, one) if before else one, as_many + older)
    order = list(Outcome)
    keys = sorted(found, key=lambda key: (order.index(key[0]), key[1] is None, key[1] or ""))
    return tuple(Total(key[0], _unless_mixed(_amount(*found[key]))) for key in keys)


def _unless_mixed(amount: Amount) -> Amount:
    """Tell no sum of invoices whose currency is not told: they may be of several."""
    mixed = amount.currency is None and amount.invoices > 1
    return replace(amount, text=None) if mixed else amount


def _details(line: Line) -> tuple[Detail, ...]:
    """Give what is known of a line's invoices: of those that were not read back their IDs."""
    if line.invoices is None:
        return tuple(Detail(one) for one in line.invoice_ids)
    return line.invoices


def _sums(line: Line, details: Iterable[Detail]) -> Iterator[tuple[Sum, int]]:
    """Give what invoices come to, and how many of them are older than their items."""
    shown = [(_invoice(line, one), one.appended) for one in details]
    older = {one.currency: one.invoices for one in sums(one for one, before in shown if before)}
    for found in sums(one for one, _ in shown):
        yield found, older.get(found.currency, 0)


def _invoice(line: Line, detail: Detail) -> Invoice:
    return Invoice(
        detail.id,
        line.account_id,
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
