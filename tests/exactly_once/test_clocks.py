"""Machines that sleep, and clocks of host and tenant that differ, between runs and within one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest

from support.engine import item
from support.world import DAY, HOUR, World
from support.world_net import LOST_ON_THE_WAY, REPLY_LOST, Trouble
from zbatch.engine.settings import Acceptance
from zbatch.model import Rate, Settling
from zbatch.zuora.wire import Reply

MakeWorld = Callable[..., World]
ONE = item(1)


@pytest.mark.parametrize("asleep_at", [0.5, 3.5, 6.25])
def test_f88_an_hour_asleep_is_followed_by_no_burst(asleep_at: float, world: World) -> None:
    """F88: the calls that an hour would have allowed are not made up for: one a second, as ever."""
    items = [item(number) for number in range(1, 13)]
    world.limits = replace(world.limits, rate=Rate(60, 60.0))

    async def sleep(_: object) -> None:
        await asyncio.sleep(asleep_at)
        world.timeline.pass_time(HOUR)

    run = world.run(items, during=sleep)
    while set(run.outcomes) != {"invoiced"}:
        world.pass_time(HOUR + 60)
        run = world.run(items)
    at = sorted(execution.at.timestamp() for execution in world.executions)
    assert len(at) == len(items)
    assert min(after - before for before, after in pairwise(at)) > 0.9


@pytest.mark.parametrize("trouble", [REPLY_LOST, LOST_ON_THE_WAY])
@pytest.mark.parametrize("downtime", [60.0, HOUR, 21 * HOUR, 26 * HOUR])
@pytest.mark.parametrize("first", [-3, 0, 3])
@pytest.mark.parametrize("second", [-3, 0, 3])
def test_f114_clocks_three_hours_apart(
    first: int, second: int, downtime: float, trouble: Trouble, world: World
) -> None:
    """F114: ahead or behind, always or since the last run: the item ends with one invoice."""
    world.settling = Settling(settle=600.0)
    world.max_attempts = 1
    world.host().shift = timedelta(hours=first)
    world.troubles = {1: trouble}
    assert world.run([ONE]).outcomes == ["unknown"]
    world.max_attempts = 6
    world.host().shift = timedelta(hours=second)
    world.pass_time(downtime)
    run = world.run([ONE])
    assert world.billed(ONE) <= 1
    for _ in range(3):
        world.pass_time(9 * HOUR)
        run = world.run([ONE])
    assert run.records[ONE.identity].outcome.success
    assert world.billed(ONE) == 1
    assert len(world.invoices) == 1


def _ask_a_server_that_is_ahead(world: World, days: float) -> None:
    """Let the next question be answered, with nothing, by one of many servers: its clock is off."""
    dated = format_datetime(world.host().now() + timedelta(days=days), usegmt=True)
    nothing = Reply(200, {"date": dated}, b'{"size":0,"done":true}', 1)
    world.query_troubles = {world.asked + 1: Trouble(arrives=False, instead=nothing)}


@pytest.mark.parametrize("trouble", [REPLY_LOST, LOST_ON_THE_WAY])
def test_a_server_that_was_ahead_at_the_send_lets_no_rest_end_before_its_time(
    trouble: Trouble, world: World
) -> None:
    """The price of a rest by both clocks: unknown until then, and billed once all the same."""
    world.max_attempts = 1
    world.troubles = {1: trouble}
    _ask_a_server_that_is_ahead(world, 30)
    assert world.run([ONE]).outcomes == ["unknown"]
    world.max_attempts = 6
    world.pass_time(25 * HOUR)
    for _ in range(2):
        assert world.run([ONE]).outcomes == ["unknown"]
        world.pass_time(14 * DAY)
    world.pass_time(2 * DAY)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert world.billed(ONE) == 1


def test_a_person_need_not_wait_for_the_time_of_a_server_that_was_ahead(world: World) -> None:
    """What is shown by then is taken at once."""
    world.max_attempts = 1
    world.troubles = {1: REPLY_LOST}
    _ask_a_server_that_is_ahead(world, 365)
    assert world.run([ONE]).outcomes == ["unknown"]
    world.pass_time(2 * HOUR)
    accepted = Acceptance(ONE.identity, world.invoices[0].id, "looked at")
    run = world.reconcile([ONE], accepted={ONE.identity: accepted})
    assert (run.outcomes, world.billed(ONE)) == (["invoiced"], 1)
