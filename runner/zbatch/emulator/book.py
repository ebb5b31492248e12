"""The account book: which accounts the tenant has, and how each behaves."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from zbatch.emulator.durations import read_duration
from zbatch.errors import Refused
from zbatch.model import ACCOUNT_ID, ACCOUNT_NUMBER

COLUMNS = (
    "account_id",
    "account_number",
    "status",
    "charges",
    "invoices",
    "latency",
    "currency",
    "amount",
    "tax",
    "note",
)
MOST_INVOICES = 1000

_DERIVED = re.compile(r"A[0-9A-F]{32}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_AMOUNT = re.compile(r"-?[0-9]{1,9}\.[0-9]{2}")

T = TypeVar("T")


class BookRefused(Refused):
    """The account book has errors; the message names file and line of each."""


class AccountStatus(StrEnum):
    """An account's status in Zuora's spelling."""

    ACTIVE = "Active"
    CANCELED = "Canceled"


@dataclass(frozen=True, slots=True)
class BookAccount:
    """One account: `invoices` is how many arise at once, `latency` seconds a generate takes.

    Where `number` is None it is derived from the ID. `cents` is what each of its invoices comes to,
    None whatever the ID of the invoice says; with `tax_fails` its tax cannot be calculated.
    """

    status: AccountStatus = AccountStatus.ACTIVE
    charges_due: bool = True
    invoices: int = 1
    latency: float = 0.02
    number: str | None = None
    currency: str = "USD"
    cents: int | None = None
    tax_fails: bool = False


@dataclass(frozen=True, slots=True)
class Book:
    """The accounts by lower-case ID; where `listed` is None every well-formed ID exists."""

    listed: Mapping[str, BookAccount] | None = None
    otherwise: BookAccount = BookAccount()

    def find(self, account_id: str) -> BookAccount | None:
        """Return the account, or None if the tenant has no such account."""
        wanted = account_id.lower()
        if self.listed is not None:
            return self.listed.get(wanted)
        return self.otherwise if ACCOUNT_ID.fullmatch(wanted) else None


def number_of(account_id: str, account: BookAccount) -> str:
    """Give an account's number: the book's, or an A before its ID in capitals."""
    return account.number or f"A{account_id.upper()}"


def id_of_number(number: str) -> str | None:
    """Give the ID that a derived number was made of."""
    return number[1:].lower() if _DERIVED.fullmatch(number) else None


class _Field(Exception):
    """A field of the book has a value that its column does not allow."""


def parse_book(text: str, file: str, latency: float) -> Book:
    """Read an account book (CSV with a header line); `latency` holds where a line names none.

    Raises `BookRefused` with every problem, one a line, each as `file:line message`.
    """
    accounts: dict[str, BookAccount] = {}
    first_line: dict[str, int] = {}
    problems: list[str] = []
    try:
        for line, fields in _records(text):
            try:
                account_id, account = _read(fields, latency)
            except _Field as problem:
                problems.append(f"{file}:{line} {problem}")
                continue
            if account_id in accounts:
                earlier = first_line[account_id]
                problems.append(f"{file}:{line} {account_id} is already on line {earlier}")
            accounts[account_id] = account
            first_line.setdefault(account_id, line)
    except _Field as problem:
        raise BookRefused(f"{file}:1 {problem}") from None
    except csv.Error as error:
        raise BookRefused(f"{file}: not a CSV file: {error}") from error
    if problems:
        raise BookRefused("\n".join(problems))
    return Book(accounts)


def _records(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each record with the number of its first line; blank lines are passed over."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    header = [name.strip() for name in next(reader, [])]
    _check_header(header)
    line = reader.line_num + 1
    for record in reader:
        if any(field.strip() for field in record):
            if len(record) > len(header):
                yield line, {"": f"{len(record)} fields under {len(header)} columns"}
            else:
                yield line, {n: v.strip() for n, v in zip(header, record, strict=False)}
        line = reader.line_num + 1


def _check_header(header: list[str]) -> None:
    unknown = [name for name in header if name not in COLUMNS]
    if unknown or "account_id" not in header:
        found = f"unknown column {unknown[0]!r}" if unknown else "no column 'account_id'"
        raise _Field(f"{found}; an account book has the columns {', '.join(COLUMNS)}")
    if len(set(header)) < len(header):
        raise _Field("a column appears twice")


def _read(fields: Mapping[str, str], latency: float) -> tuple[str, BookAccount]:
    if "" in fields:
        raise _Field(fields[""])
    account_id = fields.get("account_id", "").lower()
    if not ACCOUNT_ID.fullmatch(account_id):
        raise _Field(f"account_id {account_id!r} is not 32 hexadecimal characters")
    status = _one_of(fields, "status", {s.value: s for s in AccountStatus}, AccountStatus.ACTIVE)
    return account_id, BookAccount(
        status=status,
        charges_due=_one_of(fields, "charges", {"due": True, "none": False}, True),
        invoices=_invoices(fields.get("invoices", "")),
        latency=_seconds(fields.get("latency", ""), latency),
        number=_number(fields.get("account_number", "")),
        currency=_currency(fields.get("currency", "")),
        cents=_cents(fields.get("amount", "")),
        tax_fails=_one_of(fields, "tax", {"complete": False, "failed": True}, False),
    )


def _one_of(fields: Mapping[str, str], column: str, values: Mapping[str, T], default: T) -> T:
    text = fields.get(column, "")
    if not text:
        return default
    if text not in values:
        raise _Field(f"{column} {text!r} is none of {', '.join(values)}")
    return values[text]


def _number(text: str) -> str | None:
    """Read a number; several accounts may have it, to play a tenant where that is so."""
    if text and not ACCOUNT_NUMBER.fullmatch(text):
        raise _Field(f"account_number {text!r} is not an account number")
    return text or None


def _invoices(text: str) -> int:
    if not text:
        return 1
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= MOST_INVOICES:
        raise _Field(f"invoices {text!r} is not a number from 1 to {MOST_INVOICES}")
    return int(text)


def _currency(text: str) -> str:
    if text and not _CURRENCY.fullmatch(text):
        raise _Field(f"currency {text!r} is not three capital letters like USD")
    return text or "USD"


def _cents(text: str) -> int | None:
    if text and not _AMOUNT.fullmatch(text):
        raise _Field(f"amount {text!r} is not an amount like 99.00")
    return int(text.replace(".", "")) if text else None


def _seconds(text: str, default: float) -> float:
    if not text:
        return default
    found = read_duration(text)
    if found is None:
        raise _Field(f"latency {text!r} is not a duration like 800ms or 2s")
    return found
