"""Ask a tenant which invoices it has, in ZOQL (Action POSTquery).

ZOQL has no `in`, no parentheses and no order, and its `and` binds before its `or`: so each branch
says both of its conditions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from zbatch.model import ACCOUNT_ID
from zbatch.zuora.headers import QUERY_MORE_PATH, QUERY_PATH
from zbatch.zuora.request import wire_of
from zbatch.zuora.wire import Ask

FIELDS = (
    "Id",
    "AccountId",
    "InvoiceNumber",
    "InvoiceDate",
    "TargetDate",
    "Status",
    "Amount",
    "Source",
    "CreatedDate",
    "UpdatedDate",
)
ALL_FIELDS = frozenset(FIELDS)
REQUIRED = frozenset({"Id", "AccountId", "TargetDate", "Status", "CreatedDate"})

# Zuora takes 200 conditions and 10,000 characters: 100 branches of two make less than 8,500.
BRANCHES = 100

DRAFT = "Draft"


@dataclass(frozen=True, slots=True, order=True)
class Wanted:
    """What an item asks about; checked, since it goes into the text of a question as it is."""

    account_id: str
    target_date: date

    def __post_init__(self) -> None:
        if not ACCOUNT_ID.fullmatch(self.account_id):
            raise ValueError("an account ID is 32 lower-case hexadecimal characters")
        if type(self.target_date) is not date:
            raise ValueError("a target date has no time of day")


def questions(wanted: Iterable[Wanted], fields: frozenset[str] = ALL_FIELDS) -> list[str]:
    """Cut what is wanted into few questions, each telling all about what it names.

    Every question also asks for all drafts of its accounts, and an account is in one question
    only unless its dates alone overflow it. Raise ValueError where `fields` lacks a required one
    or has one unknown.
    """
    if not REQUIRED <= fields <= ALL_FIELDS:
        raise ValueError(
            "a question needs its required fields, and knows no others than ALL_FIELDS"
        )
    names = ", ".join(name for name in FIELDS if name in fields)
    return [_question(names, part) for part in _filled(_by_account(dict.fromkeys(wanted)))]


def _by_account(wanted: Iterable[Wanted]) -> Iterator[list[Wanted]]:
    """Give each account's dates together, one branch being left for its drafts."""
    accounts: dict[str, list[Wanted]] = {}
    for one in wanted:
        accounts.setdefault(one.account_id, []).append(one)
    for dates in accounts.values():
        for start in range(0, len(dates), BRANCHES - 1):
            yield dates[start : start + BRANCHES - 1]


def _filled(portions: Iterable[list[Wanted]]) -> Iterator[list[Wanted]]:
    """Fill questions up; a portion takes a branch for each of its dates and one for its drafts."""
    part: list[Wanted] = []
    branches = 0
    for portion in portions:
        cost = len(portion) + 1
        if part and branches + cost > BRANCHES:
            yield part
            part, branches = [], 0
        part += portion
        branches += cost
    if part:
        yield part


def _question(names: str, wanted: Sequence[Wanted]) -> str:
    # Templates are safe here because Wanted holds hexadecimal digits and real dates only.
    branches = [
        f"AccountId = '{one.account_id}' and TargetDate = '{one.target_date.isoformat()}'"
        for one in wanted
    ]
    accounts = dict.fromkeys([one.account_id for one in wanted])
    branches += [f"AccountId = '{account}' and Status = '{DRAFT}'" for account in accounts]
    return " ".join(("select", names, "from Invoice where", " or ".join(branches)))


def query_body(text: str) -> bytes:
    """Write the body that asks a question, before compression."""
    return json.dumps({"queryString": text}, separators=(",", ":")).encode("ascii")


def more_body(locator: str) -> bytes:
    """Write the body that asks for the next page (Action POSTqueryMore)."""
    return json.dumps({"queryLocator": locator}, separators=(",", ":")).encode("ascii")


def query_ask(question: str, stale_token: int | None = None, wsdl: int = 0) -> Ask:
    """Build the request for the first page of an answer."""
    return Ask(QUERY_PATH, wire_of(query_body(question)), stale_token, wsdl)


def more_ask(locator: str, stale_token: int | None = None, wsdl: int = 0) -> Ask:
    """Build the request for the page that a locator stands for."""
    return Ask(QUERY_MORE_PATH, wire_of(more_body(locator)), stale_token, wsdl)
