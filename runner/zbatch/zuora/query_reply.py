"""Read what a tenant answers to a question, and pick from it what an item wants to know.

A question never proves by silence: what is not readable without a guess is no page at all, and
what an answer holds beyond what was wanted is left out here, not trusted to be absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from zbatch.model import Draft, Invoice, Problem
from zbatch.zuora.codes import MEANINGS, RowClass, classify
from zbatch.zuora.problems import problem_in
from zbatch.zuora.query import ALL_FIELDS, DRAFT, REQUIRED, Wanted
from zbatch.zuora.reply import (
    REFUSED_STATUSES,
    UNREADABLE,
    NoRows,
    Refused,
    ServerError,
    Unreadable,
    answer_without_rows,
)
from zbatch.zuora.rows import INVOICE_ID
from zbatch.zuora.strict_json import DecimalText, NotJson, parse_json
from zbatch.zuora.text import one_line
from zbatch.zuora.wire import Reply

_OK = 200
_TEXT_LIMIT = 255
_INVALID_FIELD = re.compile(r"invalid field for query:\s*(?:invoice\.)?(\w+)", re.IGNORECASE)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    r"(?:Z|[+-][0-9]{2}:?[0-9]{2})"
)
_AMOUNT = re.compile(r"(?=.{1,40}\Z)-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LOCATOR = re.compile(r"[!-~]{1,500}")


@dataclass(frozen=True, slots=True)
class Page:
    """A part of an answer; the rest comes by `locator`, and None says that there is no rest.

    `size` is what the server counts, of this page or of the whole answer: see `whole`.
    """

    invoices: tuple[Invoice, ...]
    locator: str | None
    size: int


@dataclass(frozen=True, slots=True)
class MissingField:
    """The tenant does not know a field that a question can do without: ask again without it."""

    name: str


class _Odd(ValueError):
    """A page that cannot be trusted; the text says what about it."""


def read_page(reply: Reply) -> Page | MissingField | NoRows:
    """Read a reply to a question; total, and a page only where nothing in it is guessed."""
    try:
        document = parse_json(reply.body, exact=True)
    except NotJson:
        document = None
    problem = problem_in(document)
    if problem and (name := _missing_field(reply.status, problem)):
        return MissingField(name)
    if reply.status == _OK and problem is None and isinstance(document, dict):
        try:
            return _page(document)
        except _Odd as odd:
            return Unreadable(Problem(UNREADABLE, f"The answer to a question {odd}."))
    return _passing(answer_without_rows(reply, problem))


def _missing_field(status: int, problem: Problem) -> str | None:
    match = _INVALID_FIELD.search(problem.message)
    whole_refusal = status == _OK or status in REFUSED_STATUSES
    if not match or problem.code != "INVALID_FIELD" or not whole_refusal:
        return None
    asked = match[1].casefold()
    return next((name for name in ALL_FIELDS - REQUIRED if name.casefold() == asked), None)


def _passing(answer: NoRows) -> NoRows:
    """Tell a passing trouble that comes as a fault from a refusal: asking again does no harm."""
    if not isinstance(answer, Refused | Unreadable) or answer.problem.code not in MEANINGS:
        return answer
    kind = classify(answer.problem.code, answer.problem.message)
    passing = kind in (RowClass.RETRY, RowClass.UNCERTAIN)
    return ServerError(answer.problem) if passing else answer


def _page(document: Mapping[str, object]) -> Page:
    done, size, records = document.get("done"), document.get("size"), document.get("records")
    if not isinstance(done, bool) or type(size) is not int or document.get("success") is False:
        raise _Odd("does not say whether it is whole")
    if records is None:
        records = []
    if not isinstance(records, list) or len(records) > size:
        raise _Odd("does not hold the records that it counts")
    if not records and (size or not done):
        raise _Odd("holds nothing where it promises something")
    locator = None if done else _word(document.get("queryLocator"), _LOCATOR, "a locator")
    return Page(tuple(map(_invoice, records)), locator, size)


def _invoice(record: object) -> Invoice:
    if not isinstance(record, dict):
        raise _Odd("holds a record that is none")
    return Invoice(
        id=_word(record.get("Id"), INVOICE_ID, "an invoice ID"),
        account_id=_word(record.get("AccountId"), INVOICE_ID, "an account ID").lower(),
        status=_status(record.get("Status")),
        target_date=_date(record.get("TargetDate")),
        number=_label(record.get("InvoiceNumber")),
        source=_label(record.get("Source")),
        amount=_amount(record.get("Amount")),
        created_at=_moment(record.get("CreatedDate")),
        updated_at=_updated(record.get("UpdatedDate")),
    )


def _word(value: object, pattern: re.Pattern[str], what: str) -> str:
    if type(value) is not str or not pattern.fullmatch(value):
        raise _Odd(f"lacks {what}")
    return value


def _status(value: object) -> str:
    if type(value) is not str or not value or one_line(value, _TEXT_LIMIT) != value:
        raise _Odd("holds a status that cannot be read")
    return value


def _label(value: object) -> str | None:
    """Read a text that is shown and compared by its beginning at most."""
    if value is not None and type(value) is not str:
        raise _Odd("holds a label that is no text")
    return one_line(value, _TEXT_LIMIT) or None if value else None


def _amount(value: object) -> str | None:
    if value is None:
        return None
    text = str(value) if type(value) in (int, str, DecimalText) else ""
    if not _AMOUNT.fullmatch(text):
        raise _Odd("holds an amount that cannot be read")
    return text


def _date(value: object) -> date | None:
    if value is None:
        return None
    if type(value) is str and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise _Odd("holds a date that is none") from error
    raise _Odd("holds a date that cannot be read")


def _moment(value: object) -> datetime | None:
    """Read a dateTime with its offset, as UTC; None where it is anything else.

    That is enough for CreatedDate, which only ever proves that an invoice is ours: without it
    the invoice is there all the same, and is claimed by nobody.
    """
    if type(value) is not str or not _DATE_TIME.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _updated(value: object) -> datetime | None:
    """Read UpdatedDate; one that cannot be read must not let a changed draft pass as unchanged."""
    moment = _moment(value)
    if value is not None and moment is None:
        raise _Odd("holds an update time that cannot be read")
    return moment


def whole(pages: Sequence[Page]) -> tuple[Invoice, ...] | Unreadable:
    """Put the pages of one answer together, provided that they are all of it.

    Zuora does not say whether `size` counts a page or the whole answer, so either will do. An
    invoice that comes twice must be the same both times.
    """
    counts = [len(page.invoices) for page in pages]
    sizes = [page.size for page in pages]
    if not pages or pages[-1].locator or (sizes != counts and sizes[0] != sum(counts)):
        return Unreadable(Problem(UNREADABLE, "The pages of an answer are not all of it."))
    found: dict[str, Invoice] = {}
    for invoice in (invoice for page in pages for invoice in page.invoices):
        if found.setdefault(invoice.id, invoice) != invoice:
            told = Problem(UNREADABLE, f"Invoice {invoice.id} changed while it was read.")
            return Unreadable(told)
    return tuple(found.values())


def invoices_of(
    by_account: Mapping[str, Iterable[Invoice]], wanted: Wanted
) -> tuple[tuple[Invoice, ...], tuple[Draft, ...]]:
    """Pick what answers hold of one account: the invoices of its date, and all its drafts.

    The drafts are all of them only if the question asked for drafts.
    """
    account = tuple(by_account.get(wanted.account_id, ()))
    dated = tuple(invoice for invoice in account if invoice.target_date == wanted.target_date)
    drafts = tuple(
        Draft(invoice.id, invoice.amount, invoice.updated_at)
        for invoice in account
        if invoice.status == DRAFT
    )
    return dated, drafts
