"""What a plan, or what is left of it, asks of a tenant: pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Self

from zbatch.app.review.in_turn import INVOICE_SECONDS, InTurn
from zbatch.model import Limits
from zbatch.zuora.query import BRANCHES

TOKEN_REQUESTS = 1
READ_WITHIN = 60.0  # seconds: what is settled within them is read back by the same question


@dataclass(frozen=True, slots=True)
class Load:
    """What sending so many calls asks of a tenant, with the questions around them.

    `before` are those that look numbers up and let calls go, `after` those that read back.
    `objects` is how many items a call has, one with another.
    """

    calls: int
    before: int
    after: int = 0
    objects: float = 1.0

    @classmethod
    def of(
        cls, calls: int, asked: int, sent: int, limits: Limits, in_turn: InTurn | None = None
    ) -> Self:
        """Count the questions about items before their calls, and about those sent after them.

        Without knowing how they come `in_turn`, there are no fewer than that, however fast the
        tenant is.
        """
        before = (in_turn or InTurn()).questions_of(asked)
        objects = max(sent, calls) / calls if calls else 1.0
        at_once = BRANCHES if in_turn is None else _read_at_once(limits, objects)
        return cls(calls, before, ceil(sent / at_once), objects)

    @property
    def call_seconds(self) -> float:
        """How long a call is assumed to take."""
        return INVOICE_SECONDS * self.objects

    @property
    def questions(self) -> int:
        """All questions."""
        return self.before + self.after

    @property
    def limited(self) -> int:
        """What takes its turn at the rate, and counts against quotas."""
        return self.calls + self.questions

    @property
    def requests(self) -> int:
        """All of it, with the token."""
        return self.limited + TOKEN_REQUESTS


def _read_at_once(limits: Limits, objects: float) -> int:
    """Tell of how many items a question reads back what came of them."""
    calls = min(limits.rate.per_second, limits.concurrency / (INVOICE_SECONDS * objects))
    return min(BRANCHES, 1 + int(READ_WITHIN * calls * objects))
