"""Ask a tenant several questions at once, outside any run, in one pace."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from zbatch.engine.asking import Unanswered
from zbatch.engine.brake import Brake
from zbatch.engine.pacing import Pace
from zbatch.engine.settings import Settings, Stop
from zbatch.engine.verdict import StopReason
from zbatch.errors import CannotStart, Interrupted
from zbatch.model import Plan, Tenant
from zbatch.zuora.request import make_call

Q = TypeVar("Q")
R = TypeVar("R")


class Asking(Generic[Q, R]):
    """Several questions at once; whoever interrupts it loses nothing."""

    def __init__(self, brake: Brake, answer: Callable[[Q], Awaitable[R]]) -> None:
        self._brake = brake
        self._answer = answer
        self._workers: list[asyncio.Task[None]] = []

    async def answers(self, questions: Sequence[Q], workers: int) -> list[R]:
        """Give the answers as they come; not all of them once the brake has stopped."""
        found: list[R] = []
        left = iter(questions)

        async def work() -> None:
            for question in left:
                answer = await self._answer(question)
                found.append(answer)

        try:
            async with asyncio.TaskGroup() as group:
                count = min(workers, len(questions))
                self._workers = [group.create_task(work()) for _ in range(count)]
        except* Unanswered:
            pass  # the brake holds the reason
        return found

    def stop(self, reason: StopReason, message: str, hint: str = "") -> None:  # noqa: ARG002 - no call is awaited
        """Ask no further, and await no answer: a question changes nothing."""
        self._brake.stop(reason, message)
        self.abandon()

    def abandon(self) -> None:
        """Await no answer any more."""
        for worker in self._workers:
            worker.cancel()


def only_asking(plan: Plan, patience: float, pace: Pace) -> Settings:
    """Bind questions to what a run of the plan is bound to; nothing is sent."""
    return Settings(
        run_tail="",
        limits=plan.spec.limits,
        max_attempts=plan.spec.max_attempts,
        make_call=lambda items, generation: make_call(plan.tenant, items, generation),
        patience=patience,
        read_only=True,
        pace=pace,
    )


def could_not(
    stop: Stop, signal: int | None, tenant: Tenant, told: str, asked_for: str
) -> CannotStart | Interrupted:
    """Say why a tenant does not tell what it was asked for."""
    message = stop.message.rstrip(".")
    if stop.reason is StopReason.INTERRUPTED and signal is not None:
        when = f"while the tenant was asked for {asked_for}"
        return Interrupted(f"{message} {when}; nothing was sent", signal)
    if stop.reason is StopReason.CREDENTIALS and not tenant.embedded:
        message += f"; the OAuth client is read from {tenant.credentials.places}: check both"
    return CannotStart(f"the tenant does not tell {told}: {message}; nothing was sent")
