"""The event loop that a verb sends in, and how the collector goes about beside it."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from zbatch.errors import CannotStart
from zbatch.model import ExitCode

SELDOM = (20_000, 20, 100)  # new objects, and sweeps of the younger before one of the older
FILES = 4  # open at once: three are the loop's own, one is for what it loads and whom it reaches


@contextmanager
def unswept() -> Iterator[None]:
    """Spare the collector what is here already, for it lives as long as the run, and sweep less.

    Else it walks again and again through all works, and finds nothing: a tenth of a run's CPU. What
    a call leaves behind is freed without it, and little of that is left to be found.
    """
    kept = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*kept)
        gc.unfreeze()


@contextmanager
def event_loop() -> Iterator[asyncio.Runner]:
    """Make an event loop; raises `CannotStart` where the system has no files left for one."""
    runner = asyncio.Runner()
    try:
        _insist_on_files()
        loop = runner.get_loop()
    except OSError as error:
        raise CannotStart(f"cannot start to send: {error.strerror}; nothing was sent") from error
    loop.set_exception_handler(_end_without_memory)
    with runner:
        yield runner


def _insist_on_files() -> None:
    """Raise `OSError` where a loop would find no files: half made, it would tell of a bug."""
    with ExitStack() as held:
        for _ in range(FILES):
            held.callback(os.close, os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))


def _end_without_memory(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """End the process where a callback of the loop found no memory: somebody waits for it in vain.

    To whoever runs it again that is a crash like any other, and a crash loses nothing.
    """
    if isinstance(context.get("exception"), MemoryError):
        os.write(2, b"zbatch: no memory is left; running the same command again is safe\n")
        os._exit(ExitCode.INTERNAL)
    loop.default_exception_handler(context)
