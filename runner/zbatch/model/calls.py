"""What is sent, what came back, and what that makes of an item."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any

from zbatch.model.outcomes import Outcome
from zbatch.model.plan import Item
from zbatch.model.problems import Problem
from zbatch.model.values import value


@value(frozen=True, slots=True)
class Call:
    """One generate call: its items by position, under one key.

    `body` is the request before compression and `wire` the very bytes to send; a resend sends
    these bytes again and never builds them anew.
    """

    items: tuple[Item, ...]
    generation: int
    key: str
    body: bytes
    wire: bytes


@value(frozen=True, slots=True)
class Attempt:
    """One send of a call, as the ledger keeps it.

    `answer` is the kind of reply in the words of `zbatch.engine.kinds`, or None while none is
    recorded: such an attempt makes its key doubtful. `sent` is False only on proof. Times are
    wall-clock UTC; `server_date` is the reply's own `Date`.
    """

    number: int
    started_at: datetime
    track_id: str
    answer: str | None = None
    sent: bool = True
    finished_at: datetime | None = None
    server_date: datetime | None = None
    http_status: int | None = None
    request_id: str | None = None
    token: int | None = None
    problem: Problem | None = None


@value(frozen=True, slots=True)
class Detail:
    """An invoice of an item as the tenant has shown it since; `status` is None if it has not.

    Amounts are text as the tenant wrote them. `appended` tells that it was there before the item
    was sent, so that the charges were appended to it.
    """

    id: str
    number: str | None = None
    status: str | None = None
    amount: str | None = None
    balance: str | None = None
    currency: str | None = None
    tax_status: str | None = None
    tax_message: str | None = None
    appended: bool = False


@value(frozen=True, slots=True)
class ItemRecord:
    """What the ledger holds of one item: one line of the report before it is written down.

    `invoices` is None where the tenant was not asked for them after the item was settled.
    """

    item: Item
    outcome: Outcome
    invoice_id: str | None = None
    invoice_ids: tuple[str, ...] = ()
    error: Problem | None = None
    http_status: int | None = None
    attempts: int = 0
    idempotency_key: str | None = None
    track_id: str | None = None
    request_id: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    run_id: str | None = None
    invoices: tuple[Detail, ...] | None = None

    def __post_init__(self) -> None:
        if self.outcome.success and not self.invoice_id:
            raise ValueError("a success carries the invoice ID that the server gave")

    def of_run(self, run_id: str) -> ItemRecord:
        """Give the record as that of a run, unless it is one of an earlier run already."""
        if self.run_id:
            return self
        *before, _, invoices = _values_of(self)  # `replace` takes twice as long
        return ItemRecord(*[*before, run_id, invoices])

    def with_invoices(self, ids: tuple[str, ...], invoices: tuple[Detail, ...]) -> ItemRecord:
        """Complete the record by its invoices and what the tenant shows of them."""
        item, outcome, invoice_id, _, *others, _ = _values_of(self)
        return ItemRecord(*[item, outcome, invoice_id, ids, *others, invoices])


_values_of: Callable[[ItemRecord], tuple[Any, ...]] = attrgetter(
    *(one.name for one in fields(ItemRecord))
)


class KeyState(StrEnum):
    """What the ledger knows of an item's key."""

    LIVE = "live"  # may be sent again
    SETTLED = "settled"  # its effect is known
    BURNT = "burnt"  # never sent again; only the tenant's own data can settle it


@value(frozen=True, slots=True)
class Invoice:
    """An invoice as the tenant shows it; fields that a query left out are None.

    `amount` and `balance` are text as the tenant wrote it, never a float.
    """

    id: str
    account_id: str
    status: str
    target_date: date | None = None
    number: str | None = None
    source: str | None = None
    amount: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    balance: str | None = None
    currency: str | None = None
    tax_status: str | None = None
    tax_message: str | None = None
    invoice_date: date | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft invoice of an account, as far as it tells whether something was appended to it.

    When it was made is as the tenant shows it now, and is not kept.
    """

    id: str
    amount: str | None
    updated_at: datetime | None
    created_at: datetime | None = field(default=None, compare=False)


@value(frozen=True, slots=True)
class Baseline:
    """What the tenant showed for an item before the first send of its key.

    `gone` are invoices of the item that are none any more: canceled, or named by an earlier outcome
    and not shown. `shown` are those that a question has shown beyond it while its key was in doubt.
    """

    asked_at: datetime
    invoice_ids: tuple[str, ...]
    drafts: tuple[Draft, ...]
    gone: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()

    def without(self, ids: Iterable[str]) -> Baseline:
        """Give the baseline with more invoices that are gone."""
        more = tuple(one for one in dict.fromkeys(ids) if one not in self.gone)
        return replace(self, gone=(*self.gone, *more)) if more else self

    def showing(self, ids: Iterable[str]) -> Baseline:
        """Give the baseline with more invoices that were shown beyond it."""
        more = tuple(one for one in dict.fromkeys(ids) if one not in self.shown)
        return replace(self, shown=(*self.shown, *more)) if more else self


class IfAbsent(StrEnum):
    """What becomes of an item whose burnt key turns out to have created nothing."""

    RENEW = "renew"
    RENEW_TWICE = "renew_twice"  # the server did not say what it did: at most two such renewals
    FAIL = "failed"
    NOTHING = "nothing_to_bill"


@value(frozen=True, slots=True)
class Send:
    """An attempt about to leave; recorded before its first byte does."""

    call: Call
    attempt: Attempt


@value(frozen=True, slots=True)
class Effect:
    """What an answered attempt means for one item of its call.

    `record` is given where the item has its outcome; a settled key without one is renewed.
    `evidence` says in a few words why the key is settled or burnt, `if_absent` what follows once
    a question has shown that a burnt key created nothing. `restored` is the outcome that was to be
    tried again, where the key has billed nothing: it stands again, with its item as that was.
    `said` is what the item's own row said, where it is burnt and the attempt holds another's word.
    """

    state: KeyState
    evidence: str
    record: ItemRecord | None = None
    if_absent: IfAbsent | None = None
    restored: ItemRecord | None = None
    said: Problem | None = None


@value(frozen=True, slots=True)
class Result:
    """An attempt with its answer; `effects` has one entry an item of the call, by position."""

    call: Call
    attempt: Attempt
    effects: tuple[Effect, ...]


@value(frozen=True, slots=True)
class Finding:
    """What a question to the tenant has shown of one item.

    `key` names the item's key that `effect` settles or burns; without it the item never had an
    unsettled one. A `baseline` takes the place of an older one.
    """

    item: Item
    baseline: Baseline | None = None
    key: str | None = None
    effect: Effect | None = None
    rests_until: datetime | None = None
    rested: bool = False  # what it had to rest for is over: an earlier look counts for nothing
    reopen: bool = False  # what was already invoiced before is not there any more
