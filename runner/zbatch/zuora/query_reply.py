"""Read what a tenant answers to a question, and pick from it what an item wants to know.

A question never proves by silence: what is not readable without a guess is no page at all, and
neither is one that holds what was not asked for: it may be the answer to another question. What one
item did not ask for, but another of the same question did, is left out for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from operator import attrgetter

from zbatch.model import Draft, Invoice, Problem
from zbatch.zuora.pages import MissingField, Odd, Page, label, read_page_of, together, word
from zbatch.zuora.query import ALL_FIELDS, DRAFT, REQUIRED, Wanted
from zbatch.zuora.reply import UNREADABLE, NoRows, Unreadable
from zbatch.zuora.rows import INVOICE_ID
from zbatch.zuora.strict_json import DecimalText
from zbatch.zuora.text import one_line
from zbatch.zuora.wire import Reply

Asked = Callable[[Invoice], bool]
"""Whether a question asks for an invoice."""

_TEXT_LIMIT = 255
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    r"(?:Z|[+-][0-9]{2}:?[0-9]{2})"
)
_CURRENCY = re.compile(r"[A-Z]{3}")
_AMOUNT = re.compile(r"(?=.{1,40}\Z)-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def read_page(reply: Reply) -> Page[Invoice] | MissingField | NoRows:
    """Read a reply to a question; total, and a page only where nothing in it is guessed."""
    return read_page_of(reply, invoice_of, ALL_FIELDS - REQUIRED)


def invoice_of(record: Mapping[str, object]) -> Invoice:
    """Read an invoice; raises `Odd`."""
    return Invoice(
        id=word(record.get("Id"), INVOICE_ID, "an invoice ID"),
        account_id=word(record.get("AccountId"), INVOICE_ID, "an account ID").lower(),
        status=_status(record.get("Status")),
        target_date=_date(record.get("TargetDate")),
        number=label(record.get("InvoiceNumber")),
        source=label(record.get("Source")),
        amount=_amount(record.get("Amount")),
        created_at=_moment(record.get("CreatedDate")),
        updated_at=_updated(record.get("UpdatedDate")),
        balance=_amount(record.get("Balance")),
        currency=_currency(record.get("Currency")),
        tax_status=label(record.get("TaxStatus")),
        tax_message=label(record.get("TaxMessage")),
        invoice_date=_date_if_any(record.get("InvoiceDate")),
    )


def _status(value: object) -> str:
    if type(value) is not str or not value or one_line(value, _TEXT_LIMIT) != value:
        raise Odd("holds a status that cannot be read")
    return value


def _amount(value: object) -> str | None:
    if value is None:
        return None
    text = str(value) if type(value) in (int, str, DecimalText) else ""
    if not _AMOUNT.fullmatch(text):
        raise Odd("holds an amount that cannot be read")
    return text


def _currency(value: object) -> str | None:
    return None if value is None else word(value, _CURRENCY, "a currency that can be read")


def _date(value: object) -> date | None:
    if value is None:
        return None
    if type(value) is str:
        return _day(value)
    raise Odd("holds a date that cannot be read")


@lru_cache(maxsize=64)  # most invoices of a run are of the same days
def _day(text: str) -> date:
    if not _DATE.fullmatch(text):
        raise Odd("holds a date that cannot be read")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Odd("holds a date that is none") from error


def _date_if_any(value: object) -> date | None:
    """Read a date on which nothing depends but what people are told; None for anything else."""
    try:
        return _date(value)
    except Odd:
        return None


def _moment(value: object) -> datetime | None:
    """Read a dateTime with its offset, as UTC; None where it is anything else.

    That is enough for CreatedDate, which only ever proves that an invoice is ours: without it
    the invoice is there all the same, and is claimed by nobody.
    """
    return _instant(value) if type(value) is str else None


@lru_cache(maxsize=64)  # a call makes its invoices within seconds, and few change after that
def _instant(text: str) -> datetime | None:
    if not _DATE_TIME.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _updated(value: object) -> datetime | None:
    """Read UpdatedDate; one that cannot be read must not let a changed draft pass as unchanged."""
    moment = _moment(value)
    if value is not None and moment is None:
        raise Odd("holds an update time that cannot be read")
    return moment


def whole(pages: Sequence[Page[Invoice]]) -> tuple[Invoice, ...] | Unreadable:
    """Put the pages of one answer together, provided that they are all of it."""
    return together(pages, attrgetter("id"))


def stranger(invoices: Iterable[Invoice], asked: Asked) -> Unreadable | None:
    """Tell of an invoice that was not asked for: this may be the answer to another question."""
    for invoice in invoices:
        if not asked(invoice):
            told = f"The answer to a question holds {invoice.id}, which was not asked for."
            return Unreadable(Problem(UNREADABLE, told))
    return None


def of_dates(wanted: Collection[Wanted]) -> Asked:
    """Ask for the invoices of accounts and target dates."""
    pairs = {(one.account_id, one.target_date) for one in wanted}
    return lambda invoice: (invoice.account_id, invoice.target_date) in pairs


def of_accounts(wanted: Collection[Wanted]) -> Asked:
    """Ask for the invoices of accounts, whatever their dates."""
    accounts = {one.account_id for one in wanted}
    return lambda invoice: invoice.account_id in accounts


def of_dates_and_drafts(wanted: Collection[Wanted]) -> Asked:
    """Ask for the invoices of accounts and target dates, and for all drafts of the accounts."""
    dated, whole = of_dates(wanted), of_accounts(wanted)
    return lambda invoice: dated(invoice) or (invoice.status == DRAFT and whole(invoice))


def invoices_of(
    by_account: Mapping[str, Iterable[Invoice]], wanted: Wanted
) -> tuple[tuple[Invoice, ...], tuple[Draft, ...]]:
    """Pick what answers hold of one account: the invoices of its date, and all its drafts.

    The drafts are all of them only if the question asked for drafts.
    """
    account = tuple(by_account.get(wanted.account_id, ()))
    dated = tuple(invoice for invoice in account if invoice.target_date == wanted.target_date)
    drafts = tuple(
        Draft(invoice.id, invoice.amount, invoice.updated_at, invoice.created_at)
        for invoice in account
        if invoice.status == DRAFT
    )
    return dated, drafts
