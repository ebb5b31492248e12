"""A run in stages: what came of one is looked at before the next begins. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from zbatch.engine.events import Event, Settled
from zbatch.engine.order import Work
from zbatch.model import ItemRecord, Outcome

SHOWN = 60  # records of one stage that are kept for the look
_SERIOUS = frozenset({Outcome.FAILED, Outcome.UNKNOWN})


class Choice(StrEnum):
    """What a person decides on after a stage."""

    CONFIRM = "confirm"  # go on to the next stage
    CONTINUE = "continue"  # go on to the end, and ask no more
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class StageEnd:
    """A stage of which nothing is under way any more, as this run has seen it.

    `records` are the first of them, what failed or is unknown before all else.
    """

    number: int
    of: int
    counts: Mapping[Outcome, int]
    records: tuple[ItemRecord, ...]

    @property
    def name(self) -> str:
        """Which stage it is, of how many."""
        return f"stage {self.number} of {self.of}"


class Stages:
    """Knows which stage of how many a run is in, and what has come of it so far.

    A run begins with the first stage of which it has anything to send or to settle, so that runs
    without a terminal come one stage further each.
    """

    def __init__(self, of: int, works: Iterable[Work]) -> None:
        self.of = of
        self.number = min((work.stage for work in works if not work.held), default=of)
        self._counts: Counter[Outcome] = Counter()
        self._serious: list[ItemRecord] = []
        self._others: list[ItemRecord] = []

    def take(self, event: Event) -> None:
        """Count what an item has come to, as long as somebody will look at it."""
        if isinstance(event, Settled) and self.number < self.of:
            self._counts[event.record.outcome] += 1
            kept = self._serious if event.record.outcome in _SERIOUS else self._others
            if len(kept) < SHOWN:
                kept.append(event.record)

    def end(self) -> StageEnd:
        """Say what has come of the stage."""
        records = (*self._serious, *self._others)[:SHOWN]
        return StageEnd(self.number, self.of, dict(self._counts), records)

    def begin(self, number: int) -> None:
        """Go on to another stage."""
        self.number = number
        self._counts, self._serious, self._others = Counter(), [], []
