"""Ask a tenant which accounts the numbers of a plan are, before anything is made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from zbatch.app.asking import Bureau, Matter, Session
from zbatch.app.loading import Overrides, heed
from zbatch.app.review.estimate import pace_of
from zbatch.engine.asking import Reading
from zbatch.engine.events import Resolving
from zbatch.engine.pacing import Pace
from zbatch.model import Account, Exclusion, Plan
from zbatch.spec import Diagnostic, SpecError, idle_once_resolved, resolve_plan
from zbatch.spec.diagnostics import LISTED, quote
from zbatch.zuora.numbers import (
    FoundAccount,
    Question,
    Resolution,
    number_questions,
    read_accounts,
    resolve,
    whole_answer,
)

_MATTER = Matter("which accounts the numbers are", "account numbers")
_MOST_NAMED = 5  # accounts that share a number
_PLAIN = Overrides()


@dataclass(frozen=True, slots=True)
class Resolved:
    """A plan whose accounts all have their IDs, how many requests that took, and their pace."""

    plan: Plan
    asked: int = 0
    pace: Pace | None = None


def with_ids(plan: Plan, bureau: Bureau, overrides: Overrides = _PLAIN) -> Resolved:
    """Give the plan with the ID of every account that it names by number.

    `overrides` say whether warnings of what the answer shows are told, or refused.
    Raises `SpecError` with the place of every number that is not one account's, `CannotStart`
    where the tenant does not tell, `Interrupted` by a signal; nothing is sent in any case.
    """
    if plan.resolved:
        return Resolved(plan)
    numbers = tuple(dict.fromkeys(one.number for one in named(plan) if one.number))
    pace = pace_of(plan)

    async def talk(session: Session) -> list[FoundAccount]:
        bureau.tell(Resolving(len(numbers)))
        return await _accounts(session, numbers)

    accounts, asked = bureau.ask(plan, _MATTER, talk, pace)
    resolution = resolve(numbers, accounts)
    wrong = [finding for one in named(plan) for finding in _wrong(one, plan, resolution)]
    if wrong:
        raise SpecError(wrong, shown=LISTED)
    full = resolve_plan(plan, resolution.ids)
    heed(idle_once_resolved(full, resolution.ids), overrides)
    return Resolved(full, asked, pace)


async def _accounts(session: Session, numbers: Sequence[str]) -> list[FoundAccount]:
    """Ask which accounts have the numbers."""

    async def answer(question: Question) -> tuple[FoundAccount, ...]:
        reading = Reading(read_accounts, lambda pages: whole_answer(pages, question.numbers))
        _, accounts = await session.inquiry.answer(question.text, reading)
        return accounts

    found = await session.answers(number_questions(numbers), answer)
    return [account for some in found for account in some]


def named(plan: Plan) -> Iterator[Account | Exclusion]:
    """Give all that a plan names by number: whom to bill, and whom to keep out.

    A number that keeps nobody out by its letters may do so by its account, so it is asked for too.
    """
    yield from plan.unresolved
    yield from (one for one in plan.spec.exclusions if one.number is not None)


def _wrong(one: Account | Exclusion, plan: Plan, found: Resolution) -> Iterator[Diagnostic]:
    """Say why a number has no ID, at the place where it is written."""
    number, at = one.number or "", one.source
    by_id = "name the account by its ID"
    if number in found.unknown:
        tenant = f"tenant {plan.tenant.name} ({plan.tenant.host})"
        message = f"no account of {tenant} has the number {quote(number)}"
        hint = f"correct the number, or {by_id}"
        yield Diagnostic(at.file, at.line, at.column, "ZB520", message, hint)
    elif number in found.ambiguous:
        several = found.ambiguous[number]
        message = f"the number {quote(number)} is that of {len(several)} accounts: "
        message += ", ".join(map(str, several[:_MOST_NAMED]))
        yield Diagnostic(at.file, at.line, at.column, "ZB521", message, by_id)
    elif number in found.otherwise:
        other = found.otherwise[number]
        message = f"the number {quote(number)} is written {quote(other.number)} in the tenant"
        hint = f"write it so if account {other} is meant, or {by_id}"
        yield Diagnostic(at.file, at.line, at.column, "ZB522", message, hint)
