"""How a server bends the body of an answer: rows, texts, packing, pages and tokens."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import Any

from zbatch.emulator.exchange import Answer

Shape = Callable[[Answer], Answer]
Rows = list[dict[str, Any]]

HTML = "text/html;charset=utf-8"
LOGIN_PAGE = b"<!DOCTYPE html><html><body><form>Please log in</form></body></html>\n"
DEEP = 100_000
LONG_INTEGER = b"9" * 5000
BOMB_MEGABYTES = 300
OTHER_SCOPE = "entity.00000000-0000-4000-8000-00000000dead tenant.666"
LOOP = "loop-2000"
STRANGER = {
    "Id": "2c93808457d787030157e0306be53a01",
    "AccountId": "2c93808457d787030157e0306be53a02",
    "InvoiceNumber": "INV00000000",
    "InvoiceDate": "2026-11-30",
    "TargetDate": "2026-11-30",
    "Status": "Posted",
    "Amount": 10.0,
    "Source": "API",
    "CreatedDate": "2026-11-20T00:00:00.000-08:00",
    "UpdatedDate": "2026-11-20T00:00:00.000-08:00",
}

_NAMING = frozenset({"Id", "AccountId", "AccountNumber", "InvoiceId"})
_OTHER_DIGITS = str.maketrans("0123456789abcdef", "fedcba9876543210")


def _dumps(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


# Rows


def _rows(bend: Callable[[Rows], object]) -> Shape:
    """Bend the rows of a generate; what is no array of rows stays as it is."""

    def shape(answer: Answer) -> Answer:
        try:
            rows = json.loads(answer.body)
        except (ValueError, RecursionError):
            return answer
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            return answer
        return replace(answer, body=_dumps(bend(rows)))

    return shape


def _each(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Shape:
    return _rows(lambda rows: [change(row) for row in rows])


def _long_id(length: int) -> Shape:
    return _each(lambda row: {**row, "Id": row["Id"].ljust(length, "0")} if "Id" in row else row)


def _instead(value: object) -> Shape:
    return _rows(lambda _: value)


_REASON = {"code": 50000050, "message": "Operation failed due to a lock competition."}
_FAULT = {"FaultCode": "UNKNOWN_ERROR", "FaultMessage": "Operation failed."}

_OF_ROWS: Mapping[str, Shape] = {
    "errors_empty": _each(lambda _: {"Success": False, "Errors": []}),
    "errors_missing": _each(lambda _: {"Success": False}),
    "id_missing": _each(lambda _: {"Success": True}),
    "id_null": _each(lambda row: {**row, "Id": None}),
    "id_empty": _each(lambda row: {**row, "Id": ""}),
    "id_36": _long_id(36),
    "id_64": _long_id(64),
    "success_false_text": _each(lambda row: {**row, "Success": "false"}),
    "success_true_text": _each(lambda row: {**row, "Success": "true"}),
    "success_one": _each(lambda row: {**row, "Success": 1}),
    "rows_fewer": _rows(lambda rows: rows[:-1]),
    "rows_more": _rows(lambda rows: [*rows, rows[-1]] if rows else rows),
    "rows_reordered": _rows(lambda rows: rows[::-1]),
    "object_row": _rows(lambda rows: rows[0] if rows else rows),
    "object_reasons": _instead({"success": False, "reasons": [_REASON]}),
    "object_fault": _instead(_FAULT),
    "object_faults": _instead(
        {"faults": [{"faultCode": "UNKNOWN_ERROR", "faultMessage": "Operation failed."}]}
    ),
    "object_message": _instead({"message": "request exceeded limit"}),
}

# Texts


def _text(change: Callable[[bytes], bytes]) -> Shape:
    return lambda answer: replace(answer, body=change(answer.body))


def _page(status: int, body: bytes, kind: str) -> Shape:
    headers = {"Content-Type": kind} if kind else {}
    return lambda answer: replace(answer, status=status, body=body, headers=headers)


def _in_first_row(pair: bytes) -> Shape:
    """Put a pair in front of the others in the first row, as text: JSON could not write it."""
    return _text(lambda body: body.replace(b"{", b"{" + pair + b",", 1))


_OF_TEXT: Mapping[str, Shape] = {
    "login_page": _page(200, LOGIN_PAGE, HTML),
    "empty": _text(lambda _: b""),
    "no_content": _page(204, b"", ""),
    "null": _text(lambda _: b"null"),
    "empty_object": _text(lambda _: b"{}"),
    "invalid_json": _text(lambda body: body[:-1] + b",]"),
    "nan": _in_first_row(b'"Amount":NaN'),
    "duplicate_keys": _in_first_row(b'"Success":false'),
    "deep": _text(lambda _: b"[" * DEEP),
    "long_integer": _in_first_row(b'"Amount":' + LONG_INTEGER),
    "lone_surrogate": _in_first_row(b'"Note":"\\ud800"'),
    "bom": _text(lambda body: b"\xef\xbb\xbf" + body),
    "latin_1": _in_first_row(b'"Note":"caf\xe9"'),
    "conflict_rows": lambda answer: replace(answer, status=409),
}

# Packing


@cache
def bomb(megabytes: int) -> bytes:
    """Return a gzip stream of so many megabytes of spaces; each packs into the same bytes."""
    plain = b" " * (1 << 20)
    pack = zlib.compressobj(9, zlib.DEFLATED, 31)
    start = pack.compress(plain) + pack.flush(zlib.Z_FULL_FLUSH)
    again = pack.compress(plain) + pack.flush(zlib.Z_FULL_FLUSH)
    check = 0
    for _ in range(megabytes):
        check = zlib.crc32(plain, check)
    size = (megabytes << 20) & 0xFFFFFFFF
    end = b"\x03\x00" + check.to_bytes(4, "little") + size.to_bytes(4, "little")
    return start + again * (megabytes - 1) + end


def _packed(body: bytes, answer: Answer) -> Answer:
    return replace(answer, body=body, headers={**answer.headers, "Content-Encoding": "gzip"})


def _corrupt(answer: Answer) -> Answer:
    pack = zlib.compressobj(wbits=31)
    good = pack.compress(answer.body) + pack.flush()
    broken = bytes(byte ^ 0x55 for byte in good[12:-8])
    return _packed(good[:12] + broken + good[-8:], answer)


_OF_PACKING: Mapping[str, Shape] = {
    "gzip_bomb": lambda answer: _packed(bomb(BOMB_MEGABYTES), answer),
    "corrupt_gzip": _corrupt,
}

# Objects: pages of queries, and tokens


def _object(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Shape:
    """Bend a JSON object; what is none stays as it is."""

    def shape(answer: Answer) -> Answer:
        try:
            value = json.loads(answer.body)
        except (ValueError, RecursionError):
            return answer
        return replace(answer, body=_dumps(change(value))) if isinstance(value, dict) else answer

    return shape


def _without(name: str) -> Shape:
    return _object(lambda value: {key: one for key, one in value.items() if key != name})


def _loop(answer: Answer) -> Answer:
    """Say that there is one more page, whichever page this is."""
    more = {"done": False, "queryLocator": LOOP}
    if answer.status == 200:
        return _object(lambda page: {**page, **more})(answer)
    return replace(answer, status=200, body=_dumps({"size": 1, "records": [], **more}))


def _records(bend: Callable[[Rows], Rows]) -> Shape:
    """Bend the records of a page, which counts them as they are then."""

    def paged(page: dict[str, Any]) -> dict[str, Any]:
        if "size" not in page:
            return page
        records = page.get("records", [])
        bent = bend(records)
        size = page["size"] + len(bent) - len(records)
        return {**page, "size": size, "records": bent} if bent else page

    return _object(paged)


def _of_others(records: Rows) -> Rows:
    """Let each record be of another account; where there is none a stranger's comes."""
    return [
        {name: _other(value) if name in _NAMING else value for name, value in record.items()}
        for record in records or [STRANGER]
    ]


def _other(identity: str) -> str:
    return identity.translate(_OTHER_DIGITS)


def _twice(records: Rows) -> Rows:
    return [*(records[:-1] or records), *records[:1]]


def _posted(date_of: Callable[[str], str | None]) -> Shape:
    """Give invoices another target date, or none; no draft has one, since those come with any."""

    def change(record: dict[str, Any]) -> dict[str, Any]:
        if "TargetDate" not in record:
            return record
        posted = {**record, "Status": "Posted", "TargetDate": date_of(record["TargetDate"])}
        return {name: value for name, value in posted.items() if value is not None}

    return _records(lambda records: [change(record) for record in records])


def _day_before(text: str) -> str:
    return str(date.fromisoformat(text) - timedelta(days=1))


def _expires(value: object) -> Shape:
    return _object(lambda token: {**token, "expires_in": value})


def _token(change: Callable[[str], object]) -> Shape:
    def issued(reply: dict[str, Any]) -> dict[str, Any]:
        token = reply.get("access_token")
        return reply if token is None else {**reply, "access_token": change(token)}

    return _object(issued)


_OF_OBJECTS: Mapping[str, Shape] = {
    "paging_loop": _loop,
    "crossed_answer": _records(_of_others),
    "record_twice": _records(_twice),
    "record_undated": _posted(lambda _: None),
    "record_misdated": _posted(_day_before),
    "expires_missing": _without("expires_in"),
    "expires_text": _expires("3599.0"),
    "expires_zero": _expires(0),
    "expires_negative": _expires(-1),
    "expires_huge": _expires(1e99),
    "expires_nan": _expires(float("nan")),
    "token_missing": _without("access_token"),
    "token_crlf": _token(lambda token: f"{token}\r\nX-Injected: yes"),
    "token_non_ascii": _token(lambda token: f"{token}\u00e9"),
    "token_huge": _token(lambda token: token.ljust(1 << 20, "0")),
    "scope_other": _object(lambda token: {**token, "scope": OTHER_SCOPE}),
    "scope_missing": _without("scope"),
}

SHAPES: Mapping[str, Shape] = {**_OF_ROWS, **_OF_TEXT, **_OF_PACKING, **_OF_OBJECTS}
