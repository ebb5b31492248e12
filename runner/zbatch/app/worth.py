"""What the invoices of a report, a run or a stage come to, by what the tenant has shown of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from zbatch.engine.money import Sum, added, amount_of, as_own, sums
from zbatch.engine.question import exists
from zbatch.model import Detail, Invoice, Outcome
from zbatch.report.amounts import Amount, Total
from zbatch.report.lines import Line

_NO_CALL = datetime.min.replace(tzinfo=UTC)
_Found = dict[str | None, tuple[Sum, int]]  # by currency, and how many are older than their items


class _Held(NamedTuple):
    """An invoice as far as it is counted, `at` the end of the call after which it was so."""

    at: datetime | None
    counts: bool
    amount: str | None
    currency: str | None
    appended: bool


def worth(line: Line) -> tuple[Amount, ...]:
    """Add up the invoices of a line, a currency at a time; what is canceled does not count.

    Where the tenant tells no currency each invoice stands alone: they may be of several.
    """
    details = _details(line)
    told = [one for one in details if one.currency is not None]
    parts = [told, *([one] for one in details if one.currency is None)]
    return tuple(_amount(one, older) for part in parts for one, older in _sums(part))


class Purse:
    """Adds up invoices as they come to be known, each once, a currency at a time.

    One that comes again counts as the later call has left it: a tenant may have appended to it.
    Where each comes `once` none needs to be remembered, which takes some hundreds of bytes each.
    """

    def __init__(self, *, once: bool = False) -> None:
        self._held: dict[str, _Held] | None = None if once else {}
        self._found: _Found = {}

    def put(self, details: Iterable[Detail], at: datetime | None = None) -> None:
        """Add invoices of an item whose call was over `at` then, by default after all before."""
        for one in details:
            held = _held(one, at)
            if self._held is not None:
                if known := self._held.get(one.id):
                    self._count(known, -1)
                    held = _later(known, held)
                self._held[one.id] = held
            self._count(held, 1)

    @property
    def amounts(self) -> tuple[Amount, ...]:
        """Tell what they come to by now, what has no currency last."""
        return _told(self._found)

    def _count(self, held: _Held, times: int) -> None:
        """Count an invoice in, or with -1 out again."""
        if not held.counts:
            return
        found = self._found.pop(held.currency, None)
        before, older = found or (Sum(held.currency, 0, Decimal(0)), 0)
        amount = amount_of(held.amount)
        untold, amount = amount is None, amount or Decimal(0)
        joined = Sum(
            held.currency,
            before.invoices + times,
            added((before.amount, amount if times > 0 else amount.copy_negate())),
            before.untold + times * untold,
        )
        if joined.invoices:
            self._found[held.currency] = (joined, older + times * held.appended)


def _held(one: Detail, at: datetime | None) -> _Held:
    own = _invoice(one)
    return _Held(at, exists(own), own.amount, own.currency, one.appended)


def _later(known: _Held, again: _Held) -> _Held:
    earlier = again.at is not None and known.at is not None and again.at < known.at
    older = again.appended and known.appended  # else the very purse has its beginning
    return (known if earlier else again)._replace(appended=older)


def _told(found: _Found) -> tuple[Amount, ...]:
    names = sorted(found, key=lambda name: (name is None, name or ""))
    return tuple(_unless_mixed(_amount(*found[name])) for name in names)


def totals(lines: Iterable[Line]) -> tuple[Total, ...]:
    """Add up the invoices of all lines, each once, by outcome and currency.

    Two dates of an account may have come to one invoice: it counts for the first of them, with
    what the tenant showed after the later call.
    """
    purses = {outcome: Purse() for outcome in Outcome}
    whose: dict[str, Purse] = {}
    for line in lines:
        for one in _details(line):
            purse = whose.setdefault(one.id, purses[line.outcome])
            purse.put((one,), line.finished_at or _NO_CALL)
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
    invoice = Invoice(
        detail.id,
        "",  # whose it is makes no difference to what it comes to
        detail.status or "",  # not shown, but the tenant has returned its ID
        number=detail.number,
        amount=detail.amount,
        currency=detail.currency,
    )
    return as_own(invoice)


def _amount(found: Sum, appended: int) -> Amount:
    told = found.untold < found.invoices
    return Amount(
        found.currency, found.invoices, found.text if told else None, found.untold, appended
    )
