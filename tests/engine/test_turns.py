"""Turns in the rate of a run: none behind a closed gate, none after a stop, one given away."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from support.engine import (
    START,
    Bench,
    HighRandom,
    VirtualClock,
    item,
    run_virtually,
    status,
    success,
    works_of,
)
from zbatch.engine.brake import Brake
from zbatch.engine.ending import StopReason
from zbatch.engine.events import Event
from zbatch.engine.loop import Engine
from zbatch.engine.pacing import Pace, Slot
from zbatch.engine.settings import Settings
from zbatch.engine.turns import Turns
from zbatch.model import Call, Limits, Outcome, Problem, Rate


def never(*_: object) -> Call:
    raise AssertionError("nothing is sent here")


def a_brake(told: list[Event]) -> Brake:
    settings = Settings("tail", Limits(10, Rate(1, 10.0), 1, 150.0), 6, never)
    return Brake(VirtualClock(), HighRandom(), told.append, settings)


def test_a_gate_that_closes_over_a_turn_moves_it() -> None:
    """Who waits for a turn when the server asks for more time waits until that is over."""

    async def turns() -> list[float]:
        brake = a_brake([])
        loop = asyncio.get_running_loop()
        assert await brake.turn()
        waiting = asyncio.create_task(brake.turn())
        await asyncio.sleep(1.0)
        brake.throttled(status(429, retry_after="30"), "too many", 1)
        assert await waiting
        return [loop.time()]

    assert run_virtually(turns()) == [31.0]


def test_who_waits_for_the_gate_goes_on_once_it_opens_by_itself() -> None:
    """Nobody need tell that the time is over; what asks for a token waits so, too."""

    async def opened() -> float:
        brake = a_brake([])
        brake.throttled(status(429, retry_after="30"), "too many", 0)
        async with asyncio.timeout(3600.0):
            await brake.opened()
        return asyncio.get_running_loop().time()

    assert run_virtually(opened()) == 30.0


def test_a_stop_ends_the_wait_for_a_turn() -> None:
    """Nothing leaves any more, and nobody waits for the rest of the rate."""

    async def turns() -> float:
        told: list[Event] = []
        brake = a_brake(told)
        assert await brake.turn()
        waiting = asyncio.create_task(brake.turn())
        await asyncio.sleep(1.0)
        brake.stop(StopReason.INTERRUPTED, "interrupted")
        brake.stop(StopReason.LIMIT, "too late to be the reason")
        assert not await waiting
        assert brake.stopped is not None
        assert brake.stopped.reason is StopReason.INTERRUPTED
        return asyncio.get_running_loop().time()

    assert run_virtually(turns()) == 1.0


class Tokens:
    """A sender whose newest token has the serial 1; it notes which one it is to be newer than."""

    def __init__(self) -> None:
        self.newest = 1
        self.held_against: set[int | None] = set()
        self.asked: list[int | None] = []

    def ready(self, stale_token: int | None) -> bool:
        self.held_against.add(stale_token)
        return self.newest > (stale_token or 0)

    async def prepare(self, stale_token: int | None) -> bool:
        self.asked.append(stale_token)
        self.newest += 1
        return True


def test_a_turn_is_for_who_has_a_newer_token_than_the_one_that_was_refused() -> None:
    """Before the turn and as it comes: any other one would be waited for in the turn itself."""
    sender: Any = Tokens()

    async def turn() -> bool:
        return await Turns(sender, a_brake([])).turn(1)

    assert run_virtually(turn())
    assert sender.asked == [1]
    assert sender.held_against == {1}


def test_a_turn_waits_for_a_place_in_flight() -> None:
    """Five requests may be in flight at first: the sixth waits until one of them is over."""

    async def turns() -> float:
        settings = Settings("tail", Limits(10, Rate(100, 1.0), 1, 150.0), 6, never)
        brake = Brake(VirtualClock(), HighRandom(), lambda event: None, settings)
        for _ in range(5):
            assert await brake.turn()
        sixth = asyncio.create_task(brake.turn())
        await asyncio.sleep(3.0)
        with brake.flying():
            assert not sixth.done()
        assert await sixth
        return asyncio.get_running_loop().time()

    assert run_virtually(turns()) == pytest.approx(3.04), "four turns of the rate came before"


def test_a_stop_ends_the_wait_for_a_place() -> None:
    """So does giving up; neither takes a place with it."""

    async def turns() -> list[bool]:
        settings = Settings("tail", Limits(1, Rate(100, 1.0), 1, 150.0), 6, never)
        brake = Brake(VirtualClock(), HighRandom(), lambda event: None, settings)
        assert await brake.turn()
        waiting = [asyncio.create_task(brake.turn()) for _ in range(2)]
        await asyncio.sleep(1.0)
        waiting[0].cancel()
        await asyncio.sleep(0.0)
        assert brake.places.waiting == 1
        brake.stop(StopReason.INTERRUPTED, "interrupted")
        return [await waiting[1], await brake.turn()]

    assert run_virtually(turns()) == [False, False]


def test_a_place_that_falls_away_behind_a_gate_is_waited_for_again() -> None:
    """Of five that wait behind it only as many leave as were taken in before."""

    async def turns() -> list[float]:
        settings = Settings("tail", Limits(10, Rate(100, 1.0), 1, 150.0), 6, never)
        brake = Brake(VirtualClock(), HighRandom(), lambda event: None, settings)
        loop = asyncio.get_running_loop()
        assert await brake.turn()
        assert await brake.turn()
        with brake.flying(), brake.flying() as flight:
            await asyncio.sleep(1.0)
        brake.throttled(status(429, retry_after="30"), "too many", 1)
        others = [asyncio.create_task(brake.turn()) for _ in range(5)]
        await asyncio.sleep(1.0)
        brake.crowded(flight, status(429), Problem("50000070", "too many"))
        assert brake.places.allowed == 1
        gone = []
        while others:
            done, _ = await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
            others = [one for one in others if one not in done]
            gone += [loop.time()] * len(done)
            with brake.flying():
                await asyncio.sleep(1.0)
        return gone

    assert run_virtually(turns()) == pytest.approx([31.0, 32.0, 33.0, 34.0, 35.0], abs=0.2)


class FarTurns(Pace):
    """Has each turn come 31 seconds after it is taken, though turns are not far apart."""

    def reserve(self, now: float) -> Slot:
        return replace(super().reserve(now), at=now + 31.0)


def test_a_turn_that_comes_late_each_time_is_given_away_once() -> None:
    """Else a run whose every turn outlasts its intent would date it anew and wait for ever."""

    async def stop_at_last(engine: Engine, clock: VirtualClock) -> None:
        await asyncio.sleep(600.0)
        engine.stop(StopReason.INTERRUPTED, "it has no end")

    bench = Bench(pace=FarTurns(Rate(10, 1.0)), during=stop_at_last)
    run = bench.run(works_of([item(n) for n in range(3)]), lambda request, before: success())
    assert run.ending.stop is None
    assert {record.outcome for record in run.records.values()} == {Outcome.INVOICED}
    assert len(run.ledger.begun) == 3 * 3  # dated anew for its own turn, and as it leaves
    last = {send.call.key: send.attempt.started_at for send in run.ledger.begun}
    left = {request.key: START + timedelta(seconds=at) for at, request in run.server.requests}
    assert all(abs(left[key] - last[key]) < timedelta(seconds=1) for key in left)
