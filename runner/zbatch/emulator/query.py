"""The query desk: invoices, items and accounts found by ZOQL (POSTquery, POSTqueryMore)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from zbatch.emulator.accounts import AccountTable
from zbatch.emulator.book import Book
from zbatch.emulator.config import EmulatorConfig
from zbatch.emulator.exchange import JSON_TYPE, Answer, client_error, zuora_fault
from zbatch.emulator.generate import read_wsdl
from zbatch.emulator.invoices import Cursor
from zbatch.emulator.shelves import InvoiceShelf, ItemShelf, Shelf, hidden_fields, moment_of
from zbatch.emulator.store import Store
from zbatch.emulator.visit import Visit
from zbatch.emulator.zoql import (
    ACCOUNT,
    ACCOUNT_FIELDS,
    FIELDS,
    INVOICE,
    ITEM,
    ITEM_FIELDS,
    TENANT_ZONE,
    Kind,
    QueryFault,
    Record,
    Value,
    parse_query,
)

QUERY_PATH = "/v1/action/query"
QUERY_MORE_PATH = "/v1/action/queryMore"

LOCATOR_LIFE = 5 * 86_400.0

_KINDS = {**FIELDS, **ACCOUNT_FIELDS, **ITEM_FIELDS}
_LETTERS = {INVOICE: "", ACCOUNT: "A", ITEM: "I"}  # before the name of a cursor, which is hex


class QueryDesk:
    """Answers from what is readable when the question arrives, which may lag behind the truth."""

    def __init__(self, config: EmulatorConfig, store: Store, book: Book) -> None:
        self._cursors = store.invoices
        self._shelves: Mapping[str, Shelf] = {
            INVOICE: InvoiceShelf(config.modes, store.invoices, book),
            ACCOUNT: AccountTable(book),
            ITEM: ItemShelf(store.items),
        }
        self._modes = config.modes
        self._page = config.page

    def query(self, visit: Visit) -> Answer:
        """Answer the first page of a query."""
        text = _field(visit.content, "queryString")
        if isinstance(text, Answer):
            return text
        wsdl = read_wsdl(visit.request.headers.get("x-zuora-wsdl-version"))
        if wsdl is None:
            return zuora_fault("INVALID_VERSION", "there is no such WSDL version")
        try:
            query = parse_query(text, hidden_fields(self._modes, wsdl))
        except QueryFault as refused:
            return zuora_fault(refused.code, str(refused))
        readable = self._shelves[query.object].readable(query, moment_of(self._modes, visit))
        found = [record for record in readable if query.finds(record)]
        cursor = Cursor(query.fields, tuple(str(record["Id"]) for record in found))
        pages = _Pages("", _LETTERS[query.object])
        return self._answer(cursor, found[: self._page], 0, visit, pages)

    def more(self, visit: Visit) -> Answer:
        """Answer a further page; what has arisen since the query is in none."""
        locator = _field(visit.content, "queryLocator")
        if isinstance(locator, Answer):
            return locator
        kept, _, offset = locator.rpartition("-")
        letter = kept[:1] if kept[:1] in _LETTERS.values() else ""
        name = kept.removeprefix(letter)
        cursor = self._cursors.find_cursor(name, visit.now - LOCATOR_LIFE)
        if cursor is None or not (offset.isascii() and offset.isdigit() and len(offset) < 10):
            return zuora_fault("INVALID_VALUE", "invalid queryLocator")
        start = int(offset)
        ids = cursor.found[start : start + self._page]
        shelf = next(self._shelves[of] for of, known in _LETTERS.items() if known == letter)
        page = list(shelf.by_id(ids, moment_of(self._modes, visit)))
        return self._answer(cursor, page, start, visit, _Pages(name, letter))

    def _answer(
        self, cursor: Cursor, page: list[Record], offset: int, visit: Visit, pages: _Pages
    ) -> Answer:
        end = offset + self._page
        parts = [f'"size":{len(cursor.found)}']
        if page:
            records = (_json(record, cursor.fields) for record in page)
            parts.append(f'"records":[{",".join(records)}]')
        if end < len(cursor.found):
            name = pages.name or self._cursors.keep_cursor(cursor, visit.now)
            parts.append(f'"queryLocator":"{pages.letter}{name}-{end}"')
        parts.append(f'"done":{json.dumps(end >= len(cursor.found))}')
        body = f"{{{','.join(parts)}}}".encode()
        return Answer(200, body, {"Content-Type": JSON_TYPE})


@dataclass(frozen=True, slots=True)
class _Pages:
    """Under which name the cursor of some pages is kept, if it is, and of what they are."""

    name: str
    letter: str


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
