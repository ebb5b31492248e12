"""What a test must give back: descriptors, threads, and tasks that nobody awaits any more."""

from __future__ import annotations

import asyncio
import asyncio.runners
import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

PATIENCE = 2.0  # seconds in which what has been closed elsewhere must be gone
_DESCRIPTORS = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"


def descriptors() -> dict[int, str]:
    """Tell which descriptors are open, and to what where the system tells.

    Files without a name are left out: pytest captures output in them, in its own time.
    """
    found = {}
    for name in os.listdir(_DESCRIPTORS):
        to = ""
        with suppress(OSError):
            os.fstat(int(name))  # not that with which the folder was read
            with suppress(OSError):
                to = os.readlink(f"{_DESCRIPTORS}/{name}")
            found[int(name)] = to
    return {number: to for number, to in found.items() if not to.endswith(" (deleted)")}


def _new(before: dict[int, str], threads: set[threading.Thread]) -> list[str]:
    left = [
        f"descriptor {n}: {to}" for n, to in descriptors().items() if n > 2 and before.get(n) != to
    ]
    return left + [f"thread {one.name}" for one in threading.enumerate() if one not in threads]


@contextmanager
def nothing_left() -> Iterator[None]:
    """Let the body leave no descriptor, thread or task behind; an AssertionError names them."""
    before, threads = descriptors(), set(threading.enumerate())
    tasks: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        cancel: Callable[[Any], None] = asyncio.runners._cancel_all_tasks  # type: ignore[attr-defined] # what a runner does to tasks that outlive its main one is told nowhere else

        def tell(loop: asyncio.AbstractEventLoop) -> None:
            tasks.extend(f"task {task.get_coro()}" for task in asyncio.all_tasks(loop))
            cancel(loop)

        patch.setattr(asyncio.runners, "_cancel_all_tasks", tell)
        yield
    end = time.monotonic() + PATIENCE
    while (left := _new(before, threads)) and time.monotonic() < end:
        gc.collect()
        time.sleep(0.01)
    assert not left + tasks, "\n".join(["left behind:", *left, *tasks])
