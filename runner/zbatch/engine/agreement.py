"""Hold what the tenant shows of an item against what the ledger holds: pure, and nothing settles.

A difference is only told: what follows from it is decided by people, or by a run and its rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from zbatch.engine.money import amount_of, plain
from zbatch.engine.question import (
    COUNTS,
    GENERATING,
    NEVER_COUNTS,
    TEMPORARY_NUMBER,
    exists,
    one_call,
)
from zbatch.model import Detail, Identity, Invoice, Outcome

CLOCKS = timedelta(minutes=5)  # how far the tenant's clock may be from ours
TAX_ERROR = "Error"
API = "API"
_MOST_NAMED = 10


class Code(StrEnum):
    """What can be found."""

    DUPLICATE = "duplicate"
    NOT_SHOWN = "not_shown"
    CANCELED = "canceled"
    GENERATING = "generating"
    STATUS_UNKNOWN = "status_unknown"
    CHANGED = "changed"
    TAX_FAILED = "tax_failed"
    ZERO_AMOUNT = "zero_amount"
    MISSING = "missing"
    UNRECORDED = "unrecorded"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which tenant and ledger differ, or that a person should look at."""

    code: Code
    message: str
    invoice_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """What the ledger holds of one item.

    `outcome` is None where there is none, UNKNOWN where the item is in doubt. `before` are the
    invoices that were there before it was sent, `credited` those credited to other items of its
    account. `drafts` are invoices that may be for another date: open drafts of the account then, to
    which some tenants append. `sends` counts the calls that may have billed it; where a person has
    `decided` whose an invoice is, that proves nothing of others. `invoice_date` is the one that is
    asked for. Without `alone` it is not known
    what else may be there, and only its own invoices are looked at. `seen` has them by ID as the
    run itself has seen them, `seen_for_others` amounts at which they were seen for other items of
    the account, whose charges are in the same invoice.
    """

    identity: Identity
    outcome: Outcome | None
    invoice_ids: tuple[str, ...] = ()
    before: frozenset[str] = frozenset()
    credited: frozenset[str] = frozenset()
    drafts: frozenset[str] = frozenset()
    sends: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    alone: bool = True
    decided: bool = False
    invoice_date: date | None = None
    seen: Mapping[str, Detail] = field(default_factory=dict)
    seen_for_others: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Agreement:
    """What holding one item against the tenant came to; `invoices` are those that are its own.

    `shown` are all that were shown of its account, by ID.
    """

    held: Held
    differences: tuple[Difference, ...]
    invoices: tuple[Invoice, ...] = ()
    shown: Mapping[str, Invoice] = field(default_factory=dict)

    @property
    def may_pass(self) -> bool:
        """Whether a later question may show what this one did not."""
        return any(one.code in (Code.GENERATING, Code.NOT_SHOWN) for one in self.differences)


def compare(held: Held, shown: Mapping[str, Invoice]) -> Agreement:
    """Compare what is held of an item with all invoices that are shown of its account."""
    own = tuple(shown[one] for one in held.invoice_ids if one in shown)
    others = tuple(one for one in shown.values() if _is_other(one, held)) if held.alone else ()
    if held.outcome is Outcome.INVOICED and _of_one_call(held, own, others):
        own, others = (*own, *others), ()
    differences = (*_of_own(held, shown), *_of_money(held, own), *_of_others(held, own, others))
    return Agreement(held, differences, own, shown)


def _is_other(invoice: Invoice, held: Held) -> bool:
    """Tell whether an invoice is there for the same account and date and credited to nobody."""
    known = {*held.invoice_ids, *held.before, *held.credited}
    dated = invoice.target_date == held.identity.target_date
    return dated and exists(invoice) and invoice.id not in known


def _of_one_call(held: Held, own: Sequence[Invoice], others: Sequence[Invoice]) -> bool:
    """Tell whether it is proved that one call made them all: it names only the first of several.

    Proved it is where one call at most can have been executed, and they arose together while it
    ran, by the API, and no further apart than it took by the tenant's own clock. After a call whose
    answer was lost nobody can tell a second invoice from a second bill, nor where the tenant does
    not tell who made it.
    """
    if held.sends != 1 or held.decided or held.started_at is None or held.finished_at is None:
        return False
    if not others or not own or not all(one.source == API for one in (*own, *others)):
        return False
    created = [one.created_at for one in (*own, *others) if one.created_at is not None]
    took = one_call(held.finished_at - held.started_at)
    if len(created) < len(own) + len(others) or max(created) - min(created) > took:
        return False
    return held.started_at - CLOCKS <= min(created) and max(created) <= held.finished_at + CLOCKS


def _of_own(held: Held, shown: Mapping[str, Invoice]) -> Iterator[Difference]:
    """Tell what has become of the invoices that the ledger credits to an item."""
    for invoice_id in held.invoice_ids:
        invoice = shown.get(invoice_id)
        if invoice is None:
            yield Difference(Code.NOT_SHOWN, _not_shown(held, invoice_id), (invoice_id,))
        elif invoice.status in NEVER_COUNTS:
            message = f"invoice {_named(invoice)} is {invoice.status} and bills nothing"
            yield Difference(Code.CANCELED, message, (invoice_id,))
        elif invoice.status == GENERATING or (invoice.number or "").startswith(TEMPORARY_NUMBER):
            message = f"invoice {_named(invoice)} is still being generated"
            yield Difference(Code.GENERATING, message, (invoice_id,))
        elif invoice.status not in COUNTS:
            message = f"invoice {_named(invoice)} has the status {invoice.status!r}, which zbatch"
            message += " does not know"
            yield Difference(Code.STATUS_UNKNOWN, message, (invoice_id,))
        elif invoice.target_date != held.identity.target_date and invoice_id not in held.drafts:
            told = f"the target date {invoice.target_date}" if invoice.target_date else "no date"
            message = f"invoice {_named(invoice)} is for {told}"
            yield Difference(Code.CHANGED, message, (invoice_id,))
        elif _has_another_invoice_date(invoice, held):
            message = f"invoice {_named(invoice)} has the invoice date {invoice.invoice_date}, and"
            message += f" {held.invoice_date} is asked for"
            yield Difference(Code.CHANGED, message, (invoice_id,))


def _has_another_invoice_date(invoice: Invoice, held: Held) -> bool:
    """Tell it of what zbatch has made itself: a draft that was there keeps the date that it had."""
    ours = held.outcome is Outcome.INVOICED and not held.decided and invoice.id not in held.drafts
    return (
        ours
        and None not in (invoice.invoice_date, held.invoice_date)
        and (invoice.invoice_date != held.invoice_date)
    )


def _not_shown(held: Held, invoice_id: str) -> str:
    message = f"the tenant does not show invoice {invoice_id}"
    then = held.seen.get(invoice_id)
    if then and then.status:
        return f"{message}: it has been deleted since the run, which saw it as {then.status}"
    return f"{message}: it has been deleted, or cannot be read yet"


def _of_money(held: Held, own: Sequence[Invoice]) -> Iterator[Difference]:
    """Tell of amounts and tax that a person should look at, of what bills at all."""
    for invoice in filter(exists, own):
        then = held.seen.get(invoice.id)
        now, before = amount_of(invoice.amount), amount_of(then.amount if then else None)
        shared = {amount_of(text) for one, text in held.seen_for_others if one == invoice.id}
        if now is not None and before is not None and now not in {before, *shared}:
            message = (
                f"invoice {_named(invoice)} comes to {plain(now)}, and to {plain(before)} when"
            )
            message += " the run saw it"
            yield Difference(Code.CHANGED, message, (invoice.id,))
        if invoice.tax_status == TAX_ERROR:
            said = f": {invoice.tax_message}" if invoice.tax_message else ""
            message = f"the tax of invoice {_named(invoice)} has failed{said}"
            yield Difference(Code.TAX_FAILED, message, (invoice.id,))
        if invoice.status != GENERATING and amount_of(invoice.amount) == 0:
            message = f"invoice {_named(invoice)} comes to nothing"
            yield Difference(Code.ZERO_AMOUNT, message, (invoice.id,))


def _of_others(
    held: Held, own: Sequence[Invoice], others: Sequence[Invoice]
) -> Iterator[Difference]:
    """Tell of invoices that are credited to no item, and of items that have none at all."""
    there = (*filter(exists, own), *others)
    ids = tuple(one.id for one in there)
    if len(there) > 1 and (others or held.outcome is Outcome.ALREADY_INVOICED):
        yield Difference(Code.DUPLICATE, _duplicate(held, there), ids)
    elif others:
        yield Difference(Code.UNRECORDED, _unrecorded(held, others[0]), ids)
    elif held.outcome is None:
        yield Difference(Code.MISSING, "no invoice is there, and no call that could make one")


def _duplicate(held: Held, there: Sequence[Invoice]) -> str:
    names = ", ".join(_named(one) for one in there[:_MOST_NAMED])
    message = f"{len(there)} invoices count for it: {names}"
    if held.outcome is not Outcome.INVOICED:
        return f"{message}; zbatch made none of them, as far as its ledger knows"
    if held.sends > 1:
        return f"{message}; it was sent {held.sends} times, so that it may be billed twice"
    return f"{message}; zbatch was told of {len(held.invoice_ids)}"


def _unrecorded(held: Held, invoice: Invoice) -> str:
    message = f"invoice {_named(invoice)} is there"
    if held.outcome is Outcome.UNKNOWN:
        return f"{message}, and the item is in doubt: zbatch reconcile settles it"
    return f"{message}, and the ledger knows nothing of it"


def _named(invoice: Invoice) -> str:
    return f"{invoice.number} ({invoice.id})" if invoice.number else invoice.id
