"""Time in a world of several runs: it goes on between them, and what is under way goes on in it."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import ContextVar
from itertools import count
from typing import Any, TypeVar

from support.engine import VirtualLoop

T = TypeVar("T")
LONGEST = 48 * 3600.0  # seconds: no run takes as long, a wait for the tenant's day included
Event = Callable[[float], None]


class Died(BaseException):
    """The process is gone: nothing that it would have done happens any more."""


class Life:
    """One process; nothing of it runs after its death at its n-th edge or the first of a name."""

    def __init__(self, die_at: int | str | None = None) -> None:
        self._die_at = die_at
        self._tasks: list[asyncio.Task[Any]] = []
        self.edges: list[str] = []
        self.dead = False

    def edge(self, name: str) -> None:
        """Pass a point at which the process may die; raises `Died` there."""
        if self.dead:
            return
        self.edges.append(name)
        if self._die_at in (len(self.edges), name):
            self.dead = True
            # soon, not at once: a task must have begun to be unwound
            asyncio.get_running_loop().call_soon(self._end)
            raise Died(name)

    def _end(self) -> None:
        for task in self._tasks:
            task.cancel()

    def check(self) -> None:
        """Let nothing out of a dead process; raises `CancelledError`."""
        if self.dead:
            raise asyncio.CancelledError

    def own(self, task: asyncio.Task[Any]) -> None:
        """Let a task end with the process."""
        self._tasks.append(task)

    async def live(self, process: Coroutine[Any, Any, T]) -> T | None:
        """Live as a process, with all tasks that it starts; None if it dies."""
        task = asyncio.current_task()
        assert task is not None
        _LIFE.set(self)
        self.own(task)
        try:
            return await process
        except (Died, asyncio.CancelledError):
            if not self.dead:
                raise
            return None
        finally:
            self.dead = True  # what comes for it later finds nobody


_LIFE: ContextVar[Life | None] = ContextVar("life", default=None)


class _Crowd:
    """All tasks of a loop, each with the process that it belongs to."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[Any]] = []

    def __call__(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, **settings: Any
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coroutine, loop=loop, **settings)
        self._tasks.append(task)
        if (life := _LIFE.get()) is not None:
            life.own(task)
        return task

    def left(self) -> list[asyncio.Task[Any]]:
        """Give those that have not come to their end."""
        return [task for task in self._tasks if not task.done()]


class Timeline:
    """True time in epoch seconds, and what is yet to happen whether or not a run is watching."""

    def __init__(self, start: float) -> None:
        self._base = start
        self._loop: VirtualLoop | None = None
        self._events: list[tuple[float, int, Event]] = []
        self._numbers = count()

    @property
    def now(self) -> float:
        """The true time."""
        return self._base + (self._loop.time() if self._loop else 0.0)

    @property
    def monotonic(self) -> float:
        """The time of the loop that is being driven, as any machine's clock has it."""
        assert self._loop is not None
        return self._loop.time()

    def at(self, when: float, event: Event) -> None:
        """Let something happen at a time; it is told that time."""
        heapq.heappush(self._events, (when, next(self._numbers), event))
        self._set_alarm(when)

    def pass_time(self, seconds: float) -> None:
        """Let time pass between runs; within one, all machines are suspended for so long."""
        self._base += seconds
        self._catch_up(self.now)

    def drive(self, main: Coroutine[Any, Any, T]) -> T:
        """Run processes to their ends on virtual time; raises RuntimeError where there is none."""
        loop = VirtualLoop(LONGEST)
        crowd = _Crowd()
        loop.set_task_factory(crowd)
        loop.set_exception_handler(lambda *_: None)  # a death is nobody's to retrieve
        self._loop = loop
        for when, _, _ in self._events:
            self._set_alarm(when)
        try:
            return loop.run_until_complete(main)
        finally:
            self._base, self._loop = self.now, None
            _bury(loop, crowd)

    def _set_alarm(self, when: float) -> None:
        if self._loop is not None:
            self._loop.call_at(when - self._base, self._catch_up, when)

    def _catch_up(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            when, _, event = heapq.heappop(self._events)
            with suppress(Died):  # a process may die of the news; the tenant goes on
                event(when)


def _bury(loop: VirtualLoop, crowd: _Crowd) -> None:
    """Unwind what is left of a loop; its ports are dead, so it leaves no trace."""
    while tasks := crowd.left():
        loop.call_soon(loop.stop)  # a task must have begun to be unwound
        loop.run_forever()
        for task in tasks:
            task.cancel()
        loop.call_soon(loop.stop)
        loop.run_forever()
    loop.close()
