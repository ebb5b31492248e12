"""Turns in the rate of a run: none behind a closed gate, none after a stop."""

from __future__ import annotations

import asyncio

from support.engine import HighRandom, VirtualClock, run_virtually, status
from zbatch.engine.brake import Brake
from zbatch.engine.events import Event
from zbatch.engine.settings import Settings
from zbatch.engine.verdict import StopReason
from zbatch.model import Call, Limits, Rate


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
