"""Read JSON from a server that is not trusted: one meaning or none, within bounds."""

from __future__ import annotations

import json
import math
from typing import NoReturn

_MAX_DIGITS = 20


class NotJson(ValueError):
    """The bytes are not JSON with exactly one meaning."""


class DecimalText(str):
    """A JSON number with a fraction or an exponent, exactly as it was written."""

    __slots__ = ()


def parse_json(body: bytes, *, exact: bool = False) -> object:
    """Read a JSON document in UTF-8; raise NotJson for anything that has two readings or none.

    Refused beyond the grammar: other encodings, a byte order mark, NaN and infinities, also where
    a number is too large for anything else, a key twice, integers of more than 20 digits, lone
    surrogates, and nesting that exhausts the stack.
    With `exact` a number that is no integer comes as DecimalText, not as a float.
    """
    try:
        text = body.decode("utf-8")
        document: object = (_EXACT if exact else _DECODER).decode(text)
        if "\\u" in text:
            # an escape may hold half a surrogate pair, which is no character
            json.dumps(document, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise NotJson("not readable as JSON") from error
    return document


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise NotJson("an integer out of bounds")
    return int(digits)


def _float(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise NotJson("a number out of bounds")
    return value


def _constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is not JSON")


def _mapping(pairs: list[tuple[str, object]]) -> dict[str, object]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise NotJson("a key occurs twice")
    return mapping


_DECODER = json.JSONDecoder(
    object_pairs_hook=_mapping, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
_EXACT = json.JSONDecoder(
    object_pairs_hook=_mapping,
    parse_int=_integer,
    parse_constant=_constant,
    parse_float=DecimalText,
)
