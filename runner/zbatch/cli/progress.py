"""How far a run is: a fold over what it tells."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from zbatch.cli.words import duration
from zbatch.engine.events import Event, InFlight, Settled
from zbatch.model import Outcome


@dataclass(slots=True)
class Progress:
    """The figures of a run that goes on; `earlier` items were settled before it began."""

    planned: int
    earlier: int
    started_at: datetime
    counts: Counter[Outcome] = field(default_factory=Counter)
    in_flight: int = 0
    allowed: int = 0  # how many may be in flight

    def take(self, event: Event) -> None:
        """Count what the engine tells."""
        if isinstance(event, Settled):
            self.counts[event.record.outcome] += 1
        elif isinstance(event, InFlight):
            self.in_flight, self.allowed = event.calls, event.allowed

    @property
    def done(self) -> int:
        """How many of the planned items have an outcome, those of earlier runs included.

        A call left open by another spec may settle items that this plan does not have.
        """
        return min(self.planned, self.earlier + self.counts.total())

    @property
    def percent(self) -> int:
        """How much of the plan is done; 100 only when all of it is."""
        return 100 * self.done // self.planned if self.planned else 100

    def speed(self, now: datetime) -> float:
        """Say how many items a second this run settles."""
        elapsed = (now - self.started_at).total_seconds()
        return self.counts.total() / elapsed if elapsed > 0 else 0.0

    def counted(self) -> str:
        """Say the counts of what has been done."""
        invoiced = self.counts[Outcome.INVOICED] + self.counts[Outcome.ALREADY_INVOICED]
        allowed = f" of {self.allowed:,}" if self.allowed else ""
        return (
            f"invoiced {invoiced:,}  nothing to bill {self.counts[Outcome.NOTHING_TO_BILL]:,}  "
            f"failed {self.counts[Outcome.FAILED]:,}  unknown {self.counts[Outcome.UNKNOWN]:,}  "
            f"in flight {self.in_flight:,}{allowed}"
        )

    def pace(self, now: datetime) -> str:
        """Say the speed, and how long the rest takes at it."""
        speed, rest = self.speed(now), self.planned - self.done
        left = f"  {duration(rest / speed)} left" if speed and rest else ""
        return f"{speed:.1f}/s{left}"
