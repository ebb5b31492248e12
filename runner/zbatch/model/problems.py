"""What is told of a run: its problems, the rules that it has met, how many items came to what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zbatch.model.outcomes import Outcome

if TYPE_CHECKING:
    from zbatch.model.spec import Source


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as told to people: a code to look up and a sentence; never a secret."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class MetRule:
    """A rule under `stop` that is met: what it has come to, its limit, where the spec has it.

    `value` and `limit` of the deadline are seconds.
    """

    rule: str
    value: float
    limit: float
    source: Source | None
    message: str


@dataclass(frozen=True, slots=True)
class Totals:
    """How many items came to what."""

    planned: int
    counts: dict[Outcome, int] = field(default_factory=dict)

    def __getitem__(self, outcome: Outcome) -> int:
        return self.counts.get(outcome, 0)

    @property
    def add_up(self) -> bool:
        """Whether the outcomes sum up to what was planned."""
        return sum(self.counts.values()) == self.planned
