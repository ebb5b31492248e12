"""What a generate would bill, told without billing it (page "Generate a billing preview")."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from zbatch.emulator.book import Book, BookAccount
from zbatch.emulator.config import Modes
from zbatch.emulator.exchange import Answer, Row, client_error, json_answer, reasons
from zbatch.emulator.generate import NOTHING_DUE, Wanted, decide
from zbatch.emulator.invoices import amount_of, derive
from zbatch.emulator.items import parts_of
from zbatch.emulator.store import Store
from zbatch.emulator.visit import Visit

PREVIEW_PATH = "/v1/operations/billing-preview"
_KINDS = ("OneTime", "Recurring", "Usage")


class PreviewDesk:
    """Answers previews; an account without an amount of its own is only guessed at, as in life."""

    def __init__(self, book: Book, store: Store, modes: Modes, seed: int) -> None:
        self._book = book
        self._store = store
        self._modes = modes
        self._seed = seed

    def answer(self, visit: Visit) -> Answer:
        """Tell the charges that are due."""
        try:
            asked = json.loads(visit.content or b"")
        except ValueError:
            return client_error("the body is no JSON")
        if not isinstance(asked, dict):
            return client_error("the body is no JSON object")
        account_id, target = str(asked.get("accountId", "")).lower(), asked.get("targetDate")
        account = self._book.find(account_id)
        if account is None:
            message = f"Cannot find entity by key: '{account_id[:40]}'."
            return reasons(404, 53100040, message, visit.request_id)
        try:
            day = date.fromisoformat(str(target))
        except ValueError:
            return reasons(400, 53100020, "targetDate is not a date", visit.request_id)
        kinds = _kinds(asked)
        wanted = Wanted(account_id, day, day, any(kinds.values()))
        billed = self._store.invoices.billed_through(account_id)
        due = decide(wanted, account, billed, self._modes.second_generate)
        if isinstance(due, Row) and due != NOTHING_DUE:
            return reasons(400, 53100030, due.message, visit.request_id)
        count = 0 if isinstance(due, Row) else due
        parts = parts_of(self._cents(account_id, account))
        items = [_item(name, part) for _ in range(count) for name, part in parts]
        told = {"success": True, "accountId": account_id, "invoiceItems": items}
        return json_answer(200, {**told, "creditMemoItems": []})

    def _cents(self, account_id: str, account: BookAccount) -> int:
        if account.cents is not None:
            return account.cents
        return amount_of(derive(self._seed, "preview", int(account_id, 16)))


def _kinds(asked: Mapping[str, Any]) -> Mapping[str, bool]:
    excluded = str(asked.get("chargeTypeToExclude", "")).split(",")
    return {kind: kind not in excluded for kind in _KINDS}


def _item(name: str, cents: int) -> dict[str, Any]:
    return {"chargeName": name, "chargeAmount": cents / 100}
