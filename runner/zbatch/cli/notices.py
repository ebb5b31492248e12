"""What of a run is worth a line of its own while it goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.text import Text

from zbatch.cli.words import counted, duration, item_name, problem_text
from zbatch.engine.events import Event, Gated, Resolving, Retrying, Settled, Stopping
from zbatch.model import Item, ItemRecord, Outcome
from zbatch.zuora.text import one_line

STYLES = {Outcome.FAILED: "red", Outcome.UNKNOWN: "bold red"}


class Notices:
    """Turn events into lines: at most `most` of one kind, all of them and more when `verbose`."""

    def __init__(self, most: int, verbose: bool = False) -> None:
        self._most = most
        self._verbose = verbose
        self._said: Counter[tuple[str, str]] = Counter()

    def of(self, event: Event) -> Text | None:
        """Say an event, or None where it is one too many or not worth it."""
        match event:
            case Settled(record):
                return self._settled(record)
            case Resolving(numbers):
                what = counted(numbers, "account number")
                return Text(f"asking the tenant for the IDs of {what}")
            case Retrying(items, reason, wait) if self._verbose:
                return Text(f"again in {duration(wait)}: {_names(items)}  {one_line(reason)}")
            case Gated(reason, wait) if self._fresh("gated", reason):
                return Text(f"waiting {duration(wait)}: {one_line(reason)}", "yellow")
            case Stopping(reason, in_flight, hint):
                calls = counted(in_flight, "call")
                what = f"stopping: {one_line(reason)} ({calls} in flight)"
                said = f"{what}; {one_line(hint)}" if hint and in_flight else what
                return Text(said, "yellow")
        return None

    def _settled(self, record: ItemRecord) -> Text | None:
        outcome = record.outcome
        cause = record.error.code if record.error else ""
        serious = outcome in STYLES and self._fresh(outcome, cause)
        if not serious and not self._verbose:
            return None
        return item_line(record)

    def _fresh(self, kind: str, cause: str) -> bool:
        self._said[kind, cause] += 1
        return self._verbose or self._said[kind, cause] <= self._most


def item_line(record: ItemRecord) -> Text:
    """Say what one item came to."""
    word = "UNKNOWN" if record.outcome is Outcome.UNKNOWN else record.outcome.value
    what = record.invoice_id if record.outcome.success else problem_text(record.error)
    text = f"{word.replace('_', ' ')}  {item_name(record)}"
    return Text(f"{text}  {one_line(what or '')}", STYLES.get(record.outcome, ""))


def _names(items: Sequence[Item]) -> str:
    more = f" and {len(items) - 1} more" if len(items) > 1 else ""
    return f"{items[0].identity}{more}"
