"""A request that must wait for a token, or for the disk, has its turn behind it, not before it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from support.engine import (
    Bench,
    MemoryLedger,
    Run,
    ScriptedServer,
    VirtualClock,
    item,
    status,
    success,
    works_of,
)
from zbatch.engine.ending import StopReason
from zbatch.engine.loop import Engine
from zbatch.model import Finding, Limits, Outcome, Rate, Result, Send
from zbatch.zuora.wire import Ask, Fault, Reply, Request

TEN_A_SECOND = Limits(40, Rate(600, 60.0), 1, 150.0)


class Disk(MemoryLedger):
    """Takes two seconds for intents once a minute is over."""

    async def commit(
        self, sends: Sequence[Send], results: Sequence[Result], findings: Sequence[Finding]
    ) -> None:
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(2.0 if sends and now > 60.0 else 0.001)
        await super().commit(sends, results, findings)


class LoggingIn(ScriptedServer):
    """Lets nothing leave from one second of the run to another: the token is being renewed."""

    gone, back = 2.0, 5.0

    def ready(self, stale_token: int | None) -> bool:
        return not self.gone <= asyncio.get_running_loop().time() < self.back

    async def prepare(self, stale_token: int | None) -> bool:
        await asyncio.sleep(self.back - asyncio.get_running_loop().time())
        return True

    async def send(self, request: Request) -> Reply | Fault:
        if not self.ready(request.stale_token):
            await self.prepare(request.stale_token)
        return await super().send(request)

    async def ask(self, ask: Ask) -> Reply | Fault:
        if not self.ready(ask.stale_token):
            await self.prepare(ask.stale_token)
        return await super().ask(ask)


PACES = pytest.mark.parametrize(
    ("rate", "at"),
    [(Rate(600, 60.0), 61.0), (Rate(1, 2.0), 63.0)],  # while the first intent is dated anew
    ids=["turns", "rare turns"],
)


def limited_at_first(request: Request, before: int) -> Reply:
    early = asyncio.get_running_loop().time() < 3.0
    return status(429, retry_after="60") if early else success()


def left(run: Run) -> list[float]:
    """Tell when everything left, questions too."""
    return sorted([*run.server.times, *(at for at, _ in run.server.questions)])


def invoiced(run: Run) -> int:
    return sum(record.outcome is Outcome.INVOICED for record in run.records.values())


def test_those_who_waited_for_a_token_leave_at_the_pace() -> None:
    """Forty that came to their turn while there was no token do not leave together."""
    bench = Bench(TEN_A_SECOND, make_server=LoggingIn, latency=1.5)
    run = bench.run(works_of([item(n) for n in range(80)]), lambda *_: success())
    assert invoiced(run) == 80
    times = left(run)
    assert not [at for at in times if LoggingIn.gone <= at < LoggingIn.back]
    assert min(b - a for a, b in pairwise(times)) > 0.0999


def test_nothing_that_waited_for_a_token_leaves_behind_a_gate() -> None:
    """F63: a 429 that comes while others wait for a token keeps them, too."""

    def answer(request: Request, before: int) -> Reply:
        now = asyncio.get_running_loop().time()
        return status(429, retry_after="60") if 3.0 < now < 4.0 else success()

    bench = Bench(TEN_A_SECOND, make_server=LoggingIn, latency=1.5)
    run = bench.run(works_of([item(n) for n in range(80)]), answer)
    assert invoiced(run) == 80
    assert not [at for at in left(run) if LoggingIn.gone <= at < 63.0]


class Revoking(ScriptedServer):
    """Takes no token back that it has revoked; `asked` tells when one was asked for."""

    serial = 1

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.asked: list[float] = []

    def ready(self, stale_token: int | None) -> bool:
        return self.serial > (stale_token or 0)

    async def prepare(self, stale_token: int | None) -> bool:
        self.asked.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.1)
        self.serial += 1
        return True


def test_no_token_is_asked_for_behind_a_gate() -> None:
    """F63: where one is revoked in the moment of a 429, the log-in waits as everything does."""
    limited: list[float] = []

    def answer(request: Request, before: int) -> Reply:
        if not limited:
            limited.append(asyncio.get_running_loop().time())
            return status(429, retry_after="60")
        return success() if before else status(401)

    bench = Bench(TEN_A_SECOND, make_server=Revoking, latency=1.0)
    run = bench.run(works_of([item(n) for n in range(3)]), answer)
    assert invoiced(run) == 3
    assert isinstance(run.server, Revoking)
    assert run.server.asked
    assert not [at for at in run.server.asked if at < limited[0] + 60.0]


def test_a_token_that_is_never_young_enough_ends_no_run() -> None:
    """One that lives shorter than the wait for a slot is used as it is, at last."""

    class ShortLived(ScriptedServer):
        def ready(self, stale_token: int | None) -> bool:
            return False

    run = Bench(TEN_A_SECOND, make_server=ShortLived).run(
        works_of([item(n) for n in range(5)]), lambda *_: success()
    )
    assert invoiced(run) == 5
    assert run.ending.stop is None


def test_without_a_token_the_request_tells_why() -> None:
    """A wait in vain is none of the run's business: what the sender says of it is."""

    class Refused(ScriptedServer):
        def ready(self, stale_token: int | None) -> bool:
            return False

        async def prepare(self, stale_token: int | None) -> bool:
            return False

    bench = Bench(TEN_A_SECOND, make_server=Refused)
    run = bench.run(works_of([item(1)]), lambda *_: success())
    assert invoiced(run) == 1


def test_a_run_that_stops_waits_for_no_token() -> None:
    """Nobody stays for a log-in that takes a minute."""

    class Slow(LoggingIn):
        gone, back = 0.0, 60.0

    async def stop(engine: Engine, clock: VirtualClock) -> None:
        await asyncio.sleep(1.0)
        engine.stop(StopReason.INTERRUPTED, "interrupted")

    bench = Bench(TEN_A_SECOND, make_server=Slow, during=stop)
    run = bench.run(works_of([item(1)]), lambda *_: success())
    assert run.elapsed < 2.0
    assert left(run) == []


@PACES
def test_nothing_whose_intent_is_dated_anew_leaves_behind_a_gate(rate: Rate, at: float) -> None:
    """F63: the gate closes while an intent that waited long is committed once more."""

    async def limit(engine: Engine, clock: VirtualClock) -> None:
        brake: Any = engine.brake
        await asyncio.sleep(at)
        brake.throttled(status(429, retry_after="100"), "too many requests", 1)

    bench = Bench(Limits(40, rate, 1, 150.0), make_ledger=Disk, during=limit)
    run = bench.run(works_of([item(n) for n in range(20)]), limited_at_first)
    assert invoiced(run) == 20
    assert not [one for one in left(run) if at < one < at + 100.0]


@PACES
def test_a_run_that_is_given_up_takes_back_what_is_dated_anew(rate: Rate, at: float) -> None:
    """A second Ctrl-C while its intent is committed once more: it has not left, and is no doubt."""

    async def give_up(engine: Engine, clock: VirtualClock) -> None:
        await asyncio.sleep(at)
        engine.stop(StopReason.INTERRUPTED, "interrupted")
        engine.abandon()

    bench = Bench(Limits(40, rate, 1, 150.0), make_ledger=Disk, during=give_up)
    run = bench.run(works_of([item(n) for n in range(20)]), limited_at_first)
    assert not [one for one in left(run) if one > at]
    assert run.ending.abandoned == ()
    last = {one.attempt.track_id: one.attempt for one in run.ledger.finished}
    tracked = {request.track_id for _, request in run.server.requests}
    taken_back = [one for one in last.values() if not one.sent]
    assert taken_back
    assert not tracked & {one.track_id for one in taken_back}
