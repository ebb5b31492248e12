"""What a plan comes to, counted in one pass over its items."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from math import ceil

from zbatch.model import Plan
from zbatch.zuora.query import BRANCHES

TOKEN_REQUESTS = 1
ITEMS_A_QUESTION = BRANCHES // 2  # an item asks about its date, and about its account's drafts


@dataclass(frozen=True, slots=True)
class DateCount:
    """How many items have one pair of dates."""

    target_date: date
    invoice_date: date
    items: int


@dataclass(frozen=True, slots=True)
class SourceCount:
    """How many items a file names: the spec itself, or one of its lists."""

    file: str
    items: int


@dataclass(frozen=True, slots=True)
class Figures:
    """A plan in numbers; `again` are the items of a revision above the first."""

    accounts: int
    items: int
    calls: int
    dates: tuple[DateCount, ...]
    sources: tuple[SourceCount, ...]
    again: int


def figures(plan: Plan) -> Figures:
    """Count a plan."""
    pairs: Counter[tuple[date, date]] = Counter()
    sources: Counter[str] = Counter({plan.spec.file: 0})
    accounts = again = 0
    last = ""
    for item in plan.items:
        account = item.identity.account_id
        accounts += account != last  # the items of an account stand together
        last = account
        again += item.identity.revision > 1
        pairs[item.identity.target_date, item.invoice_date] += 1
        sources[item.source.file] += 1
    return Figures(
        accounts=accounts,
        items=len(plan.items),
        calls=len(plan.groups),
        dates=tuple(DateCount(*pair, count) for pair, count in sorted(pairs.items())),
        sources=tuple(SourceCount(*pair) for pair in sources.items() if pair[1]),
        again=again,
    )


@dataclass(frozen=True, slots=True)
class Load:
    """What sending so many calls, and asking about so many items first, asks of a tenant."""

    calls: int
    questions: int

    @classmethod
    def of(cls, calls: int, items: int) -> Load:
        """Count the questions about items before their calls."""
        return cls(calls, ceil(items / ITEMS_A_QUESTION))

    @property
    def limited(self) -> int:
        """What takes its turn at the rate, and counts against quotas."""
        return self.calls + self.questions

    @property
    def requests(self) -> int:
        """All of it, with the token."""
        return self.limited + TOKEN_REQUESTS
