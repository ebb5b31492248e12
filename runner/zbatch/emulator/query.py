"""The query desk: invoices and accounts found by ZOQL, in pages (POSTquery, POSTqueryMore)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from zbatch.emulator.accounts import AccountTable
from zbatch.emulator.book import Book
from zbatch.emulator.config import EmulatorConfig, SourceField
from zbatch.emulator.exchange import JSON_TYPE, Answer, client_error, zuora_fault
from zbatch.emulator.invoices import Cursor, Invoice, InvoiceTable
from zbatch.emulator.visit import Visit
from zbatch.emulator.zoql import (
    ACCOUNT,
    ACCOUNT_FIELDS,
    FIELDS,
    TENANT_ZONE,
    Kind,
    Query,
    QueryFault,
    Record,
    Value,
    parse_query,
)

QUERY_PATH = "/v1/action/query"
QUERY_MORE_PATH = "/v1/action/queryMore"

LOCATOR_LIFE = 5 * 86_400.0


_OF_ACCOUNTS = "A"  # before the name of a cursor, which is hexadecimal in small letters
_KINDS = {**FIELDS, **ACCOUNT_FIELDS}


@dataclass(frozen=True, slots=True)
class _Pages:
    """Under which name the cursor of some pages is kept, if it is, and of what they are."""

    name: str
    kind: str = ""


class QueryDesk:
    """Answers from what is readable when the question arrives, which may lag behind the truth."""

    def __init__(self, config: EmulatorConfig, invoices: InvoiceTable, book: Book) -> None:
        self._invoices = invoices
        self._accounts = AccountTable(book)
        self._modes = config.modes
        self._page = config.page
        absent = self._modes.source_field is SourceField.ABSENT
        self._hidden = frozenset({"Source"}) if absent else frozenset[str]()

    def query(self, visit: Visit) -> Answer:
        """Answer the first page of a query."""
        text = _field(visit.content, "queryString")
        if isinstance(text, Answer):
            return text
        try:
            query = parse_query(text, self._hidden)
        except QueryFault as refused:
            return zuora_fault(refused.code, str(refused))
        found = self._found(query, visit)
        cursor = Cursor(query.fields, tuple(str(record["Id"]) for record in found))
        pages = _Pages("", _OF_ACCOUNTS if query.object == ACCOUNT else "")
        return self._answer(cursor, found[: self._page], 0, visit, pages)

    def more(self, visit: Visit) -> Answer:
        """Answer a further page; what has arisen since the query is in none."""
        locator = _field(visit.content, "queryLocator")
        if isinstance(locator, Answer):
            return locator
        kept, _, offset = locator.rpartition("-")
        name = kept.removeprefix(_OF_ACCOUNTS)
        cursor = self._invoices.find_cursor(name, visit.now - LOCATOR_LIFE)
        if cursor is None or not (offset.isascii() and offset.isdigit() and len(offset) < 10):
            return zuora_fault("INVALID_VALUE", "invalid queryLocator")
        start = int(offset)
        ids = cursor.found[start : start + self._page]
        if kept != name:
            page = self._accounts.by_id(ids)
            return self._answer(cursor, page, start, visit, _Pages(name, _OF_ACCOUNTS))
        invoices = self._invoices.by_id(ids, self._horizon(visit))
        page = [self._record(one, visit) for one in invoices]
        return self._answer(cursor, page, start, visit, _Pages(name))

    def _found(self, query: Query, visit: Visit) -> list[Record]:
        if query.object == ACCOUNT:
            return self._accounts.found(query)
        readable = self._invoices.readable(self._horizon(visit), query.named("AccountId"))
        records = (self._record(one, visit) for one in readable)
        return [record for record in records if query.finds(record)]

    def _horizon(self, visit: Visit) -> float:
        """Return the time up to which the question sees what has arisen."""
        stale = 0.0 if visit.mishap is None else visit.mishap.lag
        return visit.now - max(self._modes.read_lag, stale)

    def _answer(
        self, cursor: Cursor, page: list[Record], offset: int, visit: Visit, pages: _Pages
    ) -> Answer:
        end = offset + self._page
        parts = [f'"size":{len(cursor.found)}']
        if page:
            records = (_json(record, cursor.fields) for record in page)
            parts.append(f'"records":[{",".join(records)}]')
        if end < len(cursor.found):
            name = pages.name or self._invoices.keep_cursor(cursor, visit.now)
            parts.append(f'"queryLocator":"{pages.kind}{name}-{end}"')
        parts.append(f'"done":{json.dumps(end >= len(cursor.found))}')
        body = f"{{{','.join(parts)}}}".encode()
        return Answer(200, body, {"Content-Type": JSON_TYPE})

    def _record(self, invoice: Invoice, visit: Visit) -> Record:
        created_at = invoice.created_at.timestamp()
        young = 0.0 if visit.mishap is None else visit.mishap.generating
        finished_at = created_at + max(self._modes.generating, young)
        unfinished = invoice.status == "Draft" and visit.now < finished_at
        return {
            "Id": invoice.id,
            "AccountId": invoice.account_id,
            "InvoiceNumber": invoice.number,
            "InvoiceDate": invoice.invoice_date,
            "TargetDate": invoice.target_date,
            "Status": "Generating" if unfinished else invoice.status,
            "Amount": invoice.cents,
            "Source": invoice.source,
            "CreatedDate": created_at,
            "UpdatedDate": invoice.updated_at.timestamp(),
            "Balance": invoice.cents,
        }


def _field(content: bytes | None, name: str) -> str | Answer:
    """Read the one field that a call has, or the answer that refuses it."""
    if content is None:
        return client_error("The request body could not be decompressed.")
    try:
        call: Any = json.loads(content)
    except (ValueError, RecursionError):
        return client_error("The request body is not valid JSON.")
    value = call.get(name) if isinstance(call, dict) else None
    if not isinstance(value, str):
        return zuora_fault("MISSING_REQUIRED_VALUE", f"Missing required value: {name}")
    return value


def _json(record: Record, fields: tuple[str, ...]) -> str:
    """Write a record; a field without value is left out, an amount keeps its two decimals."""
    values = ((name, record[name]) for name in dict.fromkeys(fields))
    pairs = [f'"{name}":{_text(_KINDS[name], v)}' for name, v in values if v is not None]
    return f"{{{','.join(pairs)}}}"


def _text(kind: Kind, value: Value) -> str:
    if isinstance(value, date):
        return f'"{value.isoformat()}"'
    if kind is Kind.CENTS:
        cents = int(value)
        return f"{'-' * (cents < 0)}{abs(cents) // 100}.{abs(cents) % 100:02}"
    if isinstance(value, str):
        return json.dumps(value)
    moment = datetime.fromtimestamp(value, UTC).astimezone(TENANT_ZONE)
    return f'"{moment.isoformat(timespec="milliseconds")}"'
