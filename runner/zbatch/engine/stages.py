"""A run in stages: what came of one is looked at before the next begins. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from zbatch.engine.events import Settled
from zbatch.engine.order import Work
from zbatch.model import Identity, ItemRecord, Outcome

SHOWN = 60  # records of one stage that are kept for the look
_SERIOUS = frozenset({Outcome.FAILED, Outcome.UNKNOWN})
_BY_OTHERS = frozenset({Outcome.ALREADY_INVOICED, Outcome.NOTHING_TO_BILL})


class Choice(StrEnum):
    """What a person decides on after a stage."""

    CONFIRM = "confirm"  # go on to the next stage
    CONTINUE = "continue"  # go on to the end, and ask no more
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class StageEnd:
    """A stage of which nothing is under way any more, as its runs have left it.

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


@dataclass(slots=True)
class StageSoFar:
    """What has come of one stage so far; `items` is how many are to come to something."""

    items: int = 0
    counts: Counter[Outcome] = field(default_factory=Counter)
    serious: list[ItemRecord] = field(default_factory=list)
    others: list[ItemRecord] = field(default_factory=list)

    def take(self, record: ItemRecord) -> None:
        """Count what an item has come to, and keep the first ones to be shown."""
        self.counts[record.outcome] += 1
        kept = self.serious if record.outcome in _SERIOUS else self.others
        if len(kept) < SHOWN:
            kept.append(record)


class Stages:
    """Knows which stage is open, which ones were looked at, and what has come of each.

    A run begins with the first stage of which it has anything to send, to settle or to ask about
    again. No stage opens before each one ahead of it was `looked` at, in this run or in an earlier
    one, unless zbatch has made nothing of it. `past` is what has come of each stage before.
    """

    def __init__(
        self,
        of: int,
        works: Iterable[Work],
        looked: int = 0,
        past: Mapping[int, StageSoFar] | None = None,
    ) -> None:
        self.of = of
        self.looked = looked
        self._parts: dict[int, StageSoFar] = dict(past or {})
        self._due = {stage for stage, part in self._parts.items() if part.items}
        self._stage_of: dict[Identity, int] = {}
        self.number = of
        again = of + 1
        for work in works:
            self.number = min(self.number, work.stage)
            if work.stage < of:
                self._add(work)
            # After a `continue`, what was never sent may go; what was settled begins anew.
            if not work.held and (looked < of or (work.generation and not work.call)):
                again = min(again, work.stage)
        self.begin_anew(again)

    def _add(self, work: Work) -> None:
        part = self._parts.setdefault(work.stage, StageSoFar())
        part.items += len(work.items)
        self._stage_of.update((item.identity, work.stage) for item in work.items)
        if not work.held or work.held.attempts:
            self._due.add(work.stage)

    def take(self, event: Settled) -> None:
        """Count what an item has come to, if somebody may look at its stage."""
        record = event.record
        if self._stage_of and (stage := self._stage_of.get(record.item.identity)):
            self._parts[stage].take(record)
            if record.attempts or record.outcome not in _BY_OTHERS:
                self._due.add(stage)

    def unseen(self, following: int) -> int | None:
        """Name the first stage that is to be looked at before this one opens."""
        ahead = (stage for stage in self._due if self.looked < stage < following)
        return min(ahead, default=None)

    def end(self, number: int) -> StageEnd:
        """Say what has come of a stage; what has come to nothing waits for an earlier date."""
        part = self._parts[number]
        counts = part.counts.copy()
        if waiting := part.items - counts.total():
            counts[Outcome.NOT_ATTEMPTED] += waiting
        return StageEnd(number, self.of, dict(counts), (*part.serious, *part.others)[:SHOWN])

    def begin(self, number: int) -> None:
        """Go on to another stage."""
        self.number = number

    def begin_anew(self, stage: int) -> None:
        """Let a stage that was looked at be looked at again, as more of it is sent."""
        if self.number < self.of:
            self.looked = min(self.looked, stage - 1)
