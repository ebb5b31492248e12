"""What a generate call asks for, and what each of its rows comes to; decisions only."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from zbatch.emulator.book import AccountStatus, BookAccount
from zbatch.emulator.config import SecondGenerate
from zbatch.emulator.exchange import Answer, Row, client_error, json_answer, zuora_fault
from zbatch.emulator.invoices import Order

MOST_OBJECTS = 50
DEFAULT_WSDL = 79
NEWEST_WSDL = 153
LOCK_CODE_SINCE = 60  # older versions know no LOCK_COMPETITION

NOTHING_DUE = Row(
    code="INVALID_VALUE",
    message=("The invoice will not be generated because there are no charges due on this account."),
)
LOCKED = "Operation failed due to a lock competition, please retry later."

_KINDS = ("IncludesOneTime", "IncludesRecurring", "IncludesUsage")
_CALL_FIELDS = frozenset({"type", "objects"})
_ROW_FIELDS = frozenset({"AccountId", "InvoiceDate", "TargetDate", *_KINDS})
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One well-formed row: an invoice for an account; `account_id` is lower case."""

    account_id: str
    invoice_date: date
    target_date: date
    any_charges: bool


class _Field(Exception):
    """A field of a row is missing or ill-formed; `row` is what the row comes to."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.row = Row(code=code, message=message)


def read_call(content: bytes | None, reject_unknown: bool) -> tuple[Wanted | Row, ...] | Answer:
    """Read a call into its rows, or into the answer that refuses it as a whole."""
    if content is None:
        return client_error("The request body could not be decompressed.")
    try:
        call = json.loads(content)
    except (ValueError, RecursionError):
        return client_error("The request body is not valid JSON.")
    if not isinstance(call, dict):
        return client_error("The request body is not a JSON object.")
    if reject_unknown and _has_unknown(call):
        return json_answer(400, {"message": "Error - unrecognised fields"})
    objects = call.get("objects")
    if call.get("type") != "Invoice":
        return zuora_fault("INVALID_TYPE", "generate supports objects of type Invoice only")
    if not isinstance(objects, list) or not all(isinstance(row, dict) for row in objects):
        return zuora_fault("INVALID_VALUE", "objects must be an array of zObjects")
    if not objects:
        return zuora_fault("MISSING_REQUIRED_VALUE", "Missing required value: objects")
    if len(objects) > MOST_OBJECTS:
        return zuora_fault(
            "MAX_RECORDS_EXCEEDED", f"{len(objects)} objects, at most {MOST_OBJECTS} are allowed"
        )
    return tuple(read_row(row) for row in objects)


def read_row(row: Mapping[str, Any]) -> Wanted | Row:
    """Read one object of a call, or return the error row it comes to."""
    try:
        account_id = _text(row, "AccountId")
        if not account_id:
            raise _Field("MISSING_REQUIRED_VALUE", "Missing required value: AccountId")
        invoice_date, target_date = _text(row, "InvoiceDate"), _text(row, "TargetDate")
        if not invoice_date or not target_date:
            message = "InvoiceDate and TargetDate are required fields"
            raise _Field("MISSING_REQUIRED_VALUE", message)
        kinds = {_flag(row, name) for name in _KINDS}
        return Wanted(
            account_id.lower(),
            _date("InvoiceDate", invoice_date),
            _date("TargetDate", target_date),
            any_charges=True in kinds,
        )
    except _Field as problem:
        return problem.row


def orders_of(content: bytes | None) -> list[Order]:
    """Return what a bill run of somebody else bills, who is about to bill the same."""
    rows = read_call(content, reject_unknown=False)
    return [
        Order(row.account_id, row.invoice_date, row.target_date, source="BillRun")
        for row in (() if isinstance(rows, Answer) else rows)
        if isinstance(row, Wanted)
    ]


def count_objects(content: bytes | None) -> int:
    """Count the objects of a call; none where it is no call."""
    rows = read_call(content, reject_unknown=False)
    return 0 if isinstance(rows, Answer) else len(rows)


def decide(
    wanted: Wanted, account: BookAccount | None, billed_through: date | None, mode: SecondGenerate
) -> Row | int:
    """Return how many invoices arise, or the error row that the generate comes to."""
    if account is None:
        message = f"The account with the ID {wanted.account_id} does not exist."
        return Row(code="INVALID_VALUE", message=message)
    if account.status is not AccountStatus.ACTIVE:
        message = f"Invoices cannot be generated: the account status is {account.status.value}."
        return Row(code="INVALID_VALUE", message=message)
    if not account.charges_due or not wanted.any_charges:
        return NOTHING_DUE
    billed = billed_through is not None and wanted.target_date <= billed_through
    if billed and mode is SecondGenerate.NOTHING_TO_BILL:
        return NOTHING_DUE
    return account.invoices


def locked_row(wsdl: int) -> Row:
    """Return the row for an account that another call is generating for."""
    code = "LOCK_COMPETITION" if wsdl >= LOCK_CODE_SINCE else "INVALID_VALUE"
    return Row(code=code, message=LOCKED)


def read_wsdl(header: str | None) -> int | None:
    """Return the WSDL version asked for, or None if there is no such version."""
    if header is None:
        return DEFAULT_WSDL
    if not re.fullmatch(r"[0-9]{1,3}", header) or not 1 <= int(header) <= NEWEST_WSDL:
        return None
    return int(header)


def _has_unknown(call: Mapping[str, Any]) -> bool:
    objects = call.get("objects")
    rows = objects if isinstance(objects, list) else []
    return not call.keys() <= _CALL_FIELDS or any(
        isinstance(row, dict) and not row.keys() <= _ROW_FIELDS for row in rows
    )


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _Field("INVALID_VALUE", f"The value of {name} is not a string.")
    return value


def _date(name: str, text: str) -> date:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise _Field("INVALID_VALUE", f"The value of {name} is not a date: YYYY-MM-DD is required.")


def _flag(row: Mapping[str, Any], name: str) -> bool:
    value = row.get(name)
    if value is None:
        return True
    if not isinstance(value, bool):
        raise _Field("INVALID_VALUE", f"The value of {name} is not a boolean.")
    return value
