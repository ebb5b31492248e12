"""Tables for spreadsheets: one CSV file an outcome, in which nothing is run and no ID is spoilt."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from zbatch.model import Outcome
from zbatch.report.amounts import Total, currencies, figures
from zbatch.report.beside import Beside
from zbatch.report.lines import Line
from zbatch.zuora.text import REPLACEMENT, one_line

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"  # Excel takes the file for UTF-8 by it
TEXT_LIMIT = 2000

# A spreadsheet would compute these, or turn them into numbers, or into dates.
_FORMULA = re.compile(r"[=+\-@\t\r|%]")
_MONTH = (
    "(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?"
    "|oct(ober)?|nov(ember)?|dec(ember)?)"
)
_MONTHLY = rf"{_MONTH}[-/ ]?\d+|\d+[-/ ]?{_MONTH}"
_NUMBER = re.compile(
    rf"[ \d.,]+(e[+-]?\d+)?|\d+[-/.:]\d+([-/.:]\d+)?|true|false|{_MONTHLY}", re.IGNORECASE
)

_EXACT = re.compile(r"-?(?=[\d.]{1,16}$)\d+\.\d+")  # a spreadsheet keeps 15 digits

# The first three are what an account file of a spec has, and are never altered. No other name may
# be nearly one of a spec's, nor may a cell look like a date of its own: both would be warned about.
COLUMNS = (
    "account_id",
    "target_date",
    "invoice_date",
    "account",
    "outcome",
    "invoice_id",
    "all_invoice_ids",
    "invoice_numbers",
    "amount",
    "currency",
    "tax",
    "error_code",
    "error_message",
    "meaning",
    "who_mends",
    "http_status",
    "attempts",
    "started",
    "finished",
    "milliseconds",
    "billed_again",
    "why_listed",
    "listed_in",
    "idempotency_key",
    "track_id",
    "request_id",
)

TOTAL_COLUMNS = (
    "outcome",
    "currency",
    "invoices",
    "amount",
    "without_amount",
    "appended_to_older_drafts",
)


def tables(lines: Iterable[Line], beside: Beside, write: Callable[[Outcome, str], object]) -> None:
    """Give each outcome its file, head first and then row by row."""
    head = BOM + _row(COLUMNS)
    for outcome in Outcome:
        write(outcome, head)
    for line in lines:
        write(line.outcome, _row(_cells(line, beside)))


def totals_table(totals: Iterable[Total]) -> str:
    """Write what the invoices come to: a row for each outcome and currency."""
    rows = [
        (
            total.outcome.value,
            _text(total.amount.currency),
            str(total.amount.invoices),
            _amount(total.amount.text or ""),
            str(total.amount.untold),
            str(total.amount.appended),
        )
        for total in totals
    ]
    return BOM + "".join(map(_row, (TOTAL_COLUMNS, *rows)))


def guarded(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would compute or turn into a number."""
    if _FORMULA.match(text) or _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def _cells(line: Line, beside: Beside) -> Iterator[str]:
    yield line.account_id
    yield line.target_date.isoformat()
    yield line.invoice_date.isoformat()
    yield _text(line.account_number or line.account_id)
    yield line.outcome.value
    yield _text(line.invoice_id)
    yield _text(" ".join(line.invoice_ids))
    yield from _money(line, beside)
    reason = beside.explain(line.error.code) if line.error else None
    yield _text(line.error.code if line.error else None)
    yield _text(line.error.message if line.error else None)
    yield reason.meaning if reason else ""
    yield reason.mender if reason else ""
    yield str(line.http_status or "")
    yield str(line.attempts)
    yield _time(line.started_at)
    yield _time(line.finished_at)
    yield "" if line.duration_ms is None else str(line.duration_ms)
    yield "" if line.revision == 1 else f"revision {line.revision}"
    yield _text(line.reason)
    yield _text(f"{line.file}:{line.line}")
    yield _text(line.idempotency_key)
    yield _text(line.track_id)
    yield _text(line.request_id)


def _money(line: Line, beside: Beside) -> Iterator[str]:
    details, amounts = line.invoices or (), beside.worth(line)
    yield _text(" ".join(one.number for one in details if one.number))
    yield _amount(figures(amounts))
    yield _text(currencies(amounts))
    taxes = (": ".join(filter(None, (one.tax_status, one.tax_message))) for one in details)
    yield _text("; ".join(dict.fromkeys(filter(None, taxes))))


def _amount(figures: str) -> str:
    """Leave an amount a number, unless a spreadsheet would lose a digit of it."""
    return figures if _EXACT.fullmatch(figures) else _text(figures)


def _text(text: str | None) -> str:
    # an account file may not hold the character that stands for what cannot be shown
    return guarded(one_line(text, TEXT_LIMIT).replace(REPLACEMENT, "?")) if text else ""


def _time(moment: datetime | None) -> str:
    """Write a time in UTC in ISO 8601's basic form, which no spreadsheet alters."""
    return "" if moment is None else f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _row(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()
