"""A look at a ledger beside the run that is at work on it, if one is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from zbatch.app.status import Status, run_at_work
from zbatch.engine.ports import Clock
from zbatch.ledger.glance import Glance, glance
from zbatch.model import Identity

Found = TypeVar("Found")


def read_beside(
    folder: Path, clock: Clock, read: Callable[[Glance, frozenset[Identity]], Found]
) -> tuple[Found | None, Status | None, bool]:
    """Read a ledger, None where there is none, and tell which run is at work by now.

    `read` is given the items of the calls that had no answer so far, of the run that was at work
    before; they are under way only where it is the same one by now, which is told last: else they
    are in doubt, or settled. Raises `CannotStart`.
    """
    before = run_at_work(folder, clock.now())
    run_id = before.run.run_id if before else None

    def look(ledger: Glance) -> Found:
        return read(ledger, ledger.under_way(run_id) if run_id else frozenset())

    found = glance(folder, look)
    after = run_at_work(folder, clock.now())
    return found, after, after is not None and after.run.run_id == run_id
