"""What a plan comes to before anything is sent: counts, dates, requests, and how long it takes."""

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
class Estimate:
    """How long sending and asking takes at least, in seconds.

    The rate decides as long as a call takes no longer than `rate_decides_below` seconds; beyond
    that the concurrency does, in proportion to what a call takes.
    """

    seconds: float
    rate_decides_below: float


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan with its figures; `requests` counts generate calls, questions and the token."""

    plan: Plan
    accounts: int
    dates: tuple[DateCount, ...]
    questions: int
    requests: int
    estimate: Estimate


def preview(plan: Plan) -> Preview:
    """Count what a plan would send, and what is asked before it is sent."""
    pairs = Counter((item.identity.target_date, item.invoice_date) for item in plan.items)
    limits = plan.spec.limits
    questions = ceil(len(plan.items) / ITEMS_A_QUESTION)
    limited = len(plan.groups) + questions
    return Preview(
        plan=plan,
        accounts=len({item.identity.account_id for item in plan.items}),
        dates=tuple(DateCount(*pair, count) for pair, count in sorted(pairs.items())),
        questions=questions,
        requests=limited + TOKEN_REQUESTS,
        estimate=Estimate(
            seconds=limited / limits.rate.per_second,
            rate_decides_below=limits.concurrency / limits.rate.per_second,
        ),
    )
