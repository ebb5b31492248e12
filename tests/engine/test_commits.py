"""Commits: few, since each takes all that waits, and none later than it must be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from support.engine import (
    TENANT,
    Bench,
    HighRandom,
    MemoryLedger,
    Run,
    ScriptedServer,
    VirtualClock,
    item,
    run_virtually,
    status,
    success,
    works_of,
)
from zbatch.app.gate import Unattended
from zbatch.engine.aftermath import Aftermath
from zbatch.engine.brake import Brake
from zbatch.engine.ending import StopReason
from zbatch.engine.judge import not_sent
from zbatch.engine.loop import LINGER, Committer
from zbatch.engine.order import Order
from zbatch.engine.rules import Tally
from zbatch.engine.settings import MOST_INTENTS_AHEAD, Ports, Settings
from zbatch.engine.steps import Cleared
from zbatch.errors import LedgerFailure
from zbatch.model import Attempt, Call, Finding, Item, Limits, Rate, Result, Send
from zbatch.zuora.request import make_call
from zbatch.zuora.wire import Fault, Reply, Request

TENANTS = Limits(40, Rate(833, 1.0), 1, 150.0)  # as fast as Zuora lets anybody be
CALLS = 1600


class Disk(MemoryLedger):
    """Counts its commits, each of which takes some time."""

    seconds = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[float] = []
        self.durable: dict[str, float] = {}
        self.late: list[float] = []

    async def commit(
        self, sends: Sequence[Send], results: Sequence[Result], findings: Sequence[Finding]
    ) -> None:
        await asyncio.sleep(self.seconds)
        await super().commit(sends, results, findings)
        now, wall = asyncio.get_running_loop().time(), VirtualClock().now()
        self.commits.append(now)
        self.durable.update((send.attempt.track_id, now) for send in sends)
        self.late += [
            (wall - result.attempt.finished_at).total_seconds()
            for result in results
            if result.attempt.finished_at
        ]


class Quick(ScriptedServer):
    """Takes note of each call, how many intents are ahead of it, and no more."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.ahead: list[int] = []

    async def send(self, request: Request) -> Reply | Fault:
        assert isinstance(self.ledger, Disk)
        self.requests.append((asyncio.get_running_loop().time(), request))
        if request.track_id not in self.ledger.durable:
            self.undurable.append(request)
        self.ahead.append(len(self.ledger.durable) - len(self.requests))
        await asyncio.sleep(self.latency)
        return success()


def at_full_rate(seconds: float, latency: float, asking: float) -> Run:
    """Play a run as fast as the rate allows, on a disk whose commits take so long."""
    disk = type("Disk", (Disk,), {"seconds": seconds})
    bench = Bench(TENANTS, latency=latency, ask_latency=asking, make_ledger=disk, make_server=Quick)
    run = bench.run(works_of([item(n) for n in range(CALLS)]), lambda *_: success())
    assert len(run.records) == CALLS
    return run


def once_steady(run: Run, times: Sequence[float]) -> float:
    """Count how many there are a second, from the first quarter of a run's calls on."""
    start, end = run.server.times[CALLS // 4], run.server.times[-1]
    return sum(start <= time < end for time in times) / (end - start)


@pytest.mark.untraced
@pytest.mark.parametrize(
    ("seconds", "latency", "asking"),
    [(0.002, 0.044, 0.044), (0.02, 0.02, 0.02), (0.002, 0.02, 0.2)],
)
def test_at_a_tenants_rate_few_commits_keep_all_slots_busy(
    seconds: float, latency: float, asking: float
) -> None:
    """No slot goes by unused, be the disk or a question slow, and commits are 20 a second.

    What a crash may leave in doubt is what is armed, and what a tenth of a second answers.
    """
    run = at_full_rate(seconds, latency, asking)
    disk, server = run.ledger, run.server
    assert isinstance(disk, Disk)
    assert isinstance(server, Quick)
    assert once_steady(run, [*server.times, *(time for time, _ in server.questions)]) >= 0.995 * 833
    assert once_steady(run, disk.commits) <= 20
    assert max(disk.late) <= LINGER + 3 * seconds
    assert max(server.ahead) <= MOST_INTENTS_AHEAD + TENANTS.concurrency


def test_all_who_wait_for_a_commit_that_fails_are_told() -> None:
    """Also those who have come while it was under way, or come after it: none of them leaves."""

    class Failing(MemoryLedger):
        async def commit(
            self, sends: Sequence[Send], results: Sequence[Result], findings: Sequence[Finding]
        ) -> None:
            if self.tracked & {send.attempt.track_id for send in sends}:
                await asyncio.sleep(0.05)
                raise LedgerFailure("the disk is full")
            await super().commit(sends, results, findings)

    bench = Bench(TENANTS, make_ledger=Failing)
    works = works_of([item(n) for n in range(100)])
    run = bench.run(works, lambda *_: status(429, retry_after="60"))
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.DISK
    assert 0 < len(run.server.times) < 100
    assert all(time < 60 for time in run.server.times), "their intents were to be dated anew"
    assert run.elapsed < 61


def test_after_a_failed_commit_nobody_waits_for_another() -> None:
    """Who has come meanwhile or comes later is told; whoever has given up needs no word."""

    async def tries() -> list[str]:
        ledger, clock, told = MemoryLedger(), VirtualClock(), list[str]()
        ledger.fail_at = 1
        settings = Settings(
            "tail", TENANTS, 6, lambda items, number: make_call(TENANT, items, number)
        )
        server = ScriptedServer(lambda *_: success())
        ports = Ports(clock, HighRandom(), server, ledger, lambda _: None, Unattended())
        brake = Brake(clock, HighRandom(), ports.observer, settings)
        aftermath = Aftermath(ports, settings, Order([], 0), brake, Tally(settings.rules))
        committer = Committer(ledger, clock, brake, aftermath)
        run = asyncio.create_task(committer.run())
        sends = [Send(make_call(TENANT, (item(1),), 0), Attempt(1, clock.now(), "track"))]
        gone = asyncio.create_task(committer.begin(sends))
        await asyncio.sleep(0.0005)  # the commit takes twice as long
        gone.cancel()
        for _ in range(2):
            try:
                await committer.begin(sends)
            except LedgerFailure as error:
                told.append(str(error))
        with pytest.raises(LedgerFailure):
            await run
        return told

    assert run_virtually(tries()) == ["the disk is full"] * 2


def test_what_came_of_a_call_or_of_a_question_is_to_be_committed() -> None:
    """Either is enough: a run does not end before both are durable."""

    async def tries() -> list[bool]:
        clock, settings = VirtualClock(), Settings("tail", TENANTS, 6, _call)
        server = ScriptedServer(lambda *_: success())
        ports = Ports(clock, HighRandom(), server, MemoryLedger(), lambda _: None, Unattended())
        brake = Brake(clock, HighRandom(), ports.observer, settings)
        (work,) = works_of([item(1)])
        some = [
            Aftermath(ports, settings, Order([], 0), brake, Tally(settings.rules)) for _ in range(3)
        ]
        _, answered, asked = some
        attempt = Attempt(1, clock.now(), "track")
        work.call = _call(work.items, 0)
        answered.add(work, not_sent(work, attempt, clock.now()))
        asked.add_look(work, Cleared((None,)), (0.0, clock.now()))
        return [bool(one) for one in some]

    assert run_virtually(tries()) == [False, True, True]


def _call(items: tuple[Item, ...], generation: int) -> Call:
    return make_call(TENANT, items, generation)
