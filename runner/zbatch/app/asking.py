"""Ask a tenant outside any run: several questions at once, in one pace, and nothing is sent."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from zbatch.app.connection import access_to, connected
from zbatch.app.event_loop import event_loop
from zbatch.app.home import home_in
from zbatch.app.outside import Outside, Way
from zbatch.app.review.estimate import pace_of
from zbatch.app.signals import interruptible, undisturbed
from zbatch.engine.asking import Asker, Inquiry, Unanswered
from zbatch.engine.brake import Brake
from zbatch.engine.ending import Stop, StopReason
from zbatch.engine.events import Event, Gated, Hold
from zbatch.engine.pacing import Pace
from zbatch.engine.ports import Clock, Observer, Sender
from zbatch.engine.settings import Settings
from zbatch.errors import CannotStart, Interrupted
from zbatch.model import Plan, StopRules, Tenant
from zbatch.zuora.request import make_call

PATIENCE = 5.0  # seconds for a host that is away: somebody waits, and nothing is lost

Q = TypeVar("Q")
R = TypeVar("R")


class Matter(NamedTuple):
    """What a tenant is asked for: in the words of what it tells, and of what it is asked for."""

    told: str
    asked_for: str


class Ended(Exception):
    """The questions were stopped before all were answered, and why."""

    def __init__(self, stop: Stop) -> None:
        super().__init__(stop.message)
        self.stop = stop


class Session:
    """Questions to one tenant, asked with one pace; whoever interrupts them loses nothing.

    `inquiry` and `asker` are what they are asked with.
    """

    def __init__(self, sender: Sender, brake: Brake, clock: Clock, workers: int) -> None:
        self.inquiry = Inquiry(sender, brake, clock)
        self.asker = Asker(sender, brake, clock)
        self._brake = brake
        self._most = workers
        self._workers: list[asyncio.Task[None]] = []

    @property
    def asked(self) -> int:
        """How many requests left."""
        return self.inquiry.asked + self.asker.asked

    async def answers(self, questions: Sequence[Q], answer: Callable[[Q], Awaitable[R]]) -> list[R]:
        """Give all answers, as they came; raises `Ended` where one of them does not come."""
        found: list[R] = []
        left = iter(questions)

        async def work() -> None:
            for question in left:
                one = await answer(question)
                found.append(one)

        try:
            async with asyncio.TaskGroup() as group:
                count = min(self._most, len(questions))
                self._workers = [group.create_task(work()) for _ in range(count)]
        except* Unanswered:
            pass  # the brake holds the reason
        if self._brake.stopped:
            raise Ended(self._brake.stopped)
        return found

    async def rest(self, until: float) -> None:
        """Ask nothing until a time of the steady clock, or until it is interrupted."""
        await self._brake.until(self._brake.stopping, until)

    def stop(self, reason: StopReason, message: str, hint: str = "") -> None:  # noqa: ARG002 - no call is awaited
        """Ask no further, and await no answer: a question changes nothing."""
        self._brake.stop(reason, message)
        self.abandon()

    def abandon(self) -> None:
        """Await no answer any more."""
        for worker in self._workers:
            worker.cancel()


@dataclass(frozen=True, slots=True)
class Bureau:
    """Where a tenant is asked from outside any run: its ledger's folder, and who hears of waits.

    `patience` is for how many seconds a host that cannot be reached is tried. What is asked for the
    sake of a run waits for nothing that ends after the deadline of its `rules`, from when it
    `began` by the steady clock.
    """

    folder: Path
    book: Path | None
    tell: Observer
    outside: Outside = field(default_factory=Outside)
    patience: float = PATIENCE
    rules: StopRules = field(default_factory=StopRules)
    began: float | None = None

    def ask(
        self,
        plan: Plan,
        matter: Matter,
        talk: Callable[[Session], Awaitable[R]],
        pace: Pace | None = None,
    ) -> tuple[R, int]:
        """Give what a talk with the tenant of a plan comes to, and how many requests it took.

        Raises `CannotStart` where the tenant does not tell, `Interrupted` by a signal.
        """
        access = access_to(plan, self.folder, self.book, os.environ, home_in(self.folder))
        way = connected(access, self.outside.clock)
        with undisturbed(), event_loop() as loop:
            return loop.run(self._talk(plan, matter, talk, way, pace or pace_of(plan)))

    async def _talk(
        self,
        plan: Plan,
        matter: Matter,
        talk: Callable[[Session], Awaitable[R]],
        way: Way,
        pace: Pace,
    ) -> tuple[R, int]:
        clock, settings = self.outside.clock, self._only_asking(plan, pace)
        began, host = clock.monotonic(), plan.tenant.host

        def hear(event: Event) -> None:
            """Pass on what keeps a person waiting; what stops the questions is raised."""
            if isinstance(event, Gated) and event.hold is Hold.UNREACHABLE:
                self.tell(replace(event, reason=_away(host, event.reason)))
            elif isinstance(event, Gated):
                self.tell(event)

        brake = Brake(clock, self.outside.random, hear, settings)
        async with way as sender:
            session = Session(sender, brake, clock, settings.workers)
            with interruptible(session, plan.spec.limits.timeout) as interruptions:
                try:
                    return await talk(session), session.asked
                except Ended as ended:
                    tried = clock.monotonic() - began
                    stop, signal = ended.stop, interruptions.first
                    raise _could_not(stop, signal, plan.tenant, matter, tried) from None

    def _only_asking(self, plan: Plan, pace: Pace) -> Settings:
        """Bind questions to what a run of the plan is bound to; nothing is sent."""
        return Settings(
            run_tail="",
            limits=plan.spec.limits,
            max_attempts=plan.spec.max_attempts,
            make_call=lambda items, generation: make_call(plan.tenant, items, generation),
            patience=self.patience,
            read_only=True,
            rules=self.rules,
            pace=pace,
            began=self.began,
        )


def _could_not(
    stop: Stop, signal: int | None, tenant: Tenant, matter: Matter, tried: float
) -> CannotStart | Interrupted:
    """Say why a tenant does not tell what it was asked for."""
    message = stop.message.rstrip(".")
    if stop.reason is StopReason.INTERRUPTED and signal is not None:
        when = f"while the tenant was asked for {matter.asked_for}"
        return Interrupted(f"{message} {when}; nothing was sent", signal)
    if stop.reason is StopReason.UNREACHABLE:
        message = f"{_away(tenant.host, message)}; tried for {tried:.0f} s"
        message += f", and zbatch doctor --tenant {tenant.name} looks at the way there"
    if stop.reason is StopReason.CREDENTIALS and not tenant.embedded:
        message += f"; the OAuth client is read from {tenant.credentials.places}: check both"
    return CannotStart(f"the tenant does not tell {matter.told}: {message}; nothing was sent")


def _away(host: str, why: str) -> str:
    return f"{host} cannot be reached: {why}"
