"""Ask what Zuora would bill an account by a date, and read its answer: an estimate, no promise.

The operation is "Generate a billing preview" (`POST /v1/operations/billing-preview`). It creates
nothing, carries no key, and knows of tax only what a price includes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from zbatch.model import Item, Problem
from zbatch.zuora.headers import PREVIEW_PATH
from zbatch.zuora.pages import Odd, Page
from zbatch.zuora.problems import NO_REASON, problem_in
from zbatch.zuora.reply import (
    UNREADABLE,
    NoRows,
    Refused,
    ServerError,
    Unreadable,
    answer_without_rows,
)
from zbatch.zuora.request import wire_of
from zbatch.zuora.strict_json import DecimalText, NotJson, parse_json
from zbatch.zuora.wire import Ask, Reply

_OK = 200
# The last two digits of a code are its category (page "Error handling"): contention for a lock, an
# internal or temporary error, a limit that is exceeded.
_PASSING = re.compile(r"[0-9]+(?:50|60|61|70)")


@dataclass(frozen=True, slots=True)
class Previewed:
    """What a preview shows for one item: its charges as decimal text, or why there is none."""

    amounts: tuple[str, ...] = ()
    problem: Problem | None = None


def preview_ask(item: Item) -> Ask:
    """Build the request for the preview of one item."""
    identity, charges = item.identity, item.charges
    excluded = (
        ("OneTime", charges.one_time),
        ("Recurring", charges.recurring),
        ("Usage", charges.usage),
    )
    left_out = ",".join(name for name, included in excluded if not included)
    body = {
        "accountId": identity.account_id,
        "targetDate": identity.target_date.isoformat(),
        **({"chargeTypeToExclude": left_out} if left_out else {}),
    }
    return Ask(PREVIEW_PATH, wire_of(json.dumps(body, separators=(",", ":")).encode("ascii")))


def read_preview(reply: Reply, account_id: str) -> Page[Previewed] | NoRows:
    """Read a reply to such a request, total; that an account has no preview is an answer, too."""
    try:
        document = parse_json(reply.body, exact=True)
    except NotJson:
        document = None
    problem = problem_in(document)
    answer = answer_without_rows(reply, problem)
    if not isinstance(document, dict) or not isinstance(answer, Refused | Unreadable):
        return answer
    if document.get("success") is False:
        return _refused(problem or NO_REASON)
    if reply.status != _OK or problem is not None:
        return answer
    try:
        return Page((Previewed(_amounts(document, account_id)),), None, 1)
    except Odd as odd:
        return Unreadable(Problem(UNREADABLE, f"The answer to a preview {odd}."))


def _refused(problem: Problem) -> Page[Previewed] | NoRows:
    if _PASSING.fullmatch(problem.code):
        return ServerError(problem)
    return Page((Previewed(problem=problem),), None, 1)


def _amounts(document: Mapping[str, object], account_id: str) -> tuple[str, ...]:
    shown, items = document.get("accountId"), document.get("invoiceItems", [])
    if document.get("success") is not True or not isinstance(items, list):
        raise Odd("does not say that it is one")
    if type(shown) is str and shown.lower() != account_id:
        raise Odd("is of another account")
    return tuple(text for item in items for text in _of_item(item))


def _of_item(item: object) -> tuple[str, ...]:
    """Give the amount of a charge, and its tax where that is told beside it."""
    if not isinstance(item, dict):
        raise Odd("holds an item that is none")
    told = [item.get(name) for name in ("chargeAmount", "taxAmount")]
    if told[0] is None:
        raise Odd("holds a charge without an amount")
    return tuple(_text(amount) for amount in told if amount is not None)


def _text(amount: object) -> str:
    """Read an amount, which is a number or a text."""
    if type(amount) is int or isinstance(amount, DecimalText) or type(amount) is str:
        return str(amount)
    raise Odd("holds an amount that is none")
