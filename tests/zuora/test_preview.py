"""Billing previews: what is asked, and how answers of every shape are read."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.engine import item
from zbatch.model import Charges, Problem
from zbatch.zuora.pages import Page
from zbatch.zuora.preview import Previewed, preview_ask, read_preview
from zbatch.zuora.reply import NoRows, Refused, ServerError, Throttled, Unauthorized, Unreadable
from zbatch.zuora.wire import Reply

ONE = item(1)
ACCOUNT = ONE.identity.account_id


def shown(document: object, status: int = 200, **headers: str) -> object:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    answer = read_preview(Reply(status, headers, body), ACCOUNT)
    return answer.records[0] if isinstance(answer, Page) else answer


def previewed(*items: Any, **more: Any) -> dict[str, Any]:
    return {"success": True, "accountId": ACCOUNT, "invoiceItems": list(items), **more}


def refused(code: int, status: int = 200) -> object:
    return shown({"success": False, "reasons": [{"code": code, "message": "no"}]}, status)


def test_an_account_is_the_same_in_capitals() -> None:
    """A tenant may tell its ID either way."""
    mine = f"{0xABC:032x}"
    body = json.dumps(previewed(accountId=mine.upper())).encode()
    answer = read_preview(Reply(200, {}, body), mine)
    assert isinstance(answer, Page)
    assert answer.records[0].problem is None


@pytest.mark.parametrize(
    ("charges", "left_out"),
    [
        (Charges(), None),
        (Charges(one_time=False), "OneTime"),
        (Charges(one_time=False, usage=False), "OneTime,Usage"),
    ],
)
def test_a_preview_asks_for_what_the_item_bills(charges: Charges, left_out: str | None) -> None:
    """Account, target date, and the kinds of charges that are left out."""
    ask = preview_ask(replace(ONE, charges=charges))
    body = json.loads(gzip.decompress(ask.wire))
    assert ask.path == "/v1/operations/billing-preview"
    assert body["accountId"] == ACCOUNT
    assert body["targetDate"] == ONE.identity.target_date.isoformat()
    assert body.get("chargeTypeToExclude") == left_out


def test_amounts_are_read_as_they_are_written() -> None:
    """Numbers and texts, each charge and its tax, never by way of a float."""
    text = b'{"success":true,"invoiceItems":[{"chargeAmount":0.10,"taxAmount":2},'
    assert shown(text + b'{"chargeAmount":"-7.5"}]}') == Previewed(("0.10", "2", "-7.5"))
    assert shown(previewed()) == Previewed(())
    assert shown({"success": True, "accountId": ACCOUNT.upper()}) == Previewed(())


@pytest.mark.parametrize("status", [200, 400, 404])
def test_an_account_without_a_preview_is_an_answer(status: int) -> None:
    """Its reason is told beside the item; all other items have theirs."""
    assert refused(53100030, status) == Previewed(problem=Problem("53100030", "no"))


@pytest.mark.parametrize("code", [53100050, 53100060, 53100061, 53100070])
def test_a_passing_trouble_is_asked_again(code: int) -> None:
    """Contention, internal errors and limits say nothing of the account."""
    assert isinstance(refused(code), ServerError)


@pytest.mark.parametrize(
    ("document", "status", "kind"),
    [
        (b"<html>", 200, Unreadable),
        ([], 200, Unreadable),
        ({}, 200, Unreadable),
        ({"success": True, "invoiceItems": {}}, 200, Unreadable),
        (previewed("x"), 200, Unreadable),
        (previewed({}), 200, Unreadable),
        (previewed({"chargeAmount": True}), 200, Unreadable),
        (previewed({"chargeAmount": [1]}), 200, Unreadable),
        (previewed(accountId="f" * 32), 200, Unreadable),
        ({"message": "forbidden"}, 403, Refused),
        ({"message": "sign in"}, 401, Unauthorized),
        ({"success": False, "reasons": [{"code": 1, "message": "busy"}]}, 429, Throttled),
        ({"success": False}, 500, ServerError),
    ],
)
def test_what_is_no_preview_is_none(document: object, status: int, kind: type) -> None:
    """Nothing is estimated from an answer that says something else."""
    assert isinstance(shown(document, status), kind)


@given(st.binary(), st.integers(100, 599))
def test_any_answer_is_read(body: bytes, status: int) -> None:
    """Total: whatever comes, it is an estimate or one of the known kinds."""
    assert isinstance(read_preview(Reply(status, {}, body), ACCOUNT), Page | NoRows)
