"""Questions beside a run: whatever they meet, the run goes on."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from support.engine import (
    LOST,
    REFUSED_CONNECTION,
    TENANT,
    HighRandom,
    VirtualClock,
    item,
    run_virtually,
    status,
    text_of,
)
from support.in_hand import TokenInHand
from zbatch.engine.agreement import Agreement, LedgerEntry
from zbatch.engine.asking import Unanswered
from zbatch.engine.brake import Brake
from zbatch.engine.details import Details
from zbatch.engine.events import Event, Gated
from zbatch.engine.gentle import Gentle
from zbatch.engine.matching import compared_with
from zbatch.engine.settings import Settings
from zbatch.model import Limits, Outcome, Rate
from zbatch.zuora.request import make_call
from zbatch.zuora.wire import Ask, Fault, FaultKind, Reply, Request

ITEM = item(1).identity
A, B = "a" * 32, "b" * 32
UNTRUSTED = Fault(FaultKind.CERTIFICATE, False, "not the host")
REFUSAL = Reply(400, {}, b'{"FaultCode":"INVALID_TYPE","FaultMessage":"no"}', token=1)


class Server(TokenInHand):
    """Answers questions by a script."""

    def __init__(self, answer: Callable[[int], Reply | Fault]) -> None:
        self.answer = answer
        self.texts: list[str] = []

    async def send(self, request: Request) -> Reply | Fault:
        """Take in no call."""
        raise AssertionError(request)

    async def ask(self, ask: Ask) -> Reply | Fault:
        """Answer a question."""
        self.texts.append(text_of(ask))
        return self.answer(len(self.texts))

    @property
    def asked(self) -> int:
        """How many questions came."""
        return len(self.texts)


def found(*records: dict[str, object]) -> Reply:
    """Answer with invoices of the item."""
    common = {"AccountId": ITEM.account_id, "Status": "Draft", "CreatedDate": ""}
    full = [{**common, "TargetDate": ITEM.target_date.isoformat(), **one} for one in records]
    body = {"size": len(full), "done": True, "records": full}
    return Reply(200, {}, json.dumps(body).encode(), token=1)


def a_brake(clock: VirtualClock, events: list[Event]) -> Brake:
    limits = Limits(10, Rate(600, 60.0), 1, 150.0)
    settings = Settings("0", limits, 6, lambda items, n: make_call(TENANT, items, n))
    return Brake(clock, HighRandom(), events.append, settings)


def compared(
    answer: Callable[[int], Reply | Fault], *entries: LedgerEntry
) -> tuple[list[list[str]] | None, int, Brake, list[Event]]:
    """Compare items: their invoices, how many questions that took, and what became of the run."""
    server, clock, events = Server(answer), VirtualClock(), list[Event]()

    async def main() -> tuple[list[list[str]] | None, int, Brake, list[Event]]:
        brake = a_brake(clock, events)
        details = Details(Gentle(server, brake, clock))
        try:
            agreements = await compared_with(details, entries)
        except Unanswered:
            return None, server.asked, brake, events
        ids = [[invoice.id for invoice in one.invoices] for one in agreements]
        return ids, server.asked, brake, events

    return run_virtually(main())


@pytest.mark.parametrize(
    ("answer", "asked"),
    [(LOST, 3), (REFUSED_CONNECTION, 1), (UNTRUSTED, 1), (REFUSAL, 1), (status(502), 3)],
    ids=["lost", "unreachable", "untrusted", "refused", "server_error"],
)
def test_what_is_not_answered_is_given_up(answer: Reply | Fault, asked: int) -> None:
    """After a few tries at most, and the run is neither stopped nor paused by it."""
    ids, count, brake, events = compared(
        lambda n: answer, LedgerEntry(ITEM, Outcome.INVOICED, (A,))
    )
    assert (ids, count) == (None, asked)
    assert brake.stopped is None
    assert not [one for one in events if isinstance(one, Gated)]


def test_a_limit_is_heeded_by_all() -> None:
    """A 429 to such a question closes the gate for calls too, and it is asked again after it."""
    limit = Reply(429, {"retry-after": "5"}, b"", token=1)
    entry = LedgerEntry(ITEM, Outcome.INVOICED, (A,))
    ids, count, brake, events = compared(lambda n: limit if n == 1 else found({"Id": A}), entry)
    assert (ids, count, brake.stopped) == ([[A]], 2, None)
    assert [one for one in events if isinstance(one, Gated)]


def test_whole_accounts_only_where_an_invoice_is_missing() -> None:
    """One question about dates, and a second one about the accounts of what it does not show."""
    entry = LedgerEntry(ITEM, Outcome.INVOICED, (A,))
    other = LedgerEntry(item(2).identity, Outcome.FAILED)
    for first, then, ids, asked in (
        (found({"Id": A}), None, [[A], []], 1),
        (found(), found({"Id": A, "TargetDate": "2026-10-31"}), [[A], []], 2),
        (found({"Id": B}), found(), [[], []], 2),
        (found({"Id": B}), found({"Id": A}, {"Id": B}), [[A], []], 2),
    ):
        answers = [first, then]
        shown, count, _, _ = compared(lambda n, a=answers: a[n - 1], entry, other)  # type: ignore[misc] # bound at once
        assert (shown, count) == (ids, asked)


def test_only_the_accounts_of_what_is_missing_are_asked_about() -> None:
    """Whole accounts are long answers: none is asked for whose invoices are all shown."""
    held = [
        LedgerEntry(ITEM, Outcome.INVOICED, (A,)),
        LedgerEntry(item(2).identity, Outcome.FAILED),
        LedgerEntry(item(3).identity, Outcome.INVOICED, (B,)),
    ]
    server = Server(lambda n: found({"Id": A}) if n == 1 else found())
    assert [one.may_pass for one in asked(server, held)] == [False, False, True]
    both = [text.count("AccountId = ") for text in server.texts]
    assert both == [3, 1]
    assert item(3).identity.account_id in server.texts[1]


def test_whole_accounts_are_not_asked_for_where_that_may_wait() -> None:
    """What is not shown yet may simply be late: one question, and it is asked again later."""
    server = Server(lambda n: found())
    (lost,) = asked(server, [LedgerEntry(ITEM, Outcome.INVOICED, (A,))], whole_accounts=False)
    assert (lost.may_pass, server.asked) == (True, 1)


def asked(
    server: Server, held: list[LedgerEntry], *, whole_accounts: bool = True
) -> list[Agreement]:
    """Compare items, whose questions are all answered."""
    clock = VirtualClock()

    async def main() -> list[Agreement]:
        details = Details(Gentle(server, a_brake(clock, []), clock))
        return await compared_with(details, held, whole_accounts=whole_accounts)

    return run_virtually(main())
