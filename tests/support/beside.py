"""A server beside a test: kept open in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")
Opening = Callable[[], AbstractAsyncContextManager[T]]
SECONDS = 20.0


@contextmanager
def beside(opening: Opening[T]) -> Iterator[T]:
    """Enter an async context in another thread, and leave it there when the block ends."""
    ready: SimpleQueue[T | BaseException] = SimpleQueue()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()
    thread = threading.Thread(target=_keep, args=(loop, opening, ready, over), daemon=True)
    thread.start()
    try:
        opened = ready.get(timeout=SECONDS)
        if isinstance(opened, BaseException):
            raise opened
        yield opened
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(SECONDS)
        loop.close()


def _keep(
    loop: asyncio.AbstractEventLoop,
    opening: Opening[T],
    ready: SimpleQueue[T | BaseException],
    over: asyncio.Event,
) -> None:
    is_open = False

    async def keep() -> None:
        nonlocal is_open
        async with opening() as opened:
            is_open = True
            ready.put(opened)
            await over.wait()

    try:
        loop.run_until_complete(keep())
    except BaseException as error:
        if is_open:
            raise  # nobody waits for it any more: let the test fail by it
        ready.put(error)
