"""ZOQL as the tenant reads it: one object, conditions in branches, nothing beyond the page."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from enum import Enum, auto
from functools import lru_cache
from typing import Any

MOST_CONDITIONS = 200
MOST_CHARACTERS = 10_000
TENANT_ZONE = timezone(timedelta(hours=-8))

SYNTAX = "You have an error in your ZOQL syntax"

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\['\\])*')|(?P<number>-?[0-9]+(?:\.[0-9]+)?)"
    r"|(?P<word>[A-Za-z_]+)|(?P<sign>!=|>=|<=|[=<>,])|\Z)"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
)


class QueryFault(Exception):
    """A query that Zuora refuses as a whole; `code` and the message are the fault's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Kind(Enum):
    """What a field holds: a text, a date, epoch seconds, a whole number of cents."""

    TEXT = auto()
    DATE = auto()
    TIME = auto()
    CENTS = auto()


FIELDS: Mapping[str, Kind] = {
    "Id": Kind.TEXT,
    "AccountId": Kind.TEXT,
    "InvoiceNumber": Kind.TEXT,
    "InvoiceDate": Kind.DATE,
    "TargetDate": Kind.DATE,
    "Status": Kind.TEXT,
    "Amount": Kind.CENTS,
    "Source": Kind.TEXT,
    "CreatedDate": Kind.TIME,
    "UpdatedDate": Kind.TIME,
    "Balance": Kind.CENTS,
    "Currency": Kind.TEXT,
    "TaxStatus": Kind.TEXT,
    "TaxMessage": Kind.TEXT,
}
SINCE = {"Currency": 147, "TaxStatus": 100, "TaxMessage": 100}  # versions of the WSDL
FILTERABLE = frozenset(
    {"Id", "AccountId", "InvoiceDate", "TargetDate", "CreatedDate", "Status", "Source"}
)

ACCOUNT_FIELDS: Mapping[str, Kind] = {
    "Id": Kind.TEXT,
    "AccountNumber": Kind.TEXT,
    "Status": Kind.TEXT,
    "Currency": Kind.TEXT,
}
ITEM_FIELDS: Mapping[str, Kind] = {
    "Id": Kind.TEXT,
    "InvoiceId": Kind.TEXT,
    "ChargeName": Kind.TEXT,
    "ChargeAmount": Kind.CENTS,
    "CreatedDate": Kind.TIME,
}
INVOICE, ACCOUNT, ITEM = "Invoice", "Account", "InvoiceItem"
_OBJECTS = {
    INVOICE: (FIELDS, FILTERABLE),
    ACCOUNT: (ACCOUNT_FIELDS, frozenset(ACCOUNT_FIELDS)),
    ITEM: (ITEM_FIELDS, frozenset({"Id", "InvoiceId"})),
}

Value = str | float | date
Record = Mapping[str, Value | None]

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of a field with a literal; texts are compared with their case."""

    field: str
    sign: str
    value: Value

    def holds(self, record: Record) -> bool:
        """Tell whether a record meets it; a field without value meets `!=` only."""
        found = record[self.field]
        return self.sign == "!=" if found is None else _COMPARE[self.sign](found, self.value)


@dataclass(frozen=True, slots=True)
class Query:
    """What is wanted: a record is found that meets every condition of any branch."""

    fields: tuple[str, ...]
    branches: tuple[tuple[Condition, ...], ...]
    object: str = INVOICE

    def finds(self, record: Record) -> bool:
        """Tell whether a record is found; a query without conditions finds all."""
        return not self.branches or any(
            all(condition.holds(record) for condition in branch) for branch in self.branches
        )

    def named(self, field: str) -> frozenset[str] | None:
        """The only values of a field that it can find, None where it may be any."""
        named = [
            {str(c.value) for c in branch if (c.field, c.sign) == (field, "=")}
            for branch in self.branches
        ]
        return frozenset().union(*named) if named and all(named) else None


@lru_cache(maxsize=256)  # a client asks the same again and again
def parse_query(text: str, hidden: frozenset[str] = frozenset()) -> Query:
    """Read a query; `hidden` fields do not exist in this tenant. Raises `QueryFault`."""
    if len(text) > MOST_CHARACTERS:
        message = f"the query has more than {MOST_CHARACTERS} characters"
        raise QueryFault("MALFORMED_QUERY", message)
    return _Parser(text, hidden).query()


class _Parser:
    """Recursive descent without recursion: ZOQL has no parentheses."""

    def __init__(self, text: str, hidden: frozenset[str]) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._hidden = hidden
        self._object = INVOICE

    def query(self) -> Query:
        self._keyword("select")
        fields = [self._take("word")]
        while self._next_is("sign", ","):
            fields.append(self._take("word"))
        self._keyword("from")
        self._object = self._known(self._take("word"))
        for name in fields:
            self._check(name)
        branches = self._branches() if self._next_is("word", "where") else []
        if self._at < len(self._tokens):
            raise _malformed()
        return Query(tuple(fields), tuple(tuple(branch) for branch in branches), self._object)

    def _branches(self) -> list[list[Condition]]:
        branches = [[self._condition()]]
        count = 1
        while True:
            if self._next_is("word", "and"):
                branches[-1].append(self._condition())
            elif self._next_is("word", "or"):
                branches.append([self._condition()])
            else:
                return branches
            count += 1
            if count > MOST_CONDITIONS:
                message = f"the query has more than {MOST_CONDITIONS} conditions"
                raise QueryFault("MALFORMED_QUERY", message)

    def _condition(self) -> Condition:
        name = self._take("word")
        sign = self._take("sign")
        literal = self._take("string")
        if sign not in _COMPARE:
            raise _malformed()
        kind = self._check(name)
        if name not in _OBJECTS[self._object][1]:
            raise QueryFault("INVALID_FIELD", f"invalid field for filter: {self._object}.{name}")
        return Condition(name, sign, _value(name, kind, re.sub(r"\\(.)", r"\1", literal[1:-1])))

    def _check(self, name: str) -> Kind:
        fields = _OBJECTS[self._object][0]
        hidden = self._object == INVOICE and name in self._hidden
        if hidden or name not in fields:
            raise QueryFault("INVALID_FIELD", f"invalid field for query: {self._object}.{name}")
        return fields[name]

    def _known(self, name: str) -> str:
        if name not in _OBJECTS:
            raise QueryFault("INVALID_TYPE", f"invalid type for query: {name}")
        return name

    def _keyword(self, word: str) -> None:
        if not self._next_is("word", word):
            raise _malformed()

    def _next_is(self, kind: str, text: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at] == (kind, text)
        self._at += found
        return found

    def _take(self, kind: str) -> str:
        if self._at == len(self._tokens) or self._tokens[self._at][0] != kind:
            raise _malformed()
        self._at += 1
        return self._tokens[self._at - 1][1]


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    for found in _TOKEN.finditer(text):
        if found.start() != at:  # it has passed over what is no token
            raise _malformed()
        if (kind := found.lastgroup) is not None:
            yield kind, found[kind]
        at = found.end()
    if at != len(text):
        raise _malformed()


def _value(name: str, kind: Kind, text: str) -> Value:
    try:
        if kind is Kind.DATE and _DATE.fullmatch(text):
            return date.fromisoformat(text)
        if kind is Kind.TIME and _TIME.fullmatch(text):
            moment = datetime.fromisoformat(text)
            zoned = moment if moment.tzinfo else moment.replace(tzinfo=TENANT_ZONE)
            return zoned.timestamp()
    except ValueError:
        pass
    if kind is not Kind.TEXT:
        raise QueryFault("INVALID_VALUE", f"invalid value for field Invoice.{name}")
    return text


def _malformed() -> QueryFault:
    return QueryFault("MALFORMED_QUERY", SYNTAX)
