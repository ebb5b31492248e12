"""Strategies for what a server may answer: bytes of any kind, and above all near misses."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from zbatch.zuora.codes import LIMIT_CODES, LIMIT_MESSAGES, LOGIN_CODES, LOGIN_MESSAGES, MEANINGS
from zbatch.zuora.headers import KEPT
from zbatch.zuora.wire import Fault, FaultKind, Reply

ID = "2c92c0f96b8e1b5e016b8f0c2f4c4d1e"
STATUSES = st.one_of(
    st.sampled_from([200, 201, 204, 301, 307, 400, 401, 403, 404, 409, 413, 422, 429, 500, 503]),
    st.integers(0, 1000),
)
ANY_TEXT = st.text(st.characters(), max_size=40)  # surrogates too
CODES = st.one_of(
    st.sampled_from(sorted({*MEANINGS, *LIMIT_CODES, *LOGIN_CODES, "fns:INVALID_VALUE", ""})),
    st.integers(),
    st.booleans(),
    st.none(),
    ANY_TEXT,
)
MESSAGES = st.one_of(
    st.sampled_from(
        [
            *LIMIT_MESSAGES,
            *LOGIN_MESSAGES,
            "No charges due.",
            "Lock competition, try later",
            "x" * 2000,
            "a\u2028b\x85c\x1b[2J",
        ]
    ),
    ANY_TEXT,
    st.none(),
    st.integers(),
)
ERROR = st.fixed_dictionaries({}, optional={"Code": CODES, "Message": MESSAGES})
LEAF = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10**18, 10**25),
    st.floats(),
    ANY_TEXT,
)
VALUES = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)
GOOD_ROW = st.fixed_dictionaries({"Success": st.just(True), "Id": st.uuids().map(lambda u: u.hex)})
BAD_ROW = st.fixed_dictionaries(
    {"Success": st.just(False), "Errors": st.lists(ERROR, min_size=1, max_size=3)}
)
ODD_ROW = st.fixed_dictionaries(
    {},
    optional={
        "Success": st.sampled_from([True, False, "true", "false", 1, 0, None]),
        "success": st.booleans(),
        "Id": st.sampled_from([ID, "", None, 5, "x" * 256, "a b", [ID], "\ud800", "a\n"]),
        "Errors": st.lists(ERROR, max_size=2) | VALUES,
        "faults": st.lists(st.fixed_dictionaries({"faultCode": CODES}), max_size=2),
    },
)
# one error, of each class in turn
PLAIN_ROW = st.sampled_from(
    [
        ("INVALID_VALUE", "The invoice will not be generated: there are no charges due."),
        ("INVALID_VALUE", "The account is not active."),
        ("LOCK_COMPETITION", "Try later."),
        ("UNKNOWN_ERROR", "An error occurred."),
        ("TRANSACTION_TERMINATED", "Do not retry."),
        ("REQUEST_EXCEEDED_RATE", "Too many."),
        ("INVALID_SESSION", "Log in."),
    ]
).map(
    lambda error: {"Success": False, "Errors": [dict(zip(("Code", "Message"), error, strict=True))]}
)
# all that a success has, but for a true that is true
ALMOST_ROW: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "Success": st.sampled_from(["true", "True", "false", 1, 1.0, [True], {}, None]),
        "Id": st.just(ID),
    }
)
ROW = st.one_of(GOOD_ROW, PLAIN_ROW, PLAIN_ROW, BAD_ROW, ALMOST_ROW, ODD_ROW, VALUES)
PROBLEM = st.fixed_dictionaries(
    {},
    optional={
        "code": CODES,
        "message": MESSAGES,
        "success": st.booleans(),
        "reasons": st.lists(st.fixed_dictionaries({"code": CODES, "message": MESSAGES})),
        "Errors": st.lists(ERROR),
        "FaultCode": CODES,
        "FaultMessage": MESSAGES,
    },
)


def as_bytes(document: Any, *, ascii_only: bool = True) -> bytes:
    """Write a document as JSON, or as near to it as it goes."""
    return json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")


@st.composite
def documents(draw: st.DrawFn, items: int) -> bytes:
    """Draw JSON that is rows for so many items, or nearly so."""
    rows = st.lists(ROW, min_size=items, max_size=items)
    off_by_some = st.lists(ROW, max_size=min(items + 2, 52))
    shape = st.one_of(rows, rows, off_by_some, ROW, PROBLEM, VALUES)
    return as_bytes(draw(shape), ascii_only=draw(st.booleans()))


@st.composite
def _damaged(draw: st.DrawFn, items: int) -> bytes:
    """Draw a good body with a piece missing, doubled or put in."""
    body = draw(documents(items))
    start = draw(st.integers(0, len(body)))
    end = draw(st.integers(start, len(body)))
    inner = draw(
        st.sampled_from([b"", b"\x00", b",", b"}", b"\xff", b'"', b"NaN", body[start:end]])
    )
    return body[:start] + inner + body[draw(st.sampled_from([start, end])) :]


HOSTILE = st.sampled_from(
    [
        b"",
        b"null",
        b"{}",
        b"[]",
        b"[[]]",
        b"[" * 100_000,
        b"[" * 5000 + b"]" * 5000,
        b'{"a":' * 20_000,
        b"9" * 5000,
        b"[" + b"9" * 5000 + b"]",
        b"-" + b"1" * 21,
        b"1e999999",
        b"[NaN]",
        b'[{"Success":true,"Success":false,"Id":"' + ID.encode() + b'"}]',
        b'[{"Success":true,"Id":"a\\ud800"}]',
        b'[{"Success":true,"Id":"\\ud83d\\ude00"}]',
        b"\xef\xbb\xbf" + b'[{"Success":true,"Id":"x"}]',
        b'[{"Success":true,"Id":"x"}]'.decode().encode("utf-16"),
        b'[{"Success":true,"Id":"\xe9"}]',
        b"<html><body>Log in</body></html>",
        b'[{"Success":true,"Id":"x"}]' * 2,
        b'[{"Success":true,"Id":"x"}]\n' + b" " * 10_000,
    ]
)


def fitting(items: int) -> st.SearchStrategy[bytes]:
    """Draw rows for so many items, each of which means something."""
    return st.lists(PLAIN_ROW | GOOD_ROW, min_size=items, max_size=items).map(as_bytes)


def bodies(items: int) -> st.SearchStrategy[bytes]:
    """Draw any body of a reply to a call of so many items."""
    odd = (_damaged(items), HOSTILE, st.binary())
    return st.one_of(fitting(items), fitting(items), fitting(items), documents(items), *odd)


HEADERS = st.dictionaries(st.sampled_from(sorted(KEPT)), ANY_TEXT | st.just("30"), max_size=4)


def replies(items: int) -> st.SearchStrategy[Reply]:
    """Draw any reply to a call of so many items."""
    return st.builds(Reply, STATUSES, HEADERS, bodies(items), st.integers(0, 3))


FAULTS = st.builds(Fault, st.sampled_from(FaultKind), st.booleans(), st.just("what happened"))
COUNTS = st.one_of(st.just(1), st.just(1), st.integers(1, 3), st.integers(1, 50))
