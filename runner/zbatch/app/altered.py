"""Items that a spec changes after they were sent: a second invoice that nobody has asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from zbatch.errors import Refused
from zbatch.model import Charges, Item, Standing

MOST_NAMED = 10
WAY_OUT = (
    "put the old values back, or take the items out; what is invoiced and is to be billed once more"
    " gets the next revision (revision: 2)"
)


@dataclass(frozen=True, slots=True)
class Altered:
    """An item that is invoiced or in doubt, what was sent of it, and what the spec says now."""

    item: Item
    was: Item
    state: str

    @property
    def said(self) -> str:
        """Name the item, where it stands, and each value before and now."""
        source = self.item.source
        changes = "".join(f", {one}" for one in _changes(self.was, self.item))
        return f"{_named(self.item)} ({self.state}; {source.file}:{source.line}){changes}"


def altered(standing: Standing) -> Altered | None:
    """Tell what a run refuses of an item, None where it refuses nothing.

    A key that is not settled was perhaps executed, whatever it has been answered.
    """
    record = standing.record
    sent = standing.call or (record and record.outcome.success)
    if not (standing.payload_changed and sent):
        return None
    state = record.outcome.value if record else "in doubt"
    return Altered(standing.item, standing.was or standing.item, state)


def refuse_altered(standings: Iterable[Standing]) -> None:
    """Raise `Refused` where the plan asks for another payload than was sent."""
    first: list[Altered] = []
    count = 0
    for standing in standings:
        if change := altered(standing):
            count += 1
            first += [change] if count <= MOST_NAMED else []
    if count:
        raise Refused(refusal(tuple(first), count))


def refusal(first: tuple[Altered, ...], count: int) -> str:
    """Say why so many items are refused, the first of them by name, and what can be done.

    Each has a line of its own: one long line would be cut, and its end says what to do.
    """
    more = [f"and {count - len(first):,} more"] if count > len(first) else []
    return "\n".join(
        (
            "the spec changes the invoice date or charges of items that are invoiced or in doubt:",
            *(one.said for one in first),
            *more,
            WAY_OUT,
        )
    )


def _changes(was: Item, now: Item) -> Iterator[str]:
    if was.invoice_date != now.invoice_date:
        yield f"invoice date {was.invoice_date} was sent, {now.invoice_date} is asked now"
    if was.charges != now.charges:
        yield f"charges {_charges(was.charges)} were sent, {_charges(now.charges)} are asked now"


def _charges(charges: Charges) -> str:
    kinds = (("one-time", charges.one_time), ("recurring", charges.recurring))
    names = [name for name, taken in (*kinds, ("usage", charges.usage)) if taken]
    return "+".join(names) or "none"


def _named(item: Item) -> str:
    named = str(item.identity)
    return f"{item.account_number} = {named}" if item.account_number else named
