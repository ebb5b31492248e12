"""Signals during a run: the first drains, the second gives up on what is in flight."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from zbatch.engine.ending import StopReason

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stoppable(Protocol):
    """What a signal stops: an engine, or questions before it."""

    def stop(self, reason: StopReason, message: str, hint: str = "") -> None:
        """Begin nothing further."""
        ...

    def abandon(self) -> None:
        """Await no answer any more."""
        ...


class Interruptions:
    """The signals that came while an engine ran; `first` is the number of the first one."""

    def __init__(self, engine: Stoppable, timeout: float) -> None:
        self._engine = engine
        self._timeout = timeout
        self.first: int | None = None

    def take(self, number: int) -> None:
        """Drain at the first signal; at the second one await no answer any more."""
        if self.first is not None:
            self._engine.abandon()
            return
        self.first = number
        self._engine.stop(
            StopReason.INTERRUPTED,
            f"interrupted by {signal.Signals(number).name}",
            f"awaiting the calls in flight for at most {self._timeout:g} s; a second signal ends"
            " at once and leaves them unknown",
        )


@contextmanager
def interruptible(engine: Stoppable, timeout: float) -> Iterator[Interruptions]:
    """Let signals stop an engine while the body runs; `timeout` is a call's, in seconds.

    Under `nohup` the end of the terminal stops nothing: a SIGHUP that is ignored stays ignored.
    """
    loop = asyncio.get_running_loop()
    interruptions = Interruptions(engine, timeout)
    deaf = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    numbers = [one for one in SIGNALS if not (deaf and one is signal.SIGHUP)]
    for number in numbers:
        loop.add_signal_handler(number, interruptions.take, number)
    try:
        yield interruptions
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let no signal that comes after the engine cost the report; the old handlers come back.

    Between the last call and the run record it is a matter of moments, and nothing is sent.
    """
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
