"""The time of simulated histories: whatever has no end in it is told, and not waited for."""

from __future__ import annotations

import asyncio

import pytest

from support.world_time import LONGEST, Timeline


def test_a_process_without_an_end_is_told() -> None:
    """One that does a little now and then would keep a simulation for ever."""

    async def looking_again() -> None:
        while True:  # noqa: ASYNC110 - nobody tells it of anything
            await asyncio.sleep(60.0)

    timeline = Timeline(0.0)
    with pytest.raises(RuntimeError, match="no end: tasks go on after 48 hours"):
        timeline.drive(looking_again())
    assert timeline.now >= LONGEST


def test_a_process_that_waits_for_nothing_is_told() -> None:
    """So is one that nobody wakes any more."""
    with pytest.raises(RuntimeError, match="deadlock"):
        Timeline(0.0).drive(asyncio.Event().wait())
