"""One exchange with the tenant as values, and the bodies it speaks in."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zbatch.emulator.wire import Way

COMPRESS_OVER = 1000  # bytes, from the page "Request and response compression"
MOST_CONTENT = 8 * 1024 * 1024

JSON_TYPE = "application/json;charset=utf-8"

_ENCODER = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came in; `headers` answers to lower-case names, `path` is still quoted."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    peer: str = "127.0.0.1"


class Delivery(StrEnum):
    """What becomes of an answer on its way."""

    WHOLE = "whole"
    SLOW = "slow"  # all of it comes, in pieces that take their time
    RESET = "reset"  # the connection breaks instead
    CLOSED = "closed"  # the connection ends in good order, without a byte
    SILENT = "silent"  # nothing that ends a reply comes, and the connection stays open
    CUT_SHORT = "cut_short"  # only the first bytes get through
    GARBLED = "garbled"  # what comes is no HTTP, or never ends


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply before compression.

    `more` are headers that stand beside others of the same name. It leaves `late` seconds late, by
    a `way` that is not the plain one if there is one; `delivery` sums that up. `replaced` says that
    a fault has put it in place of the true answer.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    delivery: Delivery = Delivery.WHOLE
    more: tuple[tuple[str, str], ...] = ()
    late: float = 0.0
    way: Way | None = None
    replaced: bool = False

    def with_headers(self, headers: Mapping[str, str]) -> Answer:
        """Return the answer with further headers; its own keep their values."""
        return replace(self, headers={**headers, **self.headers})

    def encoded(self, accept_encoding: str) -> Answer:
        """Return the answer as it goes out: gzip if the caller takes it and it is worth it."""
        if "Content-Encoding" in self.headers:  # a fault has packed it, in its own way
            return self
        if len(self.body) <= COMPRESS_OVER or not _takes_gzip(accept_encoding):
            return self
        body = gzip.compress(self.body, mtime=0)
        return replace(self, body=body, headers={**self.headers, "Content-Encoding": "gzip"})


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a generate answer: an invoice ID, or an error code with its message."""

    invoice_id: str | None = None
    code: str = ""
    message: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the SaveResult, its keys in the order seen in recorded replies."""
        if self.invoice_id is not None:
            return {"Success": True, "Id": self.invoice_id}
        return {"Errors": [{"Message": self.message, "Code": self.code}], "Success": False}


def json_answer(status: int, value: object, headers: Mapping[str, str] | None = None) -> Answer:
    """Build an answer with a JSON body."""
    body = _ENCODER.encode(value).encode()
    return Answer(status, body, {"Content-Type": JSON_TYPE, **(headers or {})})


def rows_answer(rows: Sequence[Row]) -> Answer:
    """Build the 200 of a generate: a bare array, a row for each object."""
    return json_answer(200, [row.as_json() for row in rows])


def reasons(status: int, code: int, message: str, process: str = "") -> Answer:
    """Build the lower-case shape of the newer operations and of the gateway."""
    value: dict[str, Any] = {"success": False}
    if process:
        value["processId"] = process[:16].upper()
    return json_answer(status, {**value, "reasons": [{"code": code, "message": message}]})


def zuora_fault(code: str, message: str) -> Answer:
    """Build a fault: the whole call failed and nothing was processed (page "Faults")."""
    return json_answer(400, {"FaultCode": code, "FaultMessage": message})


def client_error(message: str) -> Answer:
    """Build the answer to a request that is no call at all."""
    return json_answer(400, {"code": "ClientError", "message": message})


def content_of(request: Request) -> bytes | None:
    """Return the body after decompression, or None where it is not what its header says."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        return request.body
    if encoding != "gzip":
        return None
    unzip = zlib.decompressobj(wbits=31)
    try:
        content = unzip.decompress(request.body, MOST_CONTENT)
    except zlib.error:
        return None
    return content if unzip.eof and not unzip.unused_data else None


def _takes_gzip(accept_encoding: str) -> bool:
    for part in accept_encoding.lower().split(","):
        name, _, parameters = part.partition(";")
        if name.strip() == "gzip":
            return parameters.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
