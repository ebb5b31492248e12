"""Compare items with what the tenant shows: in questions of a hundred, and again for a while."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zbatch.app.api import RunHeader, RunResult, Watcher
from zbatch.app.asking import Asking, could_not, only_asking
from zbatch.app.outside import Outside, Way
from zbatch.app.signals import interruptible
from zbatch.engine.agreement import Agreement, Held
from zbatch.engine.asking import Inquiry
from zbatch.engine.brake import Brake
from zbatch.engine.details import Details
from zbatch.engine.events import Event, Gated, Stopping
from zbatch.engine.matching import compared_with
from zbatch.engine.pacing import Pace
from zbatch.model import Identity, Plan
from zbatch.zuora.query import BRANCHES

PAUSE = 5.0  # seconds between two looks at what is not finished

_Asking = Asking[tuple[Held, ...], list[Agreement]]
_TOLD = ("what invoices it has", "its invoices")


class Telling(Watcher):
    """Tell a person why it takes its time; there is no run to watch."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._waits = False

    def started(self, header: RunHeader) -> None:
        """Take in that a run begins."""

    def event(self, event: Event) -> None:
        """Tell what holds the questions up."""
        if isinstance(event, Gated):
            self._tell(f"waiting {event.wait:.0f} s: {event.reason}")
        elif isinstance(event, Stopping):
            self._tell(f"stopping: {event.reason}")

    def finished(self, result: RunResult) -> None:
        """Take in that a run is over."""

    def waits(self, items: int, seconds: float) -> None:
        """Tell once that something is not finished yet."""
        if not self._waits:
            self._waits = True
            self._tell(
                f"{items} item(s) have invoices that are not finished or cannot be read yet:"
                f" asking again for at most {seconds:.0f} s"
            )


@dataclass(frozen=True, slots=True)
class Comparing:
    """With what items are compared: the plan's limits and tenant, and for how long."""

    plan: Plan
    outside: Outside
    telling: Telling
    pace: Pace
    patience: float
    wait: float

    async def compared(
        self, held: Sequence[Held], way: Way
    ) -> tuple[dict[Identity, Agreement], int]:
        """Compare all items, and tell how many requests that took.

        Raises `CannotStart` where the tenant does not tell, `Interrupted` by a signal.
        """
        clock, settings = self.outside.clock, only_asking(self.plan, self.patience, self.pace)
        brake = Brake(clock, self.outside.random, self.telling.event, settings)
        async with way as sender:
            details = Details(Inquiry(sender, brake, clock))
            asking: _Asking = Asking(brake, lambda portion: compared_with(details, portion))
            with interruptible(asking, self.plan.spec.limits.timeout) as interruptions:
                found = await self._look(held, asking, brake, settings.workers)
        if brake.stopped:
            raise could_not(brake.stopped, interruptions.first, self.plan.tenant, *_TOLD)
        return found, details.asked

    async def _look(
        self,
        held: Sequence[Held],
        asking: _Asking,
        brake: Brake,
        workers: int,
    ) -> dict[Identity, Agreement]:
        found: dict[Identity, Agreement] = {}
        left, clock = list(held), self.outside.clock
        ends = clock.monotonic() + self.wait
        while left and not brake.stopped:
            for some in await asking.answers(_cut(left), workers):
                found |= {one.held.identity: one for one in some}
            left = [one.held for one in found.values() if one.may_pass]
            now = clock.monotonic()
            if now >= ends or not left:
                break
            self.telling.waits(len(left), ends - now)
            await brake.until(brake.stopping, min(ends, now + PAUSE))
        return found


def _cut(held: Sequence[Held]) -> list[tuple[Held, ...]]:
    """Cut items into portions of a question each."""
    in_order = sorted(held, key=lambda one: one.identity)
    return [
        tuple(in_order[start : start + BRANCHES]) for start in range(0, len(in_order), BRANCHES)
    ]
