"""Hold what Zuora expects a plan to come to against what an earlier run has billed: pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from zbatch.app.review.online import Estimated, to_the_last
from zbatch.engine.money import added, amount_of
from zbatch.engine.question import COUNTS
from zbatch.report.lines import Line
from zbatch.spec.plan_diff import FAR

Account = tuple[str, str]
"""The ID of an account, and a currency that the tenant has told."""

Amounts = Mapping[Account, Decimal]


@dataclass(frozen=True, slots=True)
class Swing:
    """An account whose estimate is far from what it was billed then."""

    account_id: str
    currency: str
    then: Decimal
    now: Decimal


@dataclass(frozen=True, slots=True)
class CurrencyChange:
    """What the accounts of one currency came to then, and are expected to come to now."""

    currency: str
    accounts: int
    then: Decimal
    now: Decimal


@dataclass(frozen=True, slots=True)
class Swings:
    """Estimates held against a run; only accounts that have both are in it.

    `far` are those that differ by more than `FAR` of what they came to then, the greatest
    difference first.
    """

    run_id: str
    changes: tuple[CurrencyChange, ...]
    far: tuple[Swing, ...]


def billed_in(lines: Iterable[Line]) -> Amounts:
    """Add up what a report tells of the amounts of its invoices, those that count.

    What was appended to a draft is in an amount that an earlier time has a part in: its account is
    left out.
    """
    found: dict[Account, dict[str, Decimal]] = defaultdict(dict)
    without: set[str] = set()
    for line in lines:
        for invoice in line.invoices or ():
            amount = amount_of(invoice.amount)
            if invoice.appended:
                without.add(line.account_id)
            if amount is not None and invoice.currency and invoice.status in COUNTS:
                found[line.account_id, invoice.currency][invoice.id] = amount
    return {
        account: added(amounts.values())
        for account, amounts in found.items()
        if account[0] not in without
    }


def expected_of(estimates: Iterable[Estimated]) -> Amounts:
    """Give by account what is expected of it; one without that is left out."""
    return {
        (one.item.identity.account_id, one.currency): one.amount
        for one in to_the_last(estimates)
        if one.amount is not None and one.currency is not None
    }


def swings(run_id: str, then: Amounts, now: Amounts) -> Swings:
    """Compare account by account, a currency each."""
    both = sorted(then.keys() & now.keys())
    currencies = sorted({currency for _, currency in both})
    changes = tuple(_change(currency, both, then, now) for currency in currencies)
    far = [
        Swing(*account, then[account], now[account])
        for account in both
        if abs(now[account] - then[account]) > Decimal(str(FAR)) * abs(then[account])
    ]
    far.sort(key=lambda one: (-abs(one.now - one.then), one.account_id))
    return Swings(run_id, changes, tuple(far))


def _change(currency: str, both: Iterable[Account], then: Amounts, now: Amounts) -> CurrencyChange:
    of_it = [account for account in both if account[1] == currency]
    sums = (added(amounts[account] for account in of_it) for amounts in (then, now))
    return CurrencyChange(currency, len(of_it), *sums)
