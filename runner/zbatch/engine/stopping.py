"""How a run is stopped: by whoever has a reason, by a rule of its spec, or by its deadline."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from zbatch.engine.ending import Stop, StopReason
from zbatch.engine.ports import Clock
from zbatch.engine.rules import outlasts, overdue
from zbatch.engine.settings import Settings
from zbatch.model import MetRule

T = TypeVar("T")

# What a run that is stopping already must still be known for: its exit code is graver.
_GRAVE = frozenset({StopReason.DISK, StopReason.INTERNAL})


class Stoppable(ABC):
    """What can be stopped once and for good, and lets all go then who wait for it."""

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self._clock = clock
        self._rules = settings.rules
        self._began = settings.began
        self._ends = settings.ends
        self.stopping = asyncio.Event()
        self.stopped: Stop | None = None

    def stop(
        self, reason: StopReason, message: str, hint: str = "", rule: MetRule | None = None
    ) -> None:
        """Let nothing further leave; the first reason counts, unless a graver one follows it."""
        if self.stopped is None:
            self.stopped = Stop(reason, message, rule)
            self.stopping.set()
            self._let_go(message, hint)
        elif reason in _GRAVE and self.stopped.reason not in _GRAVE:
            self.stopped = Stop(reason, f"{message}; before that: {self.stopped.message}")

    def mind(self, met: MetRule | None) -> None:
        """Stop the run where one of the spec's own rules is met."""
        if met is not None:
            self.stop(StopReason.RULE, met.message, rule=met)

    @contextmanager
    def timed(self, wake: asyncio.Event) -> Iterator[None]:
        """Stop the run at its deadline, whatever it waits for then, unless the body ends before."""
        if self._rules.deadline is None:
            yield
            return
        now, loop = self._clock.monotonic(), asyncio.get_running_loop()
        began = now if self._began is None else self._began
        self._began, self._ends = began, began + self._rules.deadline
        left = max(0.0, self._rules.deadline - (now - began))
        timer = loop.call_later(left, self._overdue, began, wake)
        try:
            yield
        finally:
            timer.cancel()

    async def unless_stopped(self, answer: Coroutine[Any, Any, T]) -> T | None:
        """Wait for an answer, at most until the run stops: then None, and nobody is asked on."""
        asked = asyncio.ensure_future(answer)
        stopped = asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait((asked, stopped), return_when=asyncio.FIRST_COMPLETED)
            return asked.result() if asked.done() else None
        finally:
            asked.cancel()
            stopped.cancel()
            await asyncio.wait((asked, stopped))

    async def until(self, event: asyncio.Event, when: float | None) -> None:
        """Wait for an event, at most until a time of the steady clock."""
        if event.is_set():
            return
        wait = None if when is None else max(0.0, when - self._clock.monotonic())
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await event.wait()

    def _overdue(self, began: float, wake: asyncio.Event) -> None:
        self.mind(overdue(self._rules, self._clock.monotonic() - began))
        wake.set()

    def _outlasted(self, now: float, wait: float, reason: str) -> MetRule | None:
        """Give the deadline as a rule that is met where a wait would outlast it."""
        if self._ends is not None and now + wait > self._ends and self._began is not None:
            return outlasts(self._rules, now - self._began, wait, reason)
        return None

    @abstractmethod
    def _let_go(self, message: str, hint: str) -> None:
        """Tell of the first stop, and let nobody wait any longer for what does not come now."""
        ...
