"""Signals during a run, sent for real to this very process."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from support.engine import TENANT, HighRandom, MemoryLedger, found, item, success, works_of
from support.in_hand import TokenInHand
from zbatch.app.clock import SystemClock
from zbatch.app.gate import Unattended
from zbatch.app.signals import SIGNALS, interruptible, undisturbed
from zbatch.engine.ending import Ending, StopReason
from zbatch.engine.events import Event, Stopping
from zbatch.engine.loop import Engine
from zbatch.engine.ports import Observer
from zbatch.engine.settings import Ports, Settings
from zbatch.model import Limits, Rate
from zbatch.zuora.request import make_call
from zbatch.zuora.wire import Ask, Reply, Request


@pytest.fixture(autouse=True)
def terminal_counts() -> Iterator[None]:
    """Let SIGHUP count, also where these tests run under `nohup`."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@dataclass
class SignallingServer(TokenInHand):
    """Sends signals to this process while a request is in flight; answers if it has time to."""

    signals: tuple[int, ...]
    answers: bool = True
    requests: int = 0

    async def send(self, request: Request) -> Reply:
        self.requests += 1
        for number in self.signals:
            os.kill(os.getpid(), number)
            await asyncio.sleep(0.01)
        if not self.answers:
            await asyncio.Event().wait()
        return success()

    async def ask(self, ask: Ask) -> Reply:
        return found()


def an_engine(server: SignallingServer, observer: Observer = lambda event: None) -> Engine:
    settings = Settings(
        "tail",
        Limits(1, Rate(1000, 1.0), 1, 150.0),
        6,
        lambda items, generation: make_call(TENANT, items, generation),
    )
    ports = Ports(SystemClock(), HighRandom(), server, MemoryLedger(), observer, Unattended())
    return Engine(ports, settings, works_of([item(n) for n in range(5)]))


def interrupted(
    server: SignallingServer, observer: Observer = lambda event: None
) -> tuple[Ending, int | None]:
    async def run() -> tuple[Ending, int | None]:
        engine = an_engine(server, observer)
        with interruptible(engine, 150.0) as interruptions:
            return await engine.run(), interruptions.first

    with undisturbed():
        return asyncio.run(run())


@pytest.mark.parametrize("number", SIGNALS)
def test_f85_f86_the_first_signal_drains(number: int) -> None:
    """F85, F86: the call in flight is awaited, none starts, and the signal is remembered."""
    server = SignallingServer((number,))
    events: list[Event] = []
    ending, first = interrupted(server, events.append)
    assert ending.stop is not None
    assert ending.stop.reason is StopReason.INTERRUPTED
    assert signal.Signals(number).name in ending.stop.message
    (told,) = [event for event in events if isinstance(event, Stopping)]
    assert told.in_flight == 1
    assert "150 s" in told.hint
    assert "second signal" in told.hint
    assert (server.requests, ending.sent, ending.abandoned, first) == (1, 1, (), number)


def test_f85_the_second_signal_gives_up_on_what_is_in_flight() -> None:
    """Nothing is awaited any more; the call is named, and the first signal counts."""
    server = SignallingServer((signal.SIGTERM, signal.SIGINT), answers=False)
    ending, first = interrupted(server)
    assert [str(one.identity) for one in ending.abandoned] == [str(item(0).identity)]
    assert (server.requests, first) == (1, signal.SIGTERM)


def test_what_nohup_has_ignored_stops_no_run() -> None:
    """The terminal may go; whoever wants to stop such a run has the other signals."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    ending, first = interrupted(SignallingServer((signal.SIGHUP,)))
    assert (ending.stop, first, ending.sent) == (None, None, 5)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    _, first = interrupted(SignallingServer((signal.SIGTERM,)))
    assert first == signal.SIGTERM


def test_the_handlers_are_gone_after_the_run() -> None:
    """What a signal does outside a run is not ours to say."""
    before = [signal.getsignal(number) for number in SIGNALS]
    ending, first = interrupted(SignallingServer(()))
    assert (ending.stop, first) == (None, None)
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_after_the_engine_does_not_cost_the_report(number: int) -> None:
    """Between the last call and the run record signals are ignored; then they are as before."""
    before = [signal.getsignal(one) for one in SIGNALS]

    async def run() -> None:
        with interruptible(an_engine(SignallingServer(())), 150.0):
            pass

    with undisturbed():
        asyncio.run(run())
        os.kill(os.getpid(), number)  # would end this process
        assert signal.getsignal(number) is signal.SIG_IGN
    assert [signal.getsignal(one) for one in SIGNALS] == before
