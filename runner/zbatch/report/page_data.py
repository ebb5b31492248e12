"""What the page's script works with: all items as rows, the run over time, as inert JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from zbatch.model import Detail, Outcome
from zbatch.report.amounts import Worth, in_words
from zbatch.report.kept import RunHead
from zbatch.report.lines import Line
from zbatch.report.timeline import LATENCIES, Timeline
from zbatch.zuora.text import one_line

_TEXT = 500
# In a script element nothing else can end it, begin a comment, or be a line break in a string.
_INERT = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def inert_json(value: object) -> str:
    """Write JSON that no HTML parser finds anything in."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).translate(_INERT)


class Words:
    """Texts that come again and again, each kept once: a row says which."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def place(self, text: str | None) -> int:
        """Give the place of a text, -1 of none; the text is made safe to show."""
        if text is None:
            return -1
        return self._places.setdefault(one_line(text, _TEXT), len(self._places))

    @property
    def all(self) -> list[str]:
        """All texts in the order of their places."""
        return list(self._places)


def rows_json(head: RunHead, lines: Iterable[Line], worth: Worth) -> Iterator[str]:
    """Write all items, a row each, and after them the words that the rows name by place."""
    words = Words()
    yield '{"rows":['
    before = ""
    for line in lines:
        yield before + inert_json(
            [*_row(line, head.started_at, words), *_money(line, worth, words)]
        )
        before = ","
    yield f'],"words":{inert_json(words.all)}}}'


def _row(line: Line, begin: datetime, words: Words) -> list[Any]:
    number = line.account_number
    return [
        line.account_id,
        number and one_line(number, _TEXT),
        line.target_date.isoformat(),
        line.invoice_date.isoformat(),
        line.revision,
        list(Outcome).index(line.outcome),
        # once they are read back, what is shown of each has its ID
        "" if line.invoices else " ".join(one_line(one, _TEXT) for one in line.invoice_ids),
        words.place(line.error.code if line.error else None),
        words.place(line.error.message if line.error else None),
        line.http_status,
        line.attempts,
        line.finished_at and (line.finished_at - begin) // timedelta(milliseconds=1),
        line.duration_ms,
        words.place(line.reason),
        words.place(line.file),
        line.line,
        line.idempotency_key and one_line(line.idempotency_key, _TEXT),
        line.track_id and one_line(line.track_id, _TEXT),
        line.request_id and one_line(line.request_id, _TEXT),
    ]


def _money(line: Line, worth: Worth, words: Words) -> list[Any]:
    """Say what the item comes to, ready to show: the script adds nothing up."""
    shown = [_shown(one, words) for one in line.invoices or ()]
    return [in_words(worth(line)), shown]


def _shown(one: Detail, words: Words) -> list[Any]:
    return [
        one_line(one.id, _TEXT),
        one.number and one_line(one.number, _TEXT),
        words.place(one.status),
        one.amount and one_line(one.amount, _TEXT),
        one.balance and one_line(one.balance, _TEXT),
        words.place(one.currency),
        words.place(one.tax_status),
        words.place(one.tax_message),
        int(one.appended),
    ]


def pictures_json(head: RunHead, over_time: Timeline | None) -> str:
    """Write the run over time, with the limits that it was held to."""
    begin = head.started_at.timestamp()
    if over_time is None:
        return inert_json({"begin": begin})
    latencies = over_time.latencies
    limits = head.raw.get("limits")
    limits = limits if isinstance(limits, dict) else {}
    return inert_json(
        {
            "begin": begin,
            "width": over_time.width,
            "sent": over_time.rates(over_time.sent),
            "refused": over_time.rates(over_time.refused),
            "inFlight": over_time.in_flight,
            "waiting": over_time.waiting,
            "outcomes": [over_time.outcomes[one] for one in Outcome],
            "latencies": latencies and latencies.counts,
            "classes": LATENCIES,
            "rate": per_second(limits.get("rate")),
            "concurrency": limits.get("concurrency"),
        }
    )


def per_second(rate: object) -> float | None:
    """Read a rate as a record has it, such as 600/min."""
    number, _, unit = str(rate).partition("/")
    seconds = {"s": 1, "min": 60, "h": 3600}.get(unit)
    return int(number) / seconds if seconds and number.isdigit() else None
