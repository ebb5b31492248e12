"""What of a run is worth a line of its own while it goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from zbatch.cli.words import DOUBT_LIMIT, MESSAGE_LIMIT, counted, duration, item_name, problem_text
from zbatch.engine.events import (
    Answered,
    Event,
    Gated,
    Hold,
    InFlight,
    Leaving,
    Limited,
    Paced,
    Resolving,
    Retrying,
    Settled,
    Stopping,
)
from zbatch.model import Item, ItemRecord, Outcome
from zbatch.zuora.text import one_line

COUNTED = frozenset({InFlight, Leaving, Answered, Paced, Limited})
SHORT = 1.0  # seconds: a shorter wait is over before anybody has read of it
STYLES = {Outcome.FAILED: "red", Outcome.UNKNOWN: "bold red"}


class Notices:
    """Turn events into lines: at most `most` of one kind, all of them and more when `verbose`.

    Where they are `grouped`, what comes after that is told as a count: at 10, 20, 50, 100, …
    """

    def __init__(self, most: int, verbose: bool = False, *, grouped: bool = False) -> None:
        self._most = most
        self._verbose = verbose
        self._grouped = grouped
        self._said: Counter[tuple[str, str]] = Counter()

    def of(self, event: Event) -> Text | None:
        """Say an event, or None where it is one too many or not worth it."""
        if type(event) in COUNTED:  # most are
            return None
        match event:
            case Settled(record):
                return self._settled(record)
            case Resolving(numbers):
                what = counted(numbers, "account number")
                return Text(f"asking the tenant for the IDs of {what}")
            case Retrying(items, reason, wait) if self._verbose:
                return Text(f"again in {duration(wait)}: {_names(items)}  {one_line(reason)}")
            case Gated(reason, wait, hold) if self._is_worth_it(reason, wait):
                what = "probing each" if hold is Hold.OUTAGE else "waiting"
                return Text(f"{what} {duration(wait)}: {one_line(reason)}", "yellow")
            case Stopping(reason, in_flight, hint):
                calls = counted(in_flight, "call")
                what = f"stopping: {one_line(reason)} ({calls} in flight)"
                said = f"{what}; {one_line(hint)}" if hint and in_flight else what
                return Text(said, "yellow")
        return None

    def _settled(self, record: ItemRecord) -> Text | None:
        outcome = record.outcome
        if outcome not in STYLES:
            return item_line(record) if self._verbose else None
        cause = record.error.code if record.error else ""
        if self._fresh(outcome, cause):
            return item_line(record)
        count = self._said[outcome, cause]
        return group_line(record, count) if self._grouped and _is_round(count) else None

    def _is_worth_it(self, reason: str, wait: float) -> bool:
        return (wait >= SHORT or self._verbose) and self._fresh("gated", reason)

    def _fresh(self, kind: str, cause: str) -> bool:
        self._said[kind, cause] += 1
        return self._verbose or self._said[kind, cause] <= self._most


def item_line(record: ItemRecord) -> Text:
    """Say what one item came to."""
    limit = DOUBT_LIMIT if record.outcome is Outcome.UNKNOWN else MESSAGE_LIMIT
    error = problem_text(record.error, limit)
    what = one_line(record.invoice_id or "") if record.outcome.success else error
    text = f"{outcome_word(record)}  {item_name(record)}"
    return Text(f"{text}  {what}", STYLES.get(record.outcome, ""))


def outcome_word(record: ItemRecord) -> str:
    """Name an outcome as people read it, in capitals where nobody knows it."""
    unknown = record.outcome is Outcome.UNKNOWN
    return "UNKNOWN" if unknown else record.outcome.value.replace("_", " ")


def group_line(record: ItemRecord, count: int) -> Text:
    """Say how many items have come to the same, and which was the last of them."""
    code = one_line(record.error.code, 80) if record.error else "no reason"
    text = f"{count:,} {outcome_word(record)} so far with {code}"
    return Text(f"{text}, the last of them {item_name(record)}", STYLES.get(record.outcome, ""))


def _is_round(count: int) -> bool:
    """Tell whether a count is 1, 2 or 5 with zeros behind."""
    return f"{count}".rstrip("0") in ("1", "2", "5")


def _names(items: Sequence[Item]) -> str:
    more = f" and {len(items) - 1} more" if len(items) > 1 else ""
    return f"{items[0].identity}{more}"
