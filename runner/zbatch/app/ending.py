"""How a run has ended: each item's final record from the ledger, and the exit code. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from zbatch.app.doubt import DoubtOf, in_doubt
from zbatch.app.held_back import blocked, put_off, waits_elsewhere
from zbatch.engine.ending import Ending, StopReason
from zbatch.model import (
    ExitCode,
    Identity,
    Item,
    ItemRecord,
    Outcome,
    Problem,
    Standing,
    Totals,
)
from zbatch.report.amounts import Amount
from zbatch.report.record import ReadBackRecord

_MOST_NAMED = 5
_TRIED_AGAIN = frozenset({Outcome.FAILED, Outcome.NOTHING_TO_BILL})
_NOTHING_TO_SEND = Ending(None, 0, (), ())
_COULD_NOT_START = frozenset(
    {
        StopReason.CREDENTIALS,
        StopReason.CERTIFICATE,
        StopReason.UNREACHABLE,
        StopReason.MISDIRECTED,
        StopReason.QUESTION,
        StopReason.DISK,
    }
)


@dataclass(frozen=True, slots=True)
class Closing:
    """What is known when nothing more will be sent.

    `signal` is the first one that came, `strays` are items in doubt beyond the plan, `unread` is
    why the ledger could not be read to the end, so that there may be more of them, and `read_only`
    tells that items left unsent are left for another command. `amounts` is what the invoices
    come to of the items that this run has settled as invoiced.
    `elsewhere` counts the items that wait for what no failure of this run tells. From `settles_at`
    on all can be settled that the plan's items leave in doubt, from `strays_settle_at` on the rest.
    """

    ending: Ending = _NOTHING_TO_SEND
    signal: int | None = None
    strays: tuple[ItemRecord, ...] = ()
    unread: str | None = None
    read_only: bool = False
    read_back: ReadBackRecord | None = None
    amounts: tuple[Amount, ...] = ()
    elsewhere: int = 0
    settles_at: datetime | None = None
    strays_settle_at: datetime | None = None

    @property
    def asked(self) -> int:
        """How many requests were questions, those that read back included."""
        return self.ending.asked + (self.read_back.questions if self.read_back else 0)

    @property
    def why(self) -> str | None:
        """Say why the run is not what it was to be: what stopped it, and what no line tells."""
        stop = self.ending.stop
        unread = f"{self.unread}; what else is in doubt is not known" if self.unread else None
        words = (stop.message if stop else None, unread, _beyond(self.strays))
        return "; ".join(filter(None, words)) or None


def _beyond(strays: Sequence[ItemRecord]) -> str | None:
    """Name the first items in doubt beyond the plan, which no line of the report tells of."""
    if not strays:
        return None
    names = ", ".join(str(one.item.identity) for one in strays[:_MOST_NAMED])
    more = f" and {len(strays) - _MOST_NAMED:,} more" if len(strays) > _MOST_NAMED else ""
    return (
        f"in doubt, and not in this spec: {names}{more}; zbatch reconcile without a spec settles it"
    )


def final_records(
    standings: Iterable[Standing],
    held_back: Iterable[ItemRecord],
    closing: Closing,
    doubt_of: DoubtOf = in_doubt,
) -> Iterator[ItemRecord]:
    """Give each planned item the outcome that the ledger holds, or the reason why it has none.

    What has failed or had nothing to bill, was to be tried again and waits is told with the reason.
    `doubt_of` reports what is in doubt.
    """
    waiting: dict[Identity, ItemRecord] = {
        record.item.identity: record
        for record in held_back
        if record.outcome is Outcome.NOT_ATTEMPTED
    }
    for later, by in closing.ending.blocked:
        waiting[later.identity] = blocked(later, by)
    left = {record.item.identity: record for record in closing.ending.left}
    for standing in standings:
        waits = waiting.get(standing.item.identity)
        yield (
            left.get(standing.item.identity)
            or _settled(standing.record, waits)
            or doubt_of(standing)
            or waits
            or _not_attempted(standing.item, closing)
        )


def _settled(record: ItemRecord | None, waits: ItemRecord | None) -> ItemRecord | None:
    if record is None or record.outcome not in _TRIED_AGAIN or waits is None or waits.error is None:
        return record
    return put_off(record, waits.error)


def unreadable_records(items: Iterable[Item]) -> Iterator[ItemRecord]:
    """Report items as unknown because the ledger, which knows, cannot be read any more."""
    problem = Problem("LEDGER_UNREADABLE", "the ledger cannot be read, so nothing is known")
    for item in items:
        yield ItemRecord(item, Outcome.UNKNOWN, error=problem)


def _not_attempted(item: Item, closing: Closing) -> ItemRecord:
    stop = closing.ending.stop
    why = stop.message if stop else "the run ended before its turn came"
    problem = Problem("RUN_STOPPED", f"not sent: {why}")
    return ItemRecord(item, Outcome.NOT_ATTEMPTED, error=problem)


def with_waiting(closing: Closing, planned: Container[Identity]) -> Closing:
    """Count those too whom the run itself has held back, for what no failure of it tells."""
    held_back = closing.ending.blocked
    more = sum(waits_elsewhere(later, by, planned) for later, by in held_back)
    return replace(closing, elsewhere=closing.elsewhere + more)


def exit_code(totals: Totals, closing: Closing, report_failed: bool = False) -> ExitCode:
    """Fold a run into its exit code: the gravest of what happened wins."""
    stop, sent = closing.ending.stop, closing.ending.sent
    if not totals.add_up or (stop and stop.reason is StopReason.INTERNAL):
        return ExitCode.INTERNAL
    if totals[Outcome.UNKNOWN] or closing.ending.abandoned or closing.strays or closing.unread:
        return ExitCode.UNKNOWN
    if sent and (report_failed or (stop and stop.reason is StopReason.DISK)):
        return ExitCode.UNKNOWN
    if closing.signal is not None or (stop and stop.reason is StopReason.INTERRUPTED):
        return ExitCode(128 + (closing.signal or 2))
    if stop or report_failed:
        nothing_sent = report_failed or (stop and stop.reason in _COULD_NOT_START)
        return ExitCode.CANNOT_START if not sent and nothing_sent else ExitCode.STOPPED
    if _waiting(totals, closing):
        return ExitCode.STOPPED
    seen = None if closing.read_only else closing.read_back  # who decides has seen it
    twice = seen and seen.duplicates
    return ExitCode.FAILURES if totals[Outcome.FAILED] or twice else ExitCode.OK


def _waiting(totals: Totals, closing: Closing) -> bool:
    """Tell whether items wait for their time or for another command.

    A date that only waits for a failed one of the same run is told by that failure.
    """
    left = any(record.outcome is Outcome.NOT_ATTEMPTED for record in closing.ending.left)
    untold = totals[Outcome.NOT_ATTEMPTED] and not totals[Outcome.FAILED]
    return left or bool(closing.elsewhere or untold)


# The gravest first.
_GRAVITY = (
    ExitCode.INTERNAL,
    ExitCode.UNKNOWN,
    ExitCode.HANGUP,
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
    ExitCode.STOPPED,
    ExitCode.CANNOT_START,
    ExitCode.FAILURES,
    ExitCode.OK,
)


def after_disk_failure(code: ExitCode, sent: int) -> ExitCode:
    """Give the exit code of a run whose last words could not be written down."""
    failed = ExitCode.UNKNOWN if sent else ExitCode.CANNOT_START
    return min(code, failed, key=_GRAVITY.index)
