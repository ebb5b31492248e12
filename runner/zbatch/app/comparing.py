"""Compare items with what the tenant shows: in questions of a hundred, and again for a while."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from zbatch.app.asking import Bureau, Matter, Session
from zbatch.engine.agreement import Agreement, LedgerEntry
from zbatch.engine.details import Details
from zbatch.engine.events import Event, Gated
from zbatch.engine.matching import compared_with
from zbatch.engine.pacing import Pace
from zbatch.model import Identity, Plan
from zbatch.zuora.query import BRANCHES

PAUSE = 5.0  # seconds between two looks at what is not finished
SHORT = 1.0  # seconds: a shorter wait is over before anybody has read of it

_MATTER = Matter("what invoices it has", "its invoices")


class Telling:
    """Tell a person why it takes its time; there is no run to watch."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._waits = False

    def event(self, event: Event) -> None:
        """Tell what holds the questions up."""
        if isinstance(event, Gated) and event.wait >= SHORT:
            self._tell(f"waiting {event.wait:.0f} s: {event.reason}")

    def waits(self, items: int, until: datetime) -> None:
        """Tell once that something is not finished yet, and until when it is asked about."""
        if not self._waits:
            self._waits = True
            who = "1 item has" if items == 1 else f"{items:,} items have"
            self._tell(
                f"{who} an invoice that is still being generated or that the tenant does not show:"
                f" asking again until {until:%H:%M:%S} UTC at the latest"
            )


@dataclass(frozen=True, slots=True)
class Comparing:
    """With what items are compared: the plan's limits and tenant, and for how long."""

    bureau: Bureau
    plan: Plan
    telling: Telling
    wait: float
    pace: Pace | None = None

    def compared(self, entries: Sequence[LedgerEntry]) -> tuple[dict[Identity, Agreement], int]:
        """Compare all items, and tell how many requests that took.

        Raises `CannotStart` where the tenant does not tell, `Interrupted` by a signal.
        """
        if not entries:
            return {}, 0

        async def talk(session: Session) -> dict[Identity, Agreement]:
            return await self._look(entries, session)

        return self.bureau.ask(self.plan, _MATTER, talk, self.pace)

    async def _look(
        self, entries: Sequence[LedgerEntry], session: Session
    ) -> dict[Identity, Agreement]:
        found: dict[Identity, Agreement] = {}
        details, clock = Details(session.inquiry), self.bureau.outside.clock

        async def answer(portion: Sequence[LedgerEntry]) -> list[Agreement]:
            return await compared_with(details, portion)

        left, ends = list(entries), clock.monotonic() + self.wait
        while left:
            for some in await session.answers(_cut(left), answer):
                found |= {one.entry.identity: one for one in some}
            left = [one.entry for one in found.values() if one.may_pass]
            now = clock.monotonic()
            if now >= ends or not left:
                break
            self.telling.waits(len(left), clock.now() + timedelta(seconds=ends - now))
            await session.rest(min(ends, now + PAUSE))
        return found


def _cut(entries: Sequence[LedgerEntry]) -> list[tuple[LedgerEntry, ...]]:
    """Cut items into portions of a question each."""
    in_order = sorted(entries, key=lambda one: one.identity)
    return [
        tuple(in_order[start : start + BRANCHES]) for start in range(0, len(in_order), BRANCHES)
    ]
