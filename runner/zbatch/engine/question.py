"""What the tenant's own invoices say of an item: pure, held against what the ledger knows.

Two questions are asked. Before a send: is it there already? After doubt, once the key has
rested: did it create anything? See docs/exactly-once.md, rules R6, R8 and R9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from zbatch.engine.drafts import appended, made_meanwhile, without
from zbatch.model import Attempt, Baseline, Draft, IfAbsent, Invoice, Problem, Trail
from zbatch.model.values import value

COUNTS = frozenset({"Draft", "Posted", "PendingApproval", "Pending Approval", "Approved"})
GENERATING = "Generating"
CANCELED = frozenset({"Canceled", "Cancelled"})
NEVER_COUNTS = CANCELED | {"Error"}
TEMPORARY_NUMBER = "TMP-"

ONE_CALL = timedelta(minutes=2)  # a server ends every request before that, so its invoices too
GRAIN = timedelta(seconds=2)  # what a tenant tells of the time may be whole seconds
BEFORE_FIRST_SEND = timedelta(minutes=5)  # how far the server's clock may be behind ours
UNANSWERED = timedelta(seconds=90)  # how long after its intent an unanswered call may have left
MOST_RENEWALS = 2  # after rows that do not say what was done
MOST_RENEWALS_IN_ALL = 5  # after anything: a server that never answers an item fails it


@value(frozen=True, slots=True)
class Seen:
    """What the tenant showed for one item: invoices of account and target date, and all drafts."""

    asked_at: datetime
    invoices: tuple[Invoice, ...]
    drafts: tuple[Draft, ...]

    @property
    def baseline(self) -> Baseline:
        """What is there before the first send."""
        ids = tuple(invoice.id for invoice in self.invoices if exists(invoice))
        gone = tuple(invoice.id for invoice in self.invoices if invoice.status in CANCELED)
        return Baseline(self.asked_at, ids, self.drafts, gone)


@dataclass(frozen=True, slots=True)
class Nothing:
    """No invoice beyond what was there before."""


@dataclass(frozen=True, slots=True)
class There:
    """An invoice counts that no lower revision is credited with; `ids` holds all of them."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Generating:
    """An invoice is still being generated: ask again."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Odd:
    """A status that we do not know: nothing may be concluded."""

    problem: Problem


Look = Nothing | There | Generating | Odd
_NOTHING = Nothing()


def look(seen: Seen, trail: Trail) -> Look:
    """Tell what is there beyond the item's baseline and what its lower revisions are credited with.

    An invoice of this very date is there also where another date is credited with it: a tenant that
    appends has put that one's charges into it.
    """
    if not seen.invoices:  # as for most items before their send
        return _NOTHING
    more = beyond(seen, trail)
    odd = [invoice for invoice in more if not _known(invoice.status)]
    if odd:
        return Odd(
            Problem(
                "INVOICE_STATUS",
                f"invoice {odd[0].id} has the status {odd[0].status!r}, which zbatch does not know",
            )
        )
    generating = tuple(invoice.id for invoice in more if invoice.status == GENERATING)
    if generating:
        return Generating(generating)
    there = tuple(invoice.id for invoice in more)
    return There(there) if there else _NOTHING


def beyond(seen: Seen, trail: Trail) -> list[Invoice]:
    """Give the invoices that are there or coming beyond what an item's trail accounts for."""
    known = set(trail.baseline.invoice_ids) if trail.baseline else set()
    return [
        invoice
        for invoice in seen.invoices
        if _there_or_coming(invoice)
        and invoice.id not in known
        and invoice.id not in trail.of_lower
        and not _of_lower_revision(invoice, seen, trail)
    ]


def _of_lower_revision(invoice: Invoice, seen: Seen, trail: Trail) -> bool:
    """Tell whether the lower revision has made an invoice that its answer did not name.

    A generate names only the first of several invoices. The others arose beside it, by the API and
    no further apart than the call took, by the tenant's own clock. What is made a minute later is
    somebody else's, or that of a higher revision which this ledger has forgotten.
    """
    if trail.lower_took is None or invoice.created_at is None or not by_api(invoice):
        return False
    together = one_call(trail.lower_took)
    named = (one.created_at for one in seen.invoices if one.id in trail.of_lower)
    return any(at is not None and abs(invoice.created_at - at) <= together for at in named)


@dataclass(frozen=True, slots=True)
class Claimed:
    """Exactly one invoice is there and its time and source say that it is ours."""

    invoice_id: str


@dataclass(frozen=True, slots=True)
class Foreign:
    """Exactly one invoice is there, and who made it is not proved."""

    invoice_id: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """A person must look, or a later question.

    `meanwhile` are drafts to be remembered, since they may hold the charges: posted, they would not
    be shown any more.
    """

    problem: Problem
    meanwhile: tuple[Draft, ...] = ()


@dataclass(frozen=True, slots=True)
class Absent:
    """The key created nothing: it is settled, and this follows."""

    then: IfAbsent


Conclusion = Claimed | Foreign | Undecided | Absent

_STILL_EXECUTING = Undecided(
    Problem("STILL_EXECUTING", "the server still answers that the call is being executed")
)


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is known of a doubtful or burnt key when the question is asked.

    `conflict` tells that its last answer was a 409 and that it is younger than the server's
    memory: the server itself still knows the key.
    """

    attempts: Sequence[Attempt]
    trail: Trail
    settle: timedelta
    conflict: bool = False

    @property
    def window(self) -> tuple[datetime, datetime]:
        """When an invoice of this key can have been created."""
        first = min(attempt.started_at for attempt in _left(self.attempts))
        return first - BEFORE_FIRST_SEND, last_send(self.attempts) + self.settle

    @property
    def over(self) -> datetime:
        """From when the call has ended, by our clock and by the server's."""
        told = [one.server_date + UNANSWERED for one in self.attempts if one.server_date]
        return max([last_send(self.attempts), *told]) + self.settle


def last_send(attempts: Sequence[Attempt]) -> datetime:
    """Tell when a key was sent last, at the latest."""
    return max(
        attempt.started_at + (timedelta() if attempt.answer else UNANSWERED)
        for attempt in _left(attempts)
    )


def _left(attempts: Sequence[Attempt]) -> Sequence[Attempt]:
    return [attempt for attempt in attempts if attempt.sent] or attempts


def rested(attempts: Sequence[Attempt], settle: timedelta) -> datetime:
    """Tell from when a question can settle a key."""
    return last_send(attempts) + settle


def conclude(seen: Seen, doubt: Doubt) -> Conclusion:
    """Settle a key that has rested, from what the tenant shows; never guess."""
    there = look(seen, doubt.trail)
    if isinstance(there, Odd):
        return Undecided(there.problem)
    if isinstance(there, Generating):
        return Undecided(Problem("GENERATING", f"invoice {there.ids[0]} is still being generated"))
    if isinstance(there, There):
        whose = _whose(seen, there.ids, doubt)
        if doubt.conflict and not isinstance(whose, Claimed):
            return _STILL_EXECUTING  # ours may come yet, beside what somebody else made
        if isinstance(whose, Foreign):  # ours may be in a draft, beside what somebody else made
            return _in_a_draft(seen, doubt, whose) or whose
        return whose
    if undecided := _in_a_draft(seen, doubt):
        return undecided
    if doubt.conflict:
        return _STILL_EXECUTING
    return _of_either(seen, doubt.trail) or Absent(_then(doubt.trail))


def _of_either(seen: Seen, trail: Trail) -> Undecided | None:
    """Say that an invoice may be this key's or the lower revision's: its time fits both.

    What the lower one had made when the tenant was asked before the first send is in the baseline.
    """
    known = {*trail.of_lower, *(trail.baseline.invoice_ids if trail.baseline else ())}
    hidden = [
        one.id
        for one in seen.invoices
        if exists(one) and one.id not in known and _of_lower_revision(one, seen, trail)
    ]
    if not hidden:
        return None
    message = (
        f"invoice {hidden[0]} may be this revision's or the lower one's, by the time at which it"
        " was made; decide with zbatch reconcile --accept"
    )
    return Undecided(Problem("SEVERAL_INVOICES", message))


def _then(trail: Trail) -> IfAbsent:
    then = trail.if_absent or IfAbsent.RENEW
    most = {IfAbsent.RENEW_TWICE: MOST_RENEWALS, IfAbsent.RENEW: MOST_RENEWALS_IN_ALL}.get(then)
    return then if most is None or trail.renewals < most else IfAbsent.FAIL


def _whose(seen: Seen, ids: tuple[str, ...], doubt: Doubt) -> Conclusion:
    if len(ids) > 1:
        return Undecided(
            Problem(
                "SEVERAL_INVOICES",
                f"{len(ids)} invoices are there that may be this item's: {', '.join(ids[:10])};"
                " decide with zbatch reconcile --accept",
            )
        )
    invoice = next(invoice for invoice in seen.invoices if invoice.id == ids[0])
    earliest, latest = doubt.window
    ours = by_api(invoice) and (
        invoice.created_at is not None and earliest <= invoice.created_at <= latest
    )
    return Claimed(invoice.id) if ours else Foreign(invoice.id)


def _in_a_draft(seen: Seen, doubt: Doubt, beside: Foreign | None = None) -> Undecided | None:
    """Say that a draft of the account may hold the charges, if one may.

    An invoice of this very date that somebody else has made is there all the same: if ours went
    into that one, it is the item's.
    """
    other = beside.invoice_id if beside else None
    drafts = [draft for draft in seen.drafts if draft.id != other]
    baseline = without(doubt.trail.baseline, other)
    later = made_meanwhile(drafts, baseline, doubt.over)
    if appended(drafts, baseline):
        message = "a draft of the account has changed since the send"
    elif later:
        message = (
            f"draft {later[0].id} of the account was made before the call had surely ended, and"
            " has changed since it was made"
        )
    else:
        return None
    message += ", so it may have been billed there"
    if beside:
        message += f"; invoice {other} is there too, and who made it is not proved"
    return Undecided(Problem("DRAFT_CHANGED", message), later)


def exists(invoice: Invoice) -> bool:
    """Tell whether an invoice is one at all: neither temporary nor canceled nor in error."""
    temporary = (invoice.number or "").startswith(TEMPORARY_NUMBER)
    return not temporary and invoice.status not in NEVER_COUNTS


def shown_as_void(named: Sequence[str], seen: Seen) -> bool:
    """Tell whether the tenant shows all of some invoices as canceled or in error."""
    void = {invoice.id for invoice in seen.invoices if invoice.status in NEVER_COUNTS}
    return void.issuperset(named)


def _there_or_coming(invoice: Invoice) -> bool:
    """Tell whether an invoice is one, or is being generated, under whichever number."""
    return exists(invoice) or invoice.status == GENERATING


def _known(status: str) -> bool:
    return status in COUNTS or status == GENERATING


def by_api(invoice: Invoice) -> bool:
    """Tell whether the API may have made an invoice: the tenant does not always say what has."""
    return invoice.source in (None, "", "API")


def one_call(took: timedelta) -> timedelta:
    """Tell how far apart the invoices of a call that took so long can have been made."""
    return min(took + GRAIN, ONE_CALL)
