"""Ask a tenant which accounts the numbers of a plan are, before anything is made of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from zbatch.app.api import Watcher
from zbatch.app.asking import Asking, could_not, only_asking
from zbatch.app.connection import access_to, connected
from zbatch.app.desk import event_loop
from zbatch.app.loading import Overrides, heed
from zbatch.app.outside import Outside, Way
from zbatch.app.review.estimate import pace_of
from zbatch.app.signals import interruptible, undisturbed
from zbatch.engine.asking import Inquiry, Reading
from zbatch.engine.brake import Brake
from zbatch.engine.events import Event, Gated, Resolving, Stopping
from zbatch.engine.pacing import Pace
from zbatch.engine.settings import PATIENCE
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

_MOST_NAMED = 5  # accounts that share a number


@dataclass(frozen=True, slots=True)
class Resolved:
    """A plan whose accounts all have their IDs, how many requests that took, and their pace."""

    plan: Plan
    asked: int = 0
    pace: Pace | None = None


class Place(Protocol):
    """Where the tenant is asked from: its folder, and what comes from the machine."""

    @property
    def folder(self) -> Path:
        """The folder of the tenant's ledger."""
        ...

    @property
    def outside(self) -> Outside:
        """Time and chance."""
        ...


@dataclass(frozen=True, slots=True)
class Preflight:
    """With what numbers are asked for: from where, whoever watches, and for how long.

    `overrides` say whether warnings of what the answer shows are told, or refused.
    """

    desk: Place
    book: Path | None
    watch: Watcher
    patience: float = PATIENCE
    overrides: Overrides = field(default_factory=Overrides)

    def resolved(self, plan: Plan) -> Resolved:
        """Give the plan with the ID of every account that it names by number.

        Raises `SpecError` with the place of every number that is not one account's, `CannotStart`
        where the tenant does not tell, `Interrupted` by a signal; nothing is sent in any case.
        """
        if plan.resolved:
            return Resolved(plan)
        access = access_to(plan, self.desk.folder, self.book, os.environ)
        way = connected(access, self.desk.outside.clock)
        pace = pace_of(plan)
        with undisturbed(), event_loop() as loop:
            resolution, asked = loop.run(self._ask(plan, way, pace))
        wrong = [finding for one in named(plan) for finding in _wrong(one, plan, resolution)]
        if wrong:
            raise SpecError(wrong, shown=LISTED)
        full = resolve_plan(plan, resolution.ids)
        heed(idle_once_resolved(full, resolution.ids), self.overrides)
        return Resolved(full, asked, pace)

    async def _ask(self, plan: Plan, way: Way, pace: Pace) -> tuple[Resolution, int]:
        numbers = dict.fromkeys(one.number for one in named(plan) if one.number)
        self.watch.event(Resolving(len(numbers)))
        settings = only_asking(plan, self.patience, pace)
        outside = self.desk.outside
        brake = Brake(outside.clock, outside.random, self._tell, settings)
        async with way as sender:
            inquiry = Inquiry(sender, brake, outside.clock)

            async def answer(question: Question) -> tuple[FoundAccount, ...]:
                reading = Reading(
                    read_accounts, lambda pages: whole_answer(pages, question.numbers)
                )
                _, accounts = await inquiry.answer(question.text, reading)
                return accounts

            asking = Asking(brake, answer)
            with interruptible(asking, plan.spec.limits.timeout) as interruptions:
                found = await asking.answers(number_questions(numbers), settings.workers)
        if brake.stopped:
            what = ("which accounts the numbers are", "account numbers")
            raise could_not(brake.stopped, interruptions.first, plan.tenant, *what)
        accounts = (account for some in found for account in some)
        return resolve(numbers, accounts), inquiry.asked

    def _tell(self, event: Event) -> None:
        """Pass on what a person should know; progress begins with the run itself."""
        if isinstance(event, Gated | Stopping):
            self.watch.event(event)


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
