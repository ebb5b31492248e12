"""Items that a spec changes after they were sent: a second invoice that nobody has asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from zbatch.app.doubt import is_open
from zbatch.errors import Refused
from zbatch.model import Charges, Item, Standing

MOST_NAMED = 10
WAY_OUT = (
    "put the old values back, or take the items out; what is invoiced and is to be billed once more"
    " gets the next revision (revision: 2)"
)


@dataclass(frozen=True, slots=True)
class Altered:
    """An item that may have an invoice, what it is held with, and what the spec says now."""

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

    A key that is not settled was perhaps executed, whatever it has been answered, unless it is
    proved that nothing was ever sent under it.
    """
    state = _state(standing) if standing.payload_changed else None
    return Altered(standing.item, standing.was or standing.item, state) if state else None


def as_asked_now(standings: Sequence[Standing]) -> Sequence[Standing]:
    """Give up the calls that never left and hold an item of which something else is asked now.

    Each planned item of such a call gets its next key: the bytes of the call are sent as they are
    or not at all.
    """
    given_up = {
        standing.call.call.key
        for standing in standings
        if standing.payload_changed and standing.call and standing.call.never_left
    }
    return [
        replace(one, call=None) if one.call and one.call.call.key in given_up else one
        for one in standings
    ]


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
            "the spec changes the invoice date or charges of items that are invoiced, or sent and"
            " not settled:",
            *(one.said for one in first),
            *more,
            WAY_OUT,
        )
    )


def _state(standing: Standing) -> str | None:
    """Say what an item is by which it may have an invoice, None where it can have none."""
    record, call = standing.record, standing.call
    if record and record.outcome.success:
        return record.outcome.value
    if call is None or call.never_left:
        return None
    return "in doubt" if is_open(standing.item, call) else "sent and not settled"


def _changes(was: Item, now: Item) -> Iterator[str]:
    if was.invoice_date != now.invoice_date:
        yield f"invoice date {was.invoice_date} before, {now.invoice_date} now"
    if was.charges != now.charges:
        yield f"charges {_charges(was.charges)} before, {_charges(now.charges)} now"


def _charges(charges: Charges) -> str:
    kinds = (("one-time", charges.one_time), ("recurring", charges.recurring))
    names = [name for name, taken in (*kinds, ("usage", charges.usage)) if taken]
    return "+".join(names) or "none"


def _named(item: Item) -> str:
    named = str(item.identity)
    return f"{item.account_number} = {named}" if item.account_number else named
