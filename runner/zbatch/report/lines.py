"""The lines of `report.jsonl`: what one item came to, as one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any

from zbatch.model import Detail, Item, ItemRecord, Outcome, Problem, Repeated

VERSION = 1

_MILLISECOND = timedelta(milliseconds=1)
_quoted = json.encoder.encode_basestring_ascii  # as json.dumps writes texts

# The schema asks each of these outcomes for a reason; one that came without says so itself.
UNEXPLAINED = {
    Outcome.FAILED: Problem("NO_REASON", "The reason was not recorded."),
    Outcome.UNKNOWN: Problem("NO_REASON", "Why the outcome is in doubt was not recorded."),
    Outcome.NOT_ATTEMPTED: Problem("NOT_ATTEMPTED", "The run ended before this item's turn."),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a report; the fields are those of `report.schema.json`.

    Times are UTC and whole milliseconds. `success` and `duration_ms` follow from the others.
    """

    run_id: str
    account_id: str
    account_number: str | None
    invoice_date: date
    target_date: date
    revision: int
    outcome: Outcome
    invoice_id: str | None
    invoice_ids: tuple[str, ...]
    invoices: tuple[Detail, ...] | None
    error: Problem | None
    http_status: int | None
    attempts: int
    idempotency_key: str | None
    track_id: str | None
    request_id: str | None
    started_at: datetime | None
    finished_at: datetime | None
    reason: str | None
    file: str
    line: int

    @property
    def duration_ms(self) -> int | None:
        """Milliseconds from the first attempt to the outcome; a clock set back counts as 0."""
        return _duration(self.started_at, self.finished_at)


def line_of(record: ItemRecord, run_id: str) -> Line:
    """Project what the ledger holds of an item onto a line of the report of `run_id`."""
    item = record.item
    return Line(
        run_id=run_id,
        account_id=item.identity.account_id,
        account_number=item.account_number,
        invoice_date=item.invoice_date,
        target_date=item.identity.target_date,
        revision=item.identity.revision,
        outcome=record.outcome,
        invoice_id=record.invoice_id,
        invoice_ids=record.invoice_ids,
        invoices=record.invoices,
        error=record.error or UNEXPLAINED.get(record.outcome),
        http_status=record.http_status,
        attempts=record.attempts,
        idempotency_key=record.idempotency_key,
        track_id=record.track_id,
        request_id=record.request_id,
        started_at=_whole_milliseconds(record.started_at),
        finished_at=_whole_milliseconds(record.finished_at),
        reason=item.reason,
        file=item.source.file,
        line=item.source.line,
    )


def to_line(record: ItemRecord, run_id: str) -> bytes:
    """Write an item as one JSON object without blanks, in the order of the schema, and a newline.

    Everything beyond ASCII is escaped, so that no reader finds a line break within a line. The text
    is put together by hand: a report may have a million lines, most of their fields need no
    encoder, and what the items of a call have in common is written once for all of them.
    """
    item, identity = record.item, record.item.identity
    terms = _terms(item.invoice_date, identity.target_date, identity.revision, record.outcome)
    problem = record.error or UNEXPLAINED.get(record.outcome)
    settlement = _settlement(problem, _answer_of(record))
    return (
        f'{_head(run_id)}{identity.account_id}","account_number":{_text(item.account_number)}'
        f"{terms}{_invoices(record.invoice_id, record.invoice_ids, record.invoices)}{settlement}"
        f'{_file(item.reason, item.source.file)},"line":{item.source.line}}}}}\n'
    ).encode("ascii")


def to_lines(repeated: Iterable[Repeated], run_id: str) -> bytes:
    """Write items that were invoiced before the run, a line each, as `to_line` does."""
    return "".join(_lines_of(repeated, run_id)).encode("ascii")


def _lines_of(repeated: Iterable[Repeated], run_id: str) -> Iterator[str]:
    head = _head(run_id)
    terms = settlement = None
    middle = end = last = ""
    for account_id, number, line, own, invoice_id, ids, invoices, answer in repeated:
        if own is not terms:
            terms = own
            middle = _terms(terms.invoice_date, terms.target_date, terms.revision, Outcome.INVOICED)
            end = _file(terms.reason, terms.file)
        if answer is not settlement:
            settlement = answer
            last = _settlement(settlement.error, _answer_of(settlement))
        yield (
            f'{head}{account_id}","account_number":{_text(number)}{middle}'
            f'{_invoices(invoice_id, ids, invoices)}{last}{end},"line":{line}}}}}\n'
        )


@lru_cache(maxsize=4)
def _head(run_id: str) -> str:
    return f'{{"version":{VERSION},"run_id":{_text(run_id)},"account_id":"'


@lru_cache(maxsize=64)  # few days are billed at once
def _terms(invoice_date: date, target_date: date, revision: int, outcome: Outcome) -> str:
    return (
        f',"invoice_date":"{invoice_date}","target_date":"{target_date}","revision":{revision}'
        f",{_OUTCOMES[outcome]}"
    )


def _invoices(
    invoice_id: str | None, invoice_ids: tuple[str, ...], details: tuple[Detail, ...] | None
) -> str:
    first = _text(invoice_id)
    ids = first if invoice_ids == (invoice_id,) else ",".join(map(_text, invoice_ids))
    return f',"invoice_id":{first},"invoice_ids":[{ids}],"invoices":{_details(details)}'


_answer_of = attrgetter(
    *("http_status", "attempts", "idempotency_key", "track_id", "request_id"),
    *("started_at", "finished_at"),
)


@lru_cache(maxsize=256)  # the items of a call have it in common
def _settlement(problem: Problem | None, answer: tuple[Any, ...]) -> str:
    http_status, attempts, key, track_id, request_id, started_at, finished_at = answer
    return (
        f',"error":{_problem(problem)},"http_status":{_number(http_status)},"attempts":{attempts}'
        f',"idempotency_key":{_text(key)},"track_id":{_text(track_id)}'
        f',"request_id":{_text(request_id)},{_times(started_at, finished_at)}'
    )


@lru_cache(maxsize=64)  # an account file has one name, and few reasons
def _file(reason: str | None, file: str) -> str:
    return f',"reason":{_text(reason)},"source":{{"file":{_text(file)}'


_OUTCOMES = {
    outcome: f'"outcome":"{outcome.value}","success":{"true" if outcome.success else "false"}'
    for outcome in Outcome
}


def _times(started_at: datetime | None, finished_at: datetime | None) -> str:
    started, finished = _whole_milliseconds(started_at), _whole_milliseconds(finished_at)
    first, last = [f'"{timestamp(one)}"' if one else "null" for one in (started, finished)]
    duration = _number(_duration(started, finished))
    return f'"started_at":{first},"finished_at":{last},"duration_ms":{duration}'


def _problem(problem: Problem | None) -> str:
    if problem is None:
        return "null"
    return f'{{"code":{_text(problem.code)},"message":{_text(problem.message)}}}'


def _text(text: str | None) -> str:
    return "null" if text is None else _quoted(text)


def _details(details: tuple[Detail, ...] | None) -> str:
    if details is None:
        return "null"
    return f"[{','.join(map(_detail, details))}]"


def _detail(one: Detail) -> str:
    appended = "true" if one.appended else "false"
    return (
        f'{{"id":{_text(one.id)},"number":{_text(one.number)},"status":{_text(one.status)}'
        f',"amount":{_text(one.amount)},"balance":{_text(one.balance)}'
        f',"currency":{_text(one.currency)},"tax_status":{_text(one.tax_status)}'
        f',"tax_message":{_text(one.tax_message)},"appended":{appended}}}'
    )


def _number(number: int | None) -> str:
    return "null" if number is None else str(number)


def as_json(line: Line) -> dict[str, Any]:
    """Arrange a line as the JSON object of `report.schema.json`."""
    return {
        "version": VERSION,
        "run_id": line.run_id,
        "account_id": line.account_id,
        "account_number": line.account_number,
        "invoice_date": line.invoice_date.isoformat(),
        "target_date": line.target_date.isoformat(),
        "revision": line.revision,
        "outcome": line.outcome.value,
        "success": line.outcome.success,
        "invoice_id": line.invoice_id,
        "invoice_ids": list(line.invoice_ids),
        "invoices": None if line.invoices is None else [asdict(one) for one in line.invoices],
        "error": line.error and {"code": line.error.code, "message": line.error.message},
        "http_status": line.http_status,
        "attempts": line.attempts,
        "idempotency_key": line.idempotency_key,
        "track_id": line.track_id,
        "request_id": line.request_id,
        "started_at": line.started_at and timestamp(line.started_at),
        "finished_at": line.finished_at and timestamp(line.finished_at),
        "duration_ms": line.duration_ms,
        "reason": line.reason,
        "source": {"file": line.file, "line": line.line},
    }


def item_json(item: Item) -> dict[str, Any]:
    """Arrange what names an item in documents other than a report."""
    identity = item.identity
    return {
        "account_id": identity.account_id,
        "account_number": item.account_number,
        "target_date": identity.target_date.isoformat(),
        "revision": identity.revision,
    }


def _duration(started_at: datetime | None, finished_at: datetime | None) -> int | None:
    if started_at is None or finished_at is None:
        return None
    return max(0, (finished_at - started_at) // _MILLISECOND)


def timestamp(moment: datetime) -> str:
    """Write a time as RFC 3339 in UTC with milliseconds."""
    return f"{_in_utc(moment).isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def _whole_milliseconds(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    utc = _in_utc(moment)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)  # as most are
