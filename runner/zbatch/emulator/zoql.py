"""ZOQL as the tenant reads it: one object, conditions in branches, nothing beyond the page."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
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
    r"(\s*('(?:[^'\\]|\\['\\])*'|-?[0-9]+(?:\.[0-9]+)?|[A-Za-z_]+|!=|>=|<=|[=<>,]|\Z))"
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
        self._tokens = _tokens(text)
        self._at = 0
        self._hidden = hidden
        self._object = INVOICE

    def query(self) -> Query:
        self._keyword("select")
        fields = [self._take(_is_word)]
        while self._next_is(","):
            fields.append(self._take(_is_word))
        self._keyword("from")
        self._object = self._known(self._take(_is_word))
        for name in fields:
            self._check(name)
        branches = self._branches() if self._next_is("where") else []
        if self._at < len(self._tokens):
            raise _malformed()
        return Query(tuple(fields), tuple(tuple(branch) for branch in branches), self._object)

    def _branches(self) -> list[list[Condition]]:
        branches = [[self._condition()]]
        count = 1
        while True:
            if self._next_is("and"):
                branches[-1].append(self._condition())
            elif self._next_is("or"):
                branches.append([self._condition()])
            else:
                return branches
            count += 1
            if count > MOST_CONDITIONS:
                message = f"the query has more than {MOST_CONDITIONS} conditions"
                raise QueryFault("MALFORMED_QUERY", message)

    def _condition(self) -> Condition:
        name = self._take(_is_word)
        sign = self._take(_COMPARE.__contains__)
        literal = self._take(_is_string)
        self._check(name)
        return _condition(self._object, name, sign, literal)

    def _check(self, name: str) -> None:
        hidden = self._object == INVOICE and name in self._hidden
        if hidden or name not in _OBJECTS[self._object][0]:
            raise QueryFault("INVALID_FIELD", f"invalid field for query: {self._object}.{name}")

    def _known(self, name: str) -> str:
        if name not in _OBJECTS:
            raise QueryFault("INVALID_TYPE", f"invalid type for query: {name}")
        return name

    def _keyword(self, word: str) -> None:
        if not self._next_is(word):
            raise _malformed()

    def _next_is(self, token: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at] == token
        self._at += found
        return found

    def _take(self, fits: Callable[[str], bool]) -> str:
        if self._at == len(self._tokens) or not fits(self._tokens[self._at]):
            raise _malformed()
        self._at += 1
        return self._tokens[self._at - 1]


def _tokens(text: str) -> list[str]:
    found: list[tuple[str, str]] = _TOKEN.findall(text)
    if sum(len(whole) for whole, _ in found) != len(text):  # it has passed over what is no token
        raise _malformed()
    return [token for _, token in found if token]


def _is_word(token: str) -> bool:
    return token[0].isalpha() or token[0] == "_"


def _is_string(token: str) -> bool:
    return token[0] == "'"


@lru_cache(maxsize=4096)  # a client asks of the same accounts in many combinations
def _condition(of: str, name: str, sign: str, literal: str) -> Condition:
    fields, filterable = _OBJECTS[of]
    if name not in filterable:
        raise QueryFault("INVALID_FIELD", f"invalid field for filter: {of}.{name}")
    text = re.sub(r"\\(.)", r"\1", literal[1:-1])
    return Condition(name, sign, _value(name, fields[name], text))


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
