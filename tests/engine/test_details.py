"""Questions for all that a tenant tells of invoices: by the version that knows it, or without."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from support.engine import TENANT, HighRandom, VirtualClock, item, run_virtually, text_of
from support.in_hand import TokenInHand
from zbatch.engine.asking import Inquiry, Unanswered
from zbatch.engine.brake import Brake
from zbatch.engine.details import Details
from zbatch.engine.ending import StopReason
from zbatch.engine.settings import Settings
from zbatch.model import Invoice, Limits, Rate
from zbatch.zuora.details import WHOLE_ACCOUNTS
from zbatch.zuora.query import Wanted
from zbatch.zuora.request import make_call
from zbatch.zuora.wire import Ask, Fault, Reply, Request

Answer = Callable[[Ask, int], Reply]
WANTED = tuple(Wanted(item(n).identity.account_id, item(n).identity.target_date) for n in range(60))


class Server(TokenInHand):
    """Answers questions by a script, and keeps them."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asks: list[Ask] = []

    async def send(self, request: Request) -> Reply | Fault:
        """Take in no call."""
        raise AssertionError(request)

    async def ask(self, ask: Ask) -> Reply | Fault:
        """Answer a question."""
        self.asks.append(ask)
        answer = self.answer(ask, len(self.asks))
        await asyncio.sleep(0.5)
        return answer


def found(*records: dict[str, object]) -> Reply:
    """Answer with records, each as little as there can be."""
    full = [
        {"AccountId": WANTED[0].account_id, "Status": "Draft", "CreatedDate": "", **record}
        for record in records
    ]
    body = {"size": len(full), "done": True, "records": full}
    return Reply(200, {}, json.dumps(body).encode(), token=1)


def fault(code: str, message: str) -> Reply:
    """Refuse a question as a whole."""
    body = {"FaultCode": code, "FaultMessage": message}
    return Reply(400, {}, json.dumps(body).encode(), token=1)


def asking(
    answer: Answer, ask: Callable[[Details], Coroutine[Any, Any, tuple[Invoice, ...]]]
) -> tuple[Server, tuple[Invoice, ...] | None, Brake]:
    """Ask, and give what left, what was found, and what the run was stopped by."""
    server, clock = Server(answer), VirtualClock()
    settings = Settings(
        "0000",
        Limits(10, Rate(600, 60.0), 1, 150.0),
        6,
        lambda items, generation: make_call(TENANT, items, generation),
    )

    async def main() -> tuple[Server, tuple[Invoice, ...] | None, Brake]:
        brake = Brake(clock, HighRandom(), lambda event: None, settings)
        details = Details(Inquiry(server, brake, clock))
        try:
            invoices = await ask(details)
        except Unanswered:
            return server, None, brake
        assert details.asked == len(server.asks)
        return server, invoices, brake

    return run_virtually(main())


def test_all_fields_are_asked_for_by_a_version_that_has_them() -> None:
    """One question for a hundred dates, by the version from which Currency is known."""
    money = {"Currency": "EUR", "Balance": 5, "TaxStatus": "Error"}
    answer = found({"Id": "a" * 32, "TargetDate": "2026-11-30", **money})
    server, invoices, _ = asking(lambda ask, n: answer, lambda d: d.of_dates(WANTED))
    assert invoices is not None
    (one,) = invoices
    assert (one.currency, one.balance, one.tax_status, one.created_at) == (
        "EUR",
        "5",
        "Error",
        None,
    )
    (ask,) = server.asks
    assert ask.wsdl == 147
    assert text_of(ask).count(" or ") == 59
    assert "Currency" in text_of(ask)


@pytest.mark.parametrize(("name", "wsdl"), [("Currency", 100), ("TaxStatus", 147), ("Source", 147)])
def test_a_field_that_the_tenant_does_not_know(name: str, wsdl: int) -> None:
    """It is left away from then on, by no later version than the others need."""

    def answer(ask: Ask, n: int) -> Reply:
        if name in text_of(ask):
            return fault("INVALID_FIELD", f"invalid field for query: Invoice.{name}")
        return found()

    async def twice(details: Details) -> tuple[Invoice, ...]:
        await details.of_dates(WANTED[:1])
        return await details.of_dates(WANTED[1:2])

    server, invoices, _ = asking(answer, twice)
    assert invoices == ()
    assert [ask.wsdl for ask in server.asks] == [147, wsdl, wsdl]


def test_two_questions_that_are_refused_different_fields() -> None:
    """What one of them has learnt the other does not undo: neither field is asked for again."""

    def answer(ask: Ask, n: int) -> Reply:
        refused = {1: "Currency", 2: "Source"}.get(n)
        if refused:
            return fault("INVALID_FIELD", f"invalid field for query: Invoice.{refused}")
        return found()

    async def at_once(details: Details) -> tuple[Invoice, ...]:
        await asyncio.gather(details.of_dates(WANTED[:1]), details.of_dates(WANTED[1:2]))
        return await details.of_dates(WANTED[2:3])

    server, invoices, _ = asking(answer, at_once)
    assert invoices == ()
    texts = [text_of(ask) for ask in server.asks]
    assert ["Currency" in text and "Source" in text for text in texts[:2]] == [True, True]
    assert len(texts) == 5
    assert not any("Currency" in text or "Source" in text for text in texts[3:])


def test_a_version_that_the_tenant_does_not_know() -> None:
    """What it needs is not asked for; then the tenant's own version will do."""

    def answer(ask: Ask, n: int) -> Reply:
        if ask.wsdl:
            return fault("INVALID_VERSION", "there is no such version")
        return found()

    server, invoices, _ = asking(answer, lambda d: d.of_dates(WANTED[:1]))
    assert invoices == ()
    assert [ask.wsdl for ask in server.asks] == [147, 0]
    assert "Tax" not in text_of(server.asks[1])


def test_a_tenant_that_goes_on_refusing() -> None:
    """What is refused though it is not asked for ends the questions."""
    refusal = fault("INVALID_FIELD", "invalid field for query: Invoice.Currency")
    server, invoices, brake = asking(lambda ask, n: refusal, lambda d: d.of_dates(WANTED[:1]))
    assert (len(server.asks), invoices) == (2, None)
    assert brake.stopped is not None
    assert brake.stopped.reason is StopReason.QUESTION


def test_whole_accounts_are_asked_for_in_smaller_questions() -> None:
    """All invoices of an account may be many, so a question is about some accounts only."""
    twice = (*WANTED, *WANTED)
    server, invoices, brake = asking(lambda ask, n: found(), lambda d: d.of_accounts(twice))
    assert invoices == (), brake.stopped
    counts = [text_of(ask).count("AccountId = ") for ask in server.asks]
    assert counts == [WHOLE_ACCOUNTS, WHOLE_ACCOUNTS, 60 - 2 * WHOLE_ACCOUNTS]
    assert all("TargetDate =" not in text_of(ask) for ask in server.asks)


@pytest.mark.parametrize(
    ("account", "day", "by_date", "by_account"),
    [
        (WANTED[0].account_id, "2026-11-30", True, True),
        (WANTED[0].account_id, "2026-11-29", False, True),
        (WANTED[0].account_id, None, False, True),
        (WANTED[1].account_id, "2026-11-30", False, False),
    ],
    ids=["asked for", "of another date", "without a date", "of a stranger"],
)
def test_what_was_not_asked_for_is_no_answer(
    account: str, day: str | None, by_date: bool, by_account: bool
) -> None:
    """R8: by date those of the date are asked for, drafts too, and whole accounts by account."""
    answer = found({"Id": "a" * 32, "AccountId": account, "TargetDate": day})
    _, dated, _ = asking(lambda ask, n: answer, lambda d: d.of_dates(WANTED[:1]))
    _, whole, brake = asking(lambda ask, n: answer, lambda d: d.of_accounts(WANTED[:1]))
    assert (dated is not None, whole is not None) == (by_date, by_account)
    assert brake.stopped is None or "which was not asked for" in brake.stopped.message
