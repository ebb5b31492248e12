"""The short way to read successes: it reads what the long way reads, or nothing."""

from __future__ import annotations

import json
import random

import pytest

from zbatch.zuora.codes import RowClass
from zbatch.zuora.rows import read_rows, read_successes
from zbatch.zuora.strict_json import NotJson, parse_json

ID = "2c93808457d787030157e0306be53a01"
PLAIN = f'[{{"Success":true,"Id":"{ID}"}}]'.encode()


def at_length(body: bytes, expected: int) -> object:
    """Read rows by way of a document, as all that is not a list of successes is read."""
    try:
        return read_rows(parse_json(body), expected)
    except NotJson:
        return None


@pytest.mark.parametrize("count", [1, 2, 50])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("indent", [None, 1])
def test_a_list_of_successes_is_read(count: int, turned: bool, indent: int | None) -> None:
    """In any spacing and with its members in any order, by position."""
    rows = [{"Success": True, "Id": f"{ID}{number}"} for number in range(count)]
    if turned:
        rows = [dict(reversed(row.items())) for row in rows]
    body = json.dumps(rows, indent=indent).encode()
    found = read_successes(body, count)
    assert found is not None
    assert [row.invoice_id for row in found] == [row["Id"] for row in rows]
    assert all(row.row_class is RowClass.SUCCESS and row.problem is None for row in found)
    assert found == at_length(body, count)
    assert read_successes(body, count + 1) is None


def test_an_invoice_that_is_named_twice_leaves_no_row_to_trust() -> None:
    """R12: no call has two items of one account, and an invoice has one account."""
    twice = json.dumps([{"Success": True, "Id": one} for one in (ID, "other", ID)]).encode()
    assert read_successes(twice, 3) is None
    assert at_length(twice, 3) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        PLAIN[1:-1],
        PLAIN[:-1],
        PLAIN + b"]",
        PLAIN + b"\0",
        b"\xef\xbb\xbf" + PLAIN,
        PLAIN.replace(b"true", b"True"),
        PLAIN.replace(b"true", b'"true"'),
        PLAIN.replace(b"true", b"false"),
        PLAIN.replace(b"Id", b"id"),
        PLAIN.replace(ID.encode(), b""),
        PLAIN.replace(ID.encode(), b"a b"),
        PLAIN.replace(ID.encode(), b"\\u0061"),
        PLAIN.replace(ID.encode(), b"x" * 256),
        PLAIN.replace(b"}", b',"Id":"2"}'),
        PLAIN.replace(b"}", b',"Success":false}'),
        PLAIN.replace(b",", b"\x0b,"),
        PLAIN.replace(b'"Success":true,', b""),
    ],
)
def test_anything_else_is_left_to_the_long_way(body: bytes) -> None:
    """What is no plain list of successes is not read here, whatever it may mean."""
    assert read_successes(body, 1) is None


@pytest.mark.untraced
def test_both_ways_agree_on_bytes_that_are_nearly_successes() -> None:
    """Wherever bytes change, the short way reads nothing or what the long way reads."""
    chance = random.Random(20261126)
    pieces = [PLAIN, b'"Id"', b'"Success"', b"true", b"false", b"null", b"{}", b"[]", b",", b":"]
    pieces += [
        b" ",
        b"\n",
        b'"',
        b"\\",
        b"\\u0041",
        b"\xc3\xa9",
        b"\xff",
        b"\x00",
        b"7",
        b"{",
        b"}",
    ]
    read = 0
    for _ in range(20_000):
        rows = [PLAIN[1:-1].replace(b"01", b"%02d" % (n + 1)) for n in range(chance.randint(1, 3))]
        body = bytearray(b"[" + b",".join(rows) + b"]")
        for _ in range(chance.randint(0, 2)):
            place = chance.randrange(len(body) + 1)
            body[place : place + chance.choice((0, 0, 1, 4))] = chance.choice(pieces)
        for expected in (1, 2, 3):
            found = read_successes(bytes(body), expected)
            read += found is not None
            assert found is None or found == at_length(bytes(body), expected)
    assert read > 5_000
