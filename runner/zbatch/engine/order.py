"""Which call may start now: an account's items one after the other, earliest target date first."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from zbatch.engine.kinds import doubtful
from zbatch.model import Attempt, Call, Identity, Item, ItemRecord, Problem, Trail

_FRESH = Trail()


@dataclass(slots=True, eq=False)
class Work:
    """One call to be made or made again, with what this run and the ledger know of its key.

    `call` is None until its key is minted; `burnt` forbids to send it again. `trails` stand by the
    position of `items`. `prior_attempts` counts the sends of its items under earlier keys, `tries`
    those of this run that count against `max_attempts`. `asked_at` is when the last question let it
    go, by the steady clock and by the wall's. `held` is an outcome that is only asked about again
    and stands while the answer is the same; `behind` is an open earlier date of its account, for
    which it is not sent though it is reopened, or `wanted` again. `rests_until` keeps a work
    without doubt from being asked too early. `settle` is how long, in seconds, the runs that sent
    it wanted it to rest. `stage` is the part of the run that it is sent in; `reopened` is what was
    held before. `apart` tells of an item taken out of its call why that is not sent again: its
    items are not all to be billed. `refusals` are the answers in a row that named a limit, under
    earlier keys too, so many of them `refused_alone`, the last one `refused_at` a time of the
    steady clock.
    """

    ordinal: int
    items: tuple[Item, ...]
    generation: int
    call: Call | None = None
    attempts: tuple[Attempt, ...] = ()
    trails: tuple[Trail, ...] = ()
    burnt: bool = False
    held: ItemRecord | None = None
    behind: Item | None = None
    wanted: bool = False
    asked_at: tuple[float, datetime] | None = None
    rechecks: int = 0
    rests_until: datetime | None = None
    prior_attempts: int = 0
    first_sent: datetime | None = None
    tries: int = 0
    conflicts: int = 0
    refused_tokens: set[int] = field(default_factory=set)
    accepted_before: int | None = None
    settle: float = 0.0
    stage: int = 0
    apart: Problem | None = None
    reopened: bool = False
    refusals: int = 0
    refused_alone: int = 0
    refused_at: float = 0.0

    def __post_init__(self) -> None:
        self.trails = self.trails or (_FRESH,) * len(self.items)

    @property
    def may_wait(self) -> bool:
        """Whether the call may be held back: nothing of it can have been executed unseen.

        A call of several items under a key is not taken apart for the sake of one of them: where
        it was not that item's turn, that was done before the run.
        """
        return self.call is None or (len(self.items) == 1 and not self.in_doubt)

    @property
    def in_doubt(self) -> bool:
        """Whether it was sent and nobody knows what came of it; a key alone makes no doubt."""
        return self.burnt or doubtful(self.attempts)

    @property
    def stale_token(self) -> int | None:
        """The token than which it needs a newer one: any newer one, also if refused before."""
        return min(self.refused_tokens) if self.refused_tokens else None

    @property
    def sends(self) -> int:
        """How often its items left, or may have left, under this key and those before it."""
        if not self.attempts:  # as for most calls, and this is asked of each of them again
            return self.prior_attempts
        return self.prior_attempts + sum(attempt.sent for attempt in self.attempts)

    def forget(self) -> None:
        """Let go of what was sent: works are as many as items, and live as long as the run."""
        self.call, self.attempts = None, ()


class Later(Protocol):
    """Works that are made when their turn comes: all of an account together, in the plan's order.

    They are new calls or outcomes to be asked about again, of so many `items`; those of `stage`
    wait until it opens.
    """

    stage: int
    items: int

    @property
    def ordinal(self) -> int | None:
        """The least ordinal that is still to come, None where nothing is."""
        ...

    async def works(self) -> Sequence[Work]:
        """Make the next ones."""
        ...


class NothingLater:
    """Has no works that come later."""

    stage = 0
    items = 0
    ordinal = None

    async def works(self) -> Sequence[Work]:
        """Make none."""
        return ()


NOTHING_LATER = NothingLater()


class Order:
    """The calls of a run that are not yet done, as chains: one an account.

    A call may start when each of its items is the first of its account's chain. Calls in doubt
    stand before the others, so that doubt is settled first. Calls of stages after `stage` wait
    until that is opened, also those that have a key and were never sent; what is in doubt is
    settled, and what is held is asked about, whatever its stage.
    """

    def __init__(self, works: Iterable[Work], stage: int = 0) -> None:
        self._stage = stage
        self._shut: list[Work] = []
        self._chains: dict[str, list[tuple[Item, Work]]] = {}
        self._ready: list[tuple[int, int, Work]] = []
        self._later: list[tuple[float, int, Work]] = []
        self._missing: dict[Work, int] = {}
        self._pushes = 0
        self._fill(list(works))

    def add(self, works: Iterable[Work]) -> None:
        """Take in works of accounts that have none here, and had none before."""
        self._fill(list(works))

    def _fill(self, works: list[Work]) -> None:
        links = [(item, work) for work in works for item in work.items]
        links.sort(key=_rank)
        chains: dict[str, list[tuple[Item, Work]]] = {}
        for item, work in links:
            chains.setdefault(item.identity.account_id, []).append((item, work))
        if not self._chains.keys().isdisjoint(chains):
            raise ValueError("an account has come a second time: its dates could go side by side")
        self._missing |= {work: len(work.items) for work in works}
        self._chains |= chains
        for chain in chains.values():
            self._at_head(chain)

    def __len__(self) -> int:
        """Count the calls that wait, whether or not they may start."""
        return len(self._ready) + len(self._later) + len(self._missing) + len(self._shut)

    def take(self, now: float, most: int, before: int | None = None) -> list[Work]:
        """Take out up to `most` calls that may start, in the order of the plan.

        Those that do not come `before` a place in the plan stay.
        """
        while self._later and self._later[0][0] <= now:
            _, _, work = heapq.heappop(self._later)
            self._push(work)
        taken: list[Work] = []
        while self._ready and len(taken) < most:
            if before is not None and self._ready[0][0] >= before:
                break
            taken.append(heapq.heappop(self._ready)[2])
        return taken

    def next_time(self) -> float | None:
        """Tell when the next postponed call is due."""
        return self._later[0][0] if self._later else None

    def postpone(self, work: Work, until: float) -> None:
        """Put back a call whose items keep their places in their chains."""
        self._pushes += 1
        heapq.heappush(self._later, (until, self._pushes, work))

    def release(self, item: Item) -> None:
        """Let the account's next item go on: this one is invoiced or has nothing to bill."""
        chain = self._chains[item.identity.account_id]
        chain.pop(0)
        if chain:
            self._at_head(chain)
        else:
            del self._chains[item.identity.account_id]

    def block(self, item: Item, by: Item | None = None, *, doubt: bool = False) -> list[Item]:
        """Hold back the account's later dates, since a later date would bill what this one left.

        With `doubt` its earlier dates too: the call of this one may be executed still, and an
        account has one call at a time. Gives the items that will not be sent; `by` is the open
        date where it is not the item's own. A call that loses an item this way is taken apart: its
        other items go alone. What is only asked about again is asked still.
        """
        chain = self._chains[item.identity.account_id]
        chain.pop(0)
        waiting = [
            (other, work)
            for other, work in chain
            if work.may_wait and (doubt or other.identity > item.identity)
        ]
        for _, work in waiting:
            work.behind = work.behind or by or item
        held = [link for link in waiting if link[1].held is None]
        kept = [link for link in chain if link not in held]
        self._chains[item.identity.account_id] = kept
        for other, work in held:
            self._without(work, other)
        if kept:
            self._at_head(self._chains[item.identity.account_id])
        else:
            del self._chains[item.identity.account_id]
        return [other for other, _ in held]

    def works_on(self, account_id: str) -> bool:
        """Tell whether any call of an account waits or is under way."""
        return account_id in self._chains

    def _at_head(self, chain: list[tuple[Item, Work]]) -> None:
        work = chain[0][1]
        self._missing[work] -= 1
        if self._missing[work] == 0:
            del self._missing[work]
            self._push(work)

    def _without(self, work: Work, item: Item) -> None:
        del self._missing[work]
        for other in work.items:
            if other is not item:
                self._alone(other, work)

    def _alone(self, item: Item, group: Work) -> None:
        chain = self._chains[item.identity.account_id]
        alone = alone_of(group, item)
        position = next(i for i, (other, _) in enumerate(chain) if other is item)
        chain[position] = (item, alone)
        if position == 0:
            self._push(alone)
        else:
            self._missing[alone] = 1

    @property
    def idle(self) -> bool:
        """Whether nothing can start, now or at any time, before something else is done."""
        return not self._ready and not self._later

    @property
    def next_stage(self) -> int | None:
        """The first stage that is not open and of which something could start."""
        return min((work.stage for work in self._shut), default=None)

    def is_open(self, stage: int) -> bool:
        """Tell whether the new calls of a stage may start."""
        return stage <= self._stage

    def open(self, stage: int) -> None:
        """Let the calls of a stage, and of those before it, start."""
        self._stage = stage
        shut, self._shut = self._shut, []
        for work in shut:
            self._push(work)

    def _push(self, work: Work) -> None:
        if work.stage > self._stage and not work.held and not work.in_doubt:
            self._shut.append(work)
            return
        self._pushes += 1
        heapq.heappush(self._ready, (work.ordinal, self._pushes, work))


def _rank(link: tuple[Item, Work]) -> tuple[bool, int, str, date, int]:
    """Order a chain: calls in doubt by their place in the plan, then the rest by date.

    Held calls of several accounts may stem from different specs: by date, two of them could each
    wait for the other.
    """
    item, work = link
    identity, waits = item.identity, work.may_wait
    # field by field, as identities themselves would be compared, but without a call for each pair
    by_date = identity.account_id, identity.target_date, identity.revision
    return waits, 0 if waits else work.ordinal, *by_date


def doubted(works: Iterable[Work]) -> Iterator[Identity]:
    """Name the items of which an earlier run has left open what came of them."""
    for work in works:
        if work.in_doubt:
            yield from (item.identity for item in work.items)


def alone_of(group: Work, item: Item) -> Work:
    """Give the work that carries one item of a group alone, under a key of its own.

    The group was never executed: a key that it has is settled, and the item goes on after it.
    """
    position = [other.identity for other in group.items].index(item.identity)
    generation = group.generation + (group.call is not None)
    trails = (group.trails[position],)
    return Work(group.ordinal, (item,), generation, trails=trails, stage=group.stage)
