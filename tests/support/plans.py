"""Plans without a spec file, for tests of what comes after planning."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import count

from support.engine import TENANT
from zbatch.model import (
    Account,
    Attempt,
    Call,
    Charges,
    DatePair,
    Effect,
    IfAbsent,
    Item,
    ItemRecord,
    KeyState,
    Limits,
    OpenCall,
    Outcome,
    Plan,
    Problem,
    Rate,
    Repeated,
    Result,
    Send,
    Spec,
    Standing,
    Trail,
)
from zbatch.zuora.request import make_call

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
DATE = date(2026, 11, 30)
PROBLEM = Problem("INVALID_VALUE", "the account is not active")


def a_plan(items: Sequence[Item], groups: Sequence[tuple[int, ...]] | None = None) -> Plan:
    """Make a plan of these items, one a call unless `groups` says otherwise."""
    spec = Spec(
        name="month-end",
        tenant=TENANT.name,
        accounts=tuple(Account(one.identity.account_id, one.source) for one in items),
        dates=(DatePair(DATE, DATE),),
        charges=Charges(),
        limits=Limits(10, Rate(600, 60.0), 1, 150.0),
        max_attempts=6,
        file="s.yaml",
        digest="0" * 64,
    )
    chosen = tuple(groups) if groups is not None else tuple((n,) for n in range(len(items)))
    return Plan(spec, TENANT, tuple(items), chosen, "1" * 64)


def a_call(*items: Item, generation: int = 0) -> Call:
    """Mint the call of these items."""
    return make_call(TENANT, items, generation)


def an_attempt(number: int = 1, **fields: object) -> Attempt:
    """Make an attempt that is about to leave, or that was answered if `answer` says so."""
    values = {"started_at": NOON, "track_id": f"zb-track-{number}", **fields}
    return Attempt(number, **values)  # type: ignore[arg-type] # named by the caller


def a_send(call: Call, number: int = 1, **fields: object) -> Send:
    """Make the send of an attempt of this call."""
    return Send(call, an_attempt(number, **fields))


def a_record(item: Item, outcome: Outcome = Outcome.INVOICED, **fields: object) -> ItemRecord:
    """Make a record as the judge makes it."""
    values: dict[str, object] = {"attempts": 1, "finished_at": NOON, "started_at": NOON}
    if outcome.success:
        values |= {"invoice_id": "a" * 32, "invoice_ids": ("a" * 32,)}
    else:
        values |= {"error": PROBLEM}
    return ItemRecord(item, outcome, **{**values, **fields})  # type: ignore[arg-type] # named by the caller


def as_record(found: Repeated, planned: Item) -> ItemRecord:
    """Give what is repeated of a planned item as the record that it stands for."""
    settlement = found.settlement
    identity, terms = planned.identity, found.terms
    assert (found.account_id, found.account_number) == (identity.account_id, planned.account_number)
    assert (terms.target_date, terms.revision) == (identity.target_date, identity.revision)
    assert (terms.file, found.line) == (planned.source.file, planned.source.line)
    assert (terms.invoice_date, terms.reason) == (planned.invoice_date, planned.reason)
    return ItemRecord(
        planned,
        Outcome.INVOICED,
        found.invoice_id,
        found.invoice_ids,
        settlement.error,
        settlement.http_status,
        settlement.attempts,
        settlement.idempotency_key,
        settlement.track_id,
        settlement.request_id,
        settlement.started_at,
        settlement.finished_at,
        settlement.run_id,
        found.invoices,
    )


def settled(call: Call, outcome: Outcome | None, number: int = 1) -> Result:
    """Settle each item of a call; without an outcome it is renewed."""
    effects = tuple(
        Effect(
            KeyState.SETTLED,
            "row",
            a_record(one, outcome, idempotency_key=call.key) if outcome else None,
        )
        for one in call.items
    )
    return Result(call, an_attempt(number, answer="rows", finished_at=NOON), effects)


def left(call: Call, state: KeyState, number: int = 1, answer: str = "lost") -> Result:
    """Answer an attempt so that each key of the call is live or burnt."""
    burnt = state is KeyState.BURNT
    evidence = "effect not known" if state is not KeyState.LIVE else ""
    effect = Effect(state, evidence, if_absent=IfAbsent.RENEW if burnt else None)
    attempt = an_attempt(number, answer=answer, finished_at=NOON)
    return Result(call, attempt, (effect,) * len(call.items))


def a_standing(item: Item, **fields: object) -> Standing:
    """Make what the ledger holds of an item: nothing, but for what is named."""
    values = {"record": None, "call": None, "generation": 0, "attempts": 0}
    return Standing(item, **{**values, "payload_changed": False, **fields})  # type: ignore[arg-type] # named by the caller


def an_outcome(item: Item, outcome: Outcome, **fields: object) -> Standing:
    """Make what the ledger holds of an item that has come to an outcome."""
    values = {"record": a_record(item, outcome), "generation": 1, "attempts": 1, **fields}
    return a_standing(item, **values)


def an_open_call(call: Call, *states: KeyState, answer: str | None = "lost") -> OpenCall:
    """Make a call that was sent once; each key of it is live unless `states` says otherwise."""
    held = states or (KeyState.LIVE,) * len(call.items)
    return OpenCall(call, (an_attempt(answer=answer),), held, (Trail(),) * len(call.items))


def in_a_call(item: Item, held: OpenCall, **fields: object) -> Standing:
    """Make what the ledger holds of an item of such a call."""
    values = {"call": held, "generation": held.call.generation + 1, "attempts": 1, **fields}
    return a_standing(item, **values)


_NUMBERS = count(1)


def a_run_id() -> str:
    """Give a run ID that no other run of the test session has."""
    return f"20261130T120000Z-{next(_NUMBERS):04x}"
