"""The query desk: invoices found by ZOQL, page by page (Action POSTquery and POSTqueryMore)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

from zbatch.emulator.config import EmulatorConfig, SourceField
from zbatch.emulator.exchange import JSON_TYPE, Answer, client_error, zuora_fault
from zbatch.emulator.invoices import Cursor, Invoice, InvoiceTable
from zbatch.emulator.visit import Visit
from zbatch.emulator.zoql import FIELDS, TENANT_ZONE, Kind, QueryFault, Record, Value, parse_query

QUERY_PATH = "/v1/action/query"
QUERY_MORE_PATH = "/v1/action/queryMore"

LOCATOR_LIFE = 5 * 86_400.0


class QueryDesk:
    """Answers from what is readable when the question arrives, which may lag behind the truth."""

    def __init__(self, config: EmulatorConfig, invoices: InvoiceTable) -> None:
        self._invoices = invoices
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
        readable = self._invoices.readable(self._horizon(visit), query.accounts)
        found = [i for i in readable if query.finds(self._record(i, visit))]
        cursor = Cursor(query.fields, tuple(invoice.id for invoice in found))
        return self._answer(cursor, found[: self._page], 0, visit, None)

    def more(self, visit: Visit) -> Answer:
        """Answer a further page; what has arisen since the query is in none."""
        locator = _field(visit.content, "queryLocator")
        if isinstance(locator, Answer):
            return locator
        name, _, offset = locator.rpartition("-")
        cursor = self._invoices.find_cursor(name, visit.now - LOCATOR_LIFE)
        if cursor is None or not (offset.isascii() and offset.isdigit() and len(offset) < 10):
            return zuora_fault("INVALID_VALUE", "invalid queryLocator")
        start = int(offset)
        page = self._invoices.by_id(cursor.found[start : start + self._page], self._horizon(visit))
        return self._answer(cursor, page, start, visit, name)

    def _horizon(self, visit: Visit) -> float:
        """Return the time up to which the question sees what has arisen."""
        stale = 0.0 if visit.mishap is None else visit.mishap.lag
        return visit.now - max(self._modes.read_lag, stale)

    def _answer(
        self, cursor: Cursor, page: list[Invoice], offset: int, visit: Visit, name: str | None
    ) -> Answer:
        end = offset + self._page
        parts = [f'"size":{len(cursor.found)}']
        if page:
            records = (_json(self._record(i, visit), cursor.fields) for i in page)
            parts.append(f'"records":[{",".join(records)}]')
        if end < len(cursor.found):
            name = name or self._invoices.keep_cursor(cursor, visit.now)
            parts.append(f'"queryLocator":"{name}-{end}"')
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
    pairs = [f'"{name}":{_text(FIELDS[name], v)}' for name, v in values if v is not None]
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
