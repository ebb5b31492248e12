"""What is left of a plan, known by parts: of most of them only that there is something, or not."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from zbatch.app.altered import refuse_altered
from zbatch.app.outside import Keeper
from zbatch.app.outstanding import Outstanding, Wish, refuse_revisions, refuse_unresolved
from zbatch.app.parts import AT_LEAST, Part, cut, left_of, new_works, standings_of
from zbatch.app.stages import early_groups
from zbatch.engine.order import Work
from zbatch.errors import Refused
from zbatch.ledger.store import Store
from zbatch.model import ItemRecord, Outcome, Plan


@dataclass(slots=True)
class Counts:
    """How much is left: `calls` to be sent; items to ask about, to be sent, and settled before.

    Of `to_send` those `in_doubt` are settled, by a question alone or by the same call once more.
    `elsewhere` are the items that wait for what no failure of the plan tells.
    """

    calls: int = 0
    asked: int = 0
    to_send: int = 0
    in_doubt: int = 0
    settled: int = 0
    elsewhere: int = 0

    def take(self, todo: Outstanding) -> None:
        """Count what is left of some items."""
        for work in todo.works:
            self.asked += len(work.items)
            self.calls += not (work.held or work.burnt)
            if work.held:
                self.settled += 1
            else:
                self.to_send += len(work.items)
                self.in_doubt += len(work.items) * work.in_doubt
        self.settled += sum(record.outcome.settled for record in todo.records)
        self.elsewhere += todo.elsewhere

    def take_new(self, part: Part) -> None:
        """Count a part of which every item is to be sent."""
        self.calls += len(part.groups)
        self.asked += part.stop - part.start
        self.to_send += part.stop - part.start


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is left of a plan, and for all other items what they have come to before this run.

    `now` is what is left of some `parts`, all that is in doubt among it. Of the others nothing is
    in memory: those that are `invoiced` have nothing left, the works of those that come `later`
    are made when their turn comes, and the outcomes of those that are `told` are read when they
    are. Nothing that this run does to one part changes what is left of another, so each comes out
    as it would at once. `waiting` are those of their items that wait for an earlier date.
    """

    plan: Plan
    wish: Wish
    now: Outstanding
    counts: Counts
    parts: tuple[Part, ...] = ()
    invoiced: frozenset[Part] = frozenset()
    later: tuple[Part, ...] = ()
    told: frozenset[Part] = frozenset()
    waiting: tuple[ItemRecord, ...] = ()

    @classmethod
    def of(cls, plan: Plan, todo: Outstanding) -> Backlog:
        """Give what is known at once as a backlog."""
        counts = Counts()
        counts.take(todo)
        return cls(plan, Wish(), todo, counts, tuple(cut(plan)))

    @property
    def work(self) -> bool:
        """Whether there is anything to send, to settle or to ask about."""
        return bool(self.counts.asked)

    @property
    def held_back(self) -> Iterator[ItemRecord]:
        """Give the items that have waited for an earlier date since before the run."""
        yield from (one for one in self.now.records if one.outcome is Outcome.NOT_ATTEMPTED)
        yield from self.waiting

    def works_of(self, part: Part, store: Store) -> tuple[Work, ...]:
        """Make the works of a part that comes later: they are all of the last stage."""
        works = self._works_of(part, store)
        for work in works:
            work.stage = len(self.plan.spec.stages)
        return works

    def settled(self, store: Store) -> Iterator[tuple[Part, Iterator[ItemRecord]]]:
        """Give the outcomes that stand, part by part in the order of the plan."""
        known = {record.item.identity: record for record in self.now.records}
        for part in self.parts:
            if part in self.invoiced:
                yield part, self._outcomes_of(part, store)
            elif part in self.told:
                yield part, _settled(self._left_of(part, store).records)
            elif known:
                found = (known.get(item.identity) for item in part.items(self.plan))
                yield part, _settled(record for record in found if record)

    def _outcomes_of(self, part: Part, store: Store) -> Iterator[ItemRecord]:
        """Make the items of a part only where its outcomes are taken."""
        yield from store.outcomes(part.items(self.plan))

    def _works_of(self, part: Part, store: Store) -> tuple[Work, ...]:
        if store.untouched(self.plan.items, part.start, part.stop):
            return tuple(new_works(self.plan, part))
        return self._left_of(part, store).works

    def _left_of(self, part: Part, store: Store) -> Outstanding:
        standings = standings_of(self.plan, (part,), store)
        return left_of(self.plan, (part,), standings, self.wish)


def _settled(records: Iterable[ItemRecord]) -> Iterator[ItemRecord]:
    return (record for record in records if record.outcome is not Outcome.NOT_ATTEMPTED)


class LaterWorks:
    """The works of the parts that come later, made in the plan's order when the engine asks."""

    def __init__(self, todo: Backlog, keeper: Keeper) -> None:
        self.stage = len(todo.plan.spec.stages)
        self.items = todo.counts.asked - sum(len(work.items) for work in todo.now.works)
        self._todo = todo
        self._keeper = keeper
        self._parts = deque(todo.later)

    @property
    def ordinal(self) -> int | None:
        """The first position of the next part, None where there is none."""
        return self._parts[0].start if self._parts else None

    async def works(self) -> tuple[Work, ...]:
        """Make the works of the next part."""
        part = self._parts.popleft()
        return await self._keeper.read(lambda store: self._todo.works_of(part, store))


def backlog_of(plan: Plan, store: Store, wish: Wish, at_least: int = AT_LEAST) -> Backlog:
    """Read once through what the ledger holds of a plan, so many items at a time.

    Raises `Refused` as `outstanding` does.
    """
    refuse_unresolved(plan)
    try:
        return _Survey(plan, store, wish).backlog(at_least)
    except Refused:
        # What is refused of a part is said of the whole plan.
        refuse_altered(store.standing(plan.items))
        refuse_revisions(store.standing(plan.items))
        raise


@dataclass(slots=True)
class _Survey:
    plan: Plan
    store: Store
    wish: Wish
    counts: Counts = field(default_factory=Counts)
    parts: list[Part] = field(default_factory=list)
    invoiced: list[Part] = field(default_factory=list)
    now: list[Part] = field(default_factory=list)
    later: list[Part] = field(default_factory=list)
    told: list[Part] = field(default_factory=list)
    waiting: list[ItemRecord] = field(default_factory=list)

    def backlog(self, at_least: int) -> Backlog:
        """Look at each part, and then at those together that cannot wait."""
        early = early_groups(self.plan)
        listed_by = next(reversed(self.store.runs_of(self.plan.digest)), None)
        for part in cut(self.plan, at_least):
            self.parts.append(part)
            if part.groups.start < early:
                self.now.append(part)  # people look at the stages before the last one
            elif self.store.all_invoiced(self.plan.items, part.start, part.stop, listed_by):
                self.invoiced.append(part)
                self.counts.settled += part.stop - part.start
            elif self.store.untouched(self.plan.items, part.start, part.stop):
                self.later.append(part)
                self.counts.take_new(part)
            else:
                self._look_at(part)
        standings = standings_of(self.plan, self.now, self.store)
        todo = left_of(self.plan, self.now, standings, self.wish)
        self.counts.take(todo)
        return Backlog(
            self.plan,
            self.wish,
            todo,
            self.counts,
            tuple(self.parts),
            frozenset(self.invoiced),
            tuple(self.later),
            frozenset(self.told),
            tuple(self.waiting),
        )

    def _look_at(self, part: Part) -> None:
        standings = standings_of(self.plan, (part,), self.store)
        if any(standing.call for standing in standings):
            self.now.append(part)  # a call may bind it to other parts, and doubt comes first
            return
        todo = left_of(self.plan, (part,), standings, self.wish)
        if self.plan.spec.stages and any(work.held or work.generation for work in todo.works):
            self.now.append(part)  # it is asked about, or opens its stage anew, before its turn
            return
        self.counts.take(todo)
        if todo.works:
            self.later.append(part)
        waiting = [one for one in todo.records if one.outcome is Outcome.NOT_ATTEMPTED]
        if len(waiting) < len(todo.records):
            self.told.append(part)
        self.waiting += waiting
