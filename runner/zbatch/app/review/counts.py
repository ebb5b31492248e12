"""What a plan comes to, counted in one pass over its items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import date
from itertools import chain
from math import ceil
from typing import Any

from zbatch.app.review.calls import calls_of
from zbatch.app.review.in_turn import InTurn
from zbatch.model import Account, DatePair, Exclusion, Plan, Spec
from zbatch.spec.totals import (
    accounts_digest,
    count_accounts,
    count_again,
    count_dates,
    count_sources,
    items_of_each,
)
from zbatch.zuora.numbers import NUMBERS_A_QUESTION


@dataclass(frozen=True, slots=True)
class DateCount:
    """How many items have one pair of dates."""

    target_date: date
    invoice_date: date
    items: int

    def as_json(self) -> dict[str, Any]:
        """Arrange it as in every document of a plan."""
        return {
            "target_date": self.target_date.isoformat(),
            "invoice_date": self.invoice_date.isoformat(),
            "items": self.items,
        }


@dataclass(frozen=True, slots=True)
class SourceCount:
    """How many items a file names: the spec itself, or one of its lists."""

    file: str
    items: int


@dataclass(frozen=True, slots=True)
class PlanCounts:
    """A plan in numbers; `again` are the items of a revision above the first.

    Of the accounts so many as `by_number` says are named by number. How many calls their items
    take is known once they have IDs; before that it is reckoned. `excluded` are accounts that the
    spec names and keeps out, by reason; `to_exclude` those of which only their number's look-up
    shows whether they are among the accounts, which count until then. `accounts_digest` is what
    `expect` in a spec takes, None while some accounts have no ID. `look_ups` are the
    questions about numbers, also about those of whom to keep out.
    """

    accounts: int
    by_number: int
    items: int
    calls: int
    excluded: tuple[tuple[str, int], ...]
    to_exclude: tuple[tuple[str, int], ...]
    dates: tuple[DateCount, ...]
    sources: tuple[SourceCount, ...]
    again: int
    accounts_digest: str | None
    in_turn: InTurn
    look_ups: int


def count_plan(plan: Plan) -> PlanCounts:
    """Count a plan, those accounts too that are not looked up yet."""
    pairs = count_dates(plan.items)
    sources = count_sources(plan.items)
    accounts, again = count_accounts(plan.items), count_again(plan.items)
    later = 0
    numbers: set[str] = set()
    each: list[int] = []
    for named in plan.unresolved:
        numbers.add(named.named)
        dates = pairs_of(plan.spec, named)
        each.append(len(dates))
        pairs.update(dates)
        sources[named.source.file] += len(dates)
        again += len(dates) * (named.revision > 1)
        later += len(dates)
    return PlanCounts(
        accounts=accounts + len(numbers),
        by_number=len(numbers),
        items=len(plan.items) + later,
        calls=_calls(plan, each),
        excluded=_by_reason(plan.excluded),
        to_exclude=_by_reason(plan.unresolved_exclusions),
        dates=tuple(_date_counts(pairs)),
        sources=tuple(SourceCount(*pair) for pair in sources.items() if pair[1]),
        again=again,
        accounts_digest=accounts_digest(plan.items) if plan.resolved else None,
        in_turn=InTurn.of(chain(items_of_each(plan.items), each), plan.spec.limits),
        look_ups=_look_ups(plan, numbers),
    )


def _calls(plan: Plan, by_number: Sequence[int]) -> int:
    """Count the calls; those by number have so many items each."""
    if not by_number:
        return len(plan.groups)
    each = chain(items_of_each(plan.items), by_number)
    return calls_of(each, plan.spec.limits.objects_per_call)


def _look_ups(plan: Plan, numbers: Set[str]) -> int:
    """Count the questions about numbers: whom to bill, and whom to keep out."""
    if plan.resolved:
        return 0
    kept_out = {one.number for one in plan.spec.exclusions if one.number is not None}
    return ceil(len(numbers | kept_out) / NUMBERS_A_QUESTION)


def _by_reason(exclusions: Iterable[Exclusion]) -> tuple[tuple[str, int], ...]:
    return tuple(Counter(one.reason for one in exclusions).most_common())


def _date_counts(pairs: Counter[DatePair]) -> Iterator[DateCount]:
    for pair in sorted(pairs, key=lambda pair: (pair.target_date, pair.invoice_date)):
        yield DateCount(pair.target_date, pair.invoice_date, pairs[pair])


def pairs_of(spec: Spec, account: Account) -> tuple[DatePair, ...]:
    """Give target and invoice date of each item of an account."""
    return spec.dates if account.dates is None else account.dates
