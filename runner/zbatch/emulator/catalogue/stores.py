"""Faults of stores on the way: what they answer was so some time ago."""

from __future__ import annotations

from zbatch.emulator.catalogue.known import Known, Seconds
from zbatch.emulator.faults import QUERY, Mishap, Store, ToldBy

_THREE_HOURS = Seconds(3 * 3600.0)


def stored_answer(by: Seconds = _THREE_HOURS, told_by: ToldBy = ToldBy.DATE) -> Mishap:
    """A query is answered from a store, by what was there so long ago or up to twice as long."""
    return Mishap(store=Store(by, told_by))


STORES = (
    Known(
        "stored_answer",
        stored_answer,
        (),
        (QUERY,),
        tuple({"by": by, "told_by": one.value} for by in ("5m", "3h") for one in ToldBy),
    ),
)
