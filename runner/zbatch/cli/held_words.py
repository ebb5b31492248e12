"""What is said of what a ledger holds of a plan, the same on a terminal and in a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from zbatch.app.altered import WAY_OUT
from zbatch.app.review.held import Held
from zbatch.cli.words import at_work, counted, tally
from zbatch.model import Outcome


def ledger(held: Held) -> str:
    """Say what is billed already, and what is left."""
    if held.unread:
        return f"not known: {held.unread}"
    unsure = held.unsure - held.under_way
    done = tally({**held.counts, Outcome.UNKNOWN: unsure})
    done = f"{done} (to be settled)" if unsure else done  # the last of the tally
    if not done and held.to_send > held.by_number:
        done = "nothing yet"
    said = "; ".join(filter(None, (done, f"{held.to_send:,} to send")))
    if held.by_number:
        said += (
            f", {held.by_number:,} of them by number: zbatch plan --online tells whether those are"
            " billed"
        )
    if held.held_back:
        said += f"; {held.held_back:,} held back by another date of the account"
    if held.missed:
        said += f"; {held.missed:,} not shown at the last look, and asked about again"
    if held.at_work:
        calls = f"{held.under_way:,} under way: " if held.under_way else ""
        said += f"; {calls}{at_work(held.at_work)}, and these counts go on changing"
    if held.changed:
        said += (
            f". {counted(held.changed, 'item')} invoiced, or sent and not settled, would get"
            " another invoice date or other charges: zbatch run refuses this"
        )
    return said


def refused(held: Held) -> Iterator[str]:
    """Name the first of the items that a run refuses, and say how one bills again."""
    for one in held.altered:
        yield one.said
    if held.changed > len(held.altered):
        yield f"and {held.changed - len(held.altered):,} more"
    if held.changed:
        yield f"to go on, {WAY_OUT}"
