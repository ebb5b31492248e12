"""Ask a tenant which accounts the numbers of a plan are, before anything is made of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zbatch.app.api import Watcher
from zbatch.app.connection import access_to, connected
from zbatch.app.desk import Desk, event_loop
from zbatch.app.loading import Overrides, heed
from zbatch.app.outside import Way
from zbatch.app.review.estimate import pace_of
from zbatch.app.signals import interruptible, undisturbed
from zbatch.engine.asking import Inquiry, Reading, Unanswered
from zbatch.engine.brake import Brake
from zbatch.engine.events import Event, Gated, Resolving, Stopping
from zbatch.engine.pacing import Pace
from zbatch.engine.settings import PATIENCE, Settings, Stop
from zbatch.engine.verdict import StopReason
from zbatch.errors import CannotStart, Interrupted
from zbatch.model import Account, Exclusion, Plan, Tenant
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
from zbatch.zuora.request import make_call

_MOST_NAMED = 5  # accounts that share a number


@dataclass(frozen=True, slots=True)
class Resolved:
    """A plan whose accounts all have their IDs, how many requests that took, and their pace."""

    plan: Plan
    asked: int = 0
    pace: Pace | None = None


@dataclass(frozen=True, slots=True)
class Preflight:
    """With what numbers are asked for: the open ledger, whoever watches, and for how long.

    `overrides` say whether warnings of what the answer shows are told, or refused.
    """

    desk: Desk
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
        settings = Settings(
            run_tail="",
            limits=plan.spec.limits,
            max_attempts=plan.spec.max_attempts,
            make_call=lambda items, generation: make_call(plan.tenant, items, generation),
            patience=self.patience,
            read_only=True,
            pace=pace,
        )
        outside = self.desk.outside
        brake = Brake(outside.clock, outside.random, self._tell, settings)
        async with way as sender:
            asking = Asking(brake, Inquiry(sender, brake, outside.clock))
            with interruptible(asking, plan.spec.limits.timeout) as interruptions:
                found = await asking.answers(number_questions(numbers), settings.workers)
        if brake.stopped:
            raise _could_not(brake.stopped, interruptions.first, plan.tenant)
        return resolve(numbers, found), asking.asked

    def _tell(self, event: Event) -> None:
        """Pass on what a person should know; progress begins with the run itself."""
        if isinstance(event, Gated | Stopping):
            self.watch.event(event)


class Asking:
    """Several questions at once, in one pace; whoever interrupts it loses nothing."""

    def __init__(self, brake: Brake, inquiry: Inquiry) -> None:
        self._brake = brake
        self._inquiry = inquiry
        self._workers: list[asyncio.Task[None]] = []

    @property
    def asked(self) -> int:
        """How many requests left."""
        return self._inquiry.asked

    async def answers(self, questions: Sequence[Question], workers: int) -> list[FoundAccount]:
        """Give all accounts of all answers; not all of them once the brake has stopped."""
        found: list[FoundAccount] = []
        left = iter(questions)

        async def work() -> None:
            for question in left:
                found.extend(await self._answer(question))

        try:
            async with asyncio.TaskGroup() as group:
                count = min(workers, len(questions))
                self._workers = [group.create_task(work()) for _ in range(count)]
        except* Unanswered:
            pass  # the brake holds the reason
        return found

    async def _answer(self, question: Question) -> tuple[FoundAccount, ...]:
        reading = Reading(read_accounts, lambda pages: whole_answer(pages, question.numbers))
        _, accounts = await self._inquiry.answer(question.text, reading)
        return accounts

    def stop(self, reason: StopReason, message: str, hint: str = "") -> None:  # noqa: ARG002 - no call is awaited
        """Ask no further, and await no answer: a question changes nothing."""
        self._brake.stop(reason, message)
        self.abandon()

    def abandon(self) -> None:
        """Await no answer any more."""
        for worker in self._workers:
            worker.cancel()


def named(plan: Plan) -> Iterator[Account | Exclusion]:
    """Give all that a plan names by number: whom to bill, and whom to keep out.

    A number that keeps nobody out by its letters may do so by its account, so it is asked for too.
    """
    yield from plan.unresolved
    yield from (one for one in plan.spec.exclusions if one.number is not None)


def _could_not(stop: Stop, signal: int | None, tenant: Tenant) -> CannotStart | Interrupted:
    message = stop.message.rstrip(".")
    if stop.reason is StopReason.INTERRUPTED and signal is not None:
        when = "while the tenant was asked for account numbers"
        return Interrupted(f"{message} {when}; nothing was sent", signal)
    if stop.reason is StopReason.CREDENTIALS and not tenant.embedded:
        message += f"; the OAuth client is read from {tenant.credentials.places}: check both"
    return CannotStart(
        f"the tenant does not tell which accounts the numbers are: {message}; nothing was sent"
    )


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
