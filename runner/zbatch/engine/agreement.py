"""Hold what the tenant shows of an item against what the ledger holds: pure, and nothing settles.

A difference is only told: what follows from it is decided by people, or by a run and its rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
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
from zbatch.model.values import value

CLOCKS = timedelta(minutes=5)  # how far the tenant's clock may be from ours
TAX_COMPLETE = "Complete"
TAX_FAILURES = frozenset(
    {
        *("Error", "UnknownError", "TaxEngineError", "TaxCodeTemplateError"),
        *("InternalServerError", "InvalidRequest", "InvalidResponse"),
        *("ConcurrentModify", "DuplicateDoc"),
    }
)
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


@value(frozen=True, slots=True)
class LedgerEntry:
    """What the ledger holds of one item.

    `outcome` is None where there is none, UNKNOWN where the item is in doubt. `before` are the
    invoices that were there before it was sent, `credited` those credited to its other revisions.
    `drafts` are invoices that may be for another date: open drafts of the account then, to
    which some tenants append. `sends` counts the calls that may have billed it; where a person has
    `decided` whose an invoice is, that proves nothing of others. `invoice_date` is the one that is
    asked for. Without `alone` it is not known what else may be there, and only its own invoices are
    looked at. `seen` has them by ID as the run itself has seen them, `seen_for_others` amounts at
    which they were seen for other items of the account, whose charges are in the same invoice.
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


@value(frozen=True, slots=True)
class Agreement:
    """What holding one item against the tenant came to; `invoices` are those that are its own.

    `shown` are all that were shown of its account, by ID.
    """

    entry: LedgerEntry
    differences: tuple[Difference, ...]
    invoices: tuple[Invoice, ...] = ()
    shown: Mapping[str, Invoice] = field(default_factory=dict)

    @property
    def may_pass(self) -> bool:
        """Whether a later question may show what this one did not."""
        return any(_may_be_late(self.entry, one) for one in self.differences)


def compare(entry: LedgerEntry, shown: Mapping[str, Invoice]) -> Agreement:
    """Compare what is held of an item with all invoices that are shown of its account."""
    if not shown and entry.outcome is not None:  # a tenant may show nothing right after the calls
        return Agreement(entry, tuple(_of_own(entry, shown)))
    own = tuple([shown[one] for one in entry.invoice_ids if one in shown])
    others = tuple([one for one in shown.values() if _is_other(one, entry)]) if entry.alone else ()
    if entry.outcome is Outcome.INVOICED and _of_one_call(entry, own, others):
        own, others = (*own, *others), ()
    differences = (*_of_own(entry, shown), *_of_money(entry, own), *_of_others(entry, own, others))
    return Agreement(entry, differences, own, shown)


def _is_other(invoice: Invoice, entry: LedgerEntry) -> bool:
    """Tell whether an invoice is there for the same account and date and credited to nobody."""
    known = invoice.id in entry.invoice_ids or invoice.id in entry.before | entry.credited
    dated = invoice.target_date == entry.identity.target_date
    return not known and dated and exists(invoice)


def _of_one_call(entry: LedgerEntry, own: Sequence[Invoice], others: Sequence[Invoice]) -> bool:
    """Tell whether it is proved that one call made them all: it names only the first of several.

    Proved it is where one call at most can have been executed, and they arose together while it
    ran, by the API, and no further apart than it took by the tenant's own clock. After a call whose
    answer was lost nobody can tell a second invoice from a second bill, nor where the tenant does
    not tell who made it.
    """
    if entry.sends != 1 or entry.decided or entry.started_at is None or entry.finished_at is None:
        return False
    if not others or not own or not all(one.source == API for one in (*own, *others)):
        return False
    created = [one.created_at for one in (*own, *others) if one.created_at is not None]
    took = one_call(entry.finished_at - entry.started_at)
    if len(created) < len(own) + len(others) or max(created) - min(created) > took:
        return False
    return entry.started_at - CLOCKS <= min(created) and max(created) <= entry.finished_at + CLOCKS


def _of_own(entry: LedgerEntry, shown: Mapping[str, Invoice]) -> Iterator[Difference]:
    """Tell what has become of the invoices that the ledger credits to an item."""
    for invoice_id in entry.invoice_ids:
        invoice = shown.get(invoice_id)
        if invoice is None:
            yield Difference(Code.NOT_SHOWN, _not_shown(entry, invoice_id), (invoice_id,))
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
        elif invoice.target_date != entry.identity.target_date and invoice_id not in entry.drafts:
            told = f"the target date {invoice.target_date}" if invoice.target_date else "no date"
            message = f"invoice {_named(invoice)} is for {told}"
            yield Difference(Code.CHANGED, message, (invoice_id,))
        elif _has_another_invoice_date(invoice, entry):
            message = f"invoice {_named(invoice)} has the invoice date {invoice.invoice_date}, and"
            message += f" {entry.invoice_date} is asked for"
            yield Difference(Code.CHANGED, message, (invoice_id,))


def _has_another_invoice_date(invoice: Invoice, entry: LedgerEntry) -> bool:
    """Tell it of what zbatch has made itself: a draft that was there keeps the date that it had."""
    if entry.outcome is not Outcome.INVOICED or entry.decided or invoice.id in entry.drafts:
        return False
    told, asked_for = invoice.invoice_date, entry.invoice_date
    return told is not None and asked_for is not None and told != asked_for


def _not_shown(entry: LedgerEntry, invoice_id: str) -> str:
    message = f"the tenant does not show invoice {invoice_id}"
    if then := _was_shown(entry, invoice_id):
        return f"{message}: it has been deleted since the run, which saw it as {then}"
    return f"{message}: it has been deleted, or cannot be read yet"


def _may_be_late(entry: LedgerEntry, found: Difference) -> bool:
    """Tell whether a difference may pass: what the run itself was shown is gone, and not late."""
    if found.code is Code.NOT_SHOWN:
        return not all(_was_shown(entry, one) for one in found.invoice_ids)
    return found.code is Code.GENERATING


def _was_shown(entry: LedgerEntry, invoice_id: str) -> str | None:
    """Give the status in which the run itself has seen an invoice, if it has."""
    then = entry.seen.get(invoice_id)
    return then.status if then else None


def _of_money(entry: LedgerEntry, own: Sequence[Invoice]) -> Iterator[Difference]:
    """Tell of amounts and tax that a person should look at, of what bills at all."""
    for invoice in filter(exists, own):
        then = entry.seen.get(invoice.id)
        now, before = amount_of(invoice.amount), amount_of(then.amount) if then else None
        if now is not None and before is not None and now not in {before, *_shared(entry, invoice)}:
            message = (
                f"invoice {_named(invoice)} comes to {plain(now)}, and to {plain(before)} when"
            )
            message += " the run saw it"
            yield Difference(Code.CHANGED, message, (invoice.id,))
        if invoice.tax_status not in (None, TAX_COMPLETE):
            yield Difference(Code.TAX_FAILED, _tax(invoice), (invoice.id,))
        if invoice.status != GENERATING and now == 0:
            message = f"invoice {_named(invoice)} comes to nothing"
            yield Difference(Code.ZERO_AMOUNT, message, (invoice.id,))


def _shared(entry: LedgerEntry, invoice: Invoice) -> set[Decimal | None]:
    """Give the amounts at which an invoice was seen for other items of the account."""
    return {amount_of(text) for one, text in entry.seen_for_others if one == invoice.id}


def _tax(invoice: Invoice) -> str:
    status = invoice.tax_status
    told = f"has the status {status!r}, which zbatch does not know"
    if status in TAX_FAILURES:
        told = "has failed" if status == "Error" else f"has failed as {status}"
    said = f": {invoice.tax_message}" if invoice.tax_message else ""
    return f"the tax of invoice {_named(invoice)} {told}{said}"


def _of_others(
    entry: LedgerEntry, own: Sequence[Invoice], others: Sequence[Invoice]
) -> Iterator[Difference]:
    """Tell of invoices that are credited to no item, and of items that have none at all."""
    if others or entry.outcome is Outcome.ALREADY_INVOICED:
        there = (*filter(exists, own), *others)
        ids = tuple(one.id for one in there)
        if len(there) > 1:
            yield Difference(Code.DUPLICATE, _duplicate(entry, there), ids)
        elif others:
            yield Difference(Code.UNRECORDED, _unrecorded(entry, others[0]), ids)
    elif entry.outcome is None:
        yield Difference(Code.MISSING, "no invoice is there, and no call that could make one")


def _duplicate(entry: LedgerEntry, there: Sequence[Invoice]) -> str:
    names = ", ".join(_named(one) for one in there[:_MOST_NAMED])
    message = f"{len(there)} invoices count for it: {names}"
    if entry.outcome is Outcome.UNKNOWN:
        return f"{message}; the item is in doubt, and zbatch may have made any of them"
    if entry.outcome is not Outcome.INVOICED:
        return f"{message}; zbatch made none of them, as far as its ledger knows"
    if entry.sends > 1:
        return f"{message}; it was sent {entry.sends} times, so that it may be billed twice"
    return f"{message}; zbatch was told of {len(entry.invoice_ids)}"


def _unrecorded(entry: LedgerEntry, invoice: Invoice) -> str:
    message = f"invoice {_named(invoice)} is there"
    if entry.outcome is Outcome.UNKNOWN:
        return f"{message}, and the item is in doubt: zbatch reconcile settles it"
    return f"{message}, and the ledger knows nothing of it"


def _named(invoice: Invoice) -> str:
    return f"{invoice.number} ({invoice.id})" if invoice.number else invoice.id
