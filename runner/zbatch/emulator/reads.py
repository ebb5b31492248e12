"""Accounts and invoices read one at a time (pages "Retrieve an account", "Retrieve an invoice")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import unquote

from zbatch.emulator.accounts import AccountTable
from zbatch.emulator.config import Modes
from zbatch.emulator.exchange import Answer, json_answer, reasons
from zbatch.emulator.generate import NEWEST_WSDL
from zbatch.emulator.shelves import InvoiceShelf, hidden_fields, moment_of
from zbatch.emulator.visit import Visit
from zbatch.emulator.zoql import FIELDS, TENANT_ZONE, Kind, Value

NOT_FOUND = 50000040

_PATH = re.compile(r"/v1/(accounts|invoices)/([^/]+)")
_MINOR = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")  # an older one is a number, as 196.0
_STATUSES_SINCE = "2024-05-20"  # before it what is not found is a 200 (page "API upgrades")
_INVOICE = {
    "id": "Id",
    "accountId": "AccountId",
    "invoiceNumber": "InvoiceNumber",
    "invoiceDate": "InvoiceDate",
    "targetDate": "TargetDate",
    "status": "Status",
    "amount": "Amount",
    "balance": "Balance",
    "currency": "Currency",
    "source": "Source",
    "taxStatus": "TaxStatus",
    "taxMessage": "TaxMessage",
    "createdDate": "CreatedDate",
    "updatedDate": "UpdatedDate",
}


def is_read(method: str, path: str) -> bool:
    """Tell whether a request reads one account or one invoice."""
    return method == "GET" and _PATH.fullmatch(path) is not None


class ReadDesk:
    """Answers with what is readable when the question arrives; a key is an ID or a number."""

    def __init__(self, modes: Modes, accounts: AccountTable, invoices: InvoiceShelf) -> None:
        self._modes = modes
        self._hidden = hidden_fields(modes, NEWEST_WSDL)
        self._accounts = accounts
        self._invoices = invoices

    def answer(self, visit: Visit) -> Answer:
        """Read what the path names."""
        found = _PATH.fullmatch(visit.request.path)
        if found is None:
            raise ValueError("this path names neither an account nor an invoice")
        key = unquote(found[2])
        read = self._account if found[1] == "accounts" else self._invoice
        fields = read(key, visit)
        if fields is None:
            return _not_found(key, visit)
        return json_answer(200, {**fields, "success": True})

    def _account(self, key: str, _: Visit) -> Mapping[str, Any] | None:
        record = self._accounts.by_key(key)
        if record is None:
            return None
        basic = {"id": "Id", "accountNumber": "AccountNumber", "status": "Status"}
        return {
            "basicInfo": {name: record[field] for name, field in basic.items()},
            "billingAndPayment": {"currency": record["Currency"]},
        }

    def _invoice(self, key: str, visit: Visit) -> Mapping[str, Any] | None:
        record = self._invoices.by_key(key, moment_of(self._modes, visit))
        if record is None:
            return None
        told = ((name, field, record[field]) for name, field in _INVOICE.items())
        return {
            name: _plain(FIELDS[field], value)
            for name, field, value in told
            if value is not None and field not in self._hidden
        }


def _not_found(key: str, visit: Visit) -> Answer:
    minor = visit.request.headers.get("zuora-version", "")
    by_status = _MINOR.fullmatch(minor) is not None and minor >= _STATUSES_SINCE
    message = f"Cannot find entity by key: '{key[:200]}'."
    return reasons(404 if by_status else 200, NOT_FOUND, message, visit.request_id)


def _plain(kind: Kind, value: Value) -> str | float:
    """Give a value as JSON has it; an amount is a number, a time the tenant's own."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return value
    if kind is Kind.CENTS:
        return value / 100
    return f"{datetime.fromtimestamp(value, UTC).astimezone(TENANT_ZONE):%Y-%m-%d %H:%M:%S}"
