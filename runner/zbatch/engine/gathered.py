"""What comes of calls and questions between two commits, and what the ledger is to hold of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from zbatch.engine.judge import Judgement
from zbatch.engine.order import Work
from zbatch.engine.steps import Cleared, Step, finding
from zbatch.model import Finding, Result


@dataclass(frozen=True, slots=True)
class Looked:
    """What a question means for a work, and when it was asked, by both clocks."""

    work: Work
    outcome: Cleared | tuple[Step, ...]
    asked_at: tuple[float, datetime]

    def findings(self) -> list[Finding]:
        """Give what the ledger is to hold of it, for each item that it tells anything of."""
        items = self.work.items
        if isinstance(self.outcome, Cleared):
            pairs = zip(items, self.outcome.baselines, strict=True)
            return [Finding(item, baseline=baseline) for item, baseline in pairs if baseline]
        steps = zip(items, self.outcome, strict=True)
        found = (finding(self.work, item, step) for item, step in steps)
        return [one for one in found if one]


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that came between two commits."""

    answers: Sequence[tuple[Work, Judgement]]
    looks: Sequence[Looked]

    def results(self) -> list[Result]:
        """Give what the ledger is to hold of the calls."""
        return [judgement.result for _, judgement in self.answers]

    def findings(self) -> list[Finding]:
        """Give what the ledger is to hold of the questions."""
        return [found for look in self.looks for found in look.findings()]
