"""Where the works of a run come from: its order, those made later, and the stages it opens."""

from __future__ import annotations

from zbatch.engine.looks import Looks
from zbatch.engine.order import Later, Order, Work
from zbatch.engine.ports import Clock
from zbatch.engine.stages import Stages


class Supply:
    """Gives the works that may start, each in its turn."""

    def __init__(
        self, order: Order, later: Later, stages: Stages, looks: Looks, clock: Clock
    ) -> None:
        self._order = order
        self._later = later
        self._stages = stages
        self._looks = looks
        self._clock = clock

    @property
    def idle(self) -> bool:
        """Whether nothing is left of the stages that are open."""
        return self._order.idle

    def next_time(self) -> float | None:
        """Tell when, by the steady clock, the next work may start that waits for a time."""
        return self._order.next_time()

    async def take(self, wanted: int) -> list[Work]:
        """Take works that may start, making those whose turn comes before that of others."""
        works: list[Work] = []
        while True:
            coming = self._later.ordinal if self._order.is_open(self._later.stage) else None
            now = self._clock.monotonic()
            works += self._order.take(now, wanted - len(works), before=coming)
            if coming is None or len(works) >= wanted:
                return works
            self._order.add(await self._later.works())

    async def next_stage(self) -> bool:
        """Open the next stage once those ahead of it were looked at; tell whether one opens."""
        while (following := self._following()) is not None:
            if (unseen := self._stages.unseen(following)) is None:
                self._stages.begin(max(following, self._stages.number))
                self._order.open(self._stages.number)
                return True
            if not await self._looks.at(unseen, following):
                return False
        return False

    def _following(self) -> int | None:
        """Name the first stage that is not open and of which something could start."""
        following = self._order.next_stage
        if following is None and self._later.ordinal is not None:
            return self._later.stage  # the last one
        return following

    async def note(self) -> None:
        """Make durable how far somebody has looked."""
        await self._looks.note()

    def begin_anew(self, work: Work) -> None:
        """Take note that a work that had been left for good is sent after all."""
        self._stages.begin_anew(work.stage)
