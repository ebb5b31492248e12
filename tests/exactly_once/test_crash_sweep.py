"""The process dies at every edge of a small run, is run again, and nothing is billed twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from support.engine import item
from support.world import HOUR, RunOutcome, World
from zbatch.model import ExitCode, Item, Settling

ITEMS = (item(1), item(2), item(3), item(4, 10), item(4, 20), item(5))
SHORT = 2.0
WEEKEND = 30 * HOUR
MakeWorld = Callable[..., World]


def in_calls_of(world: World, objects: int) -> World:
    """Let a world send so many objects a call."""
    world.limits = replace(world.limits, objects_per_call=objects)
    return world


def edges_of(make_world: MakeWorld, objects: int) -> int:
    """Count the edges of a clean run."""
    run = in_calls_of(make_world(), objects).run(ITEMS)
    assert run.exit_code is ExitCode.OK
    return len(run.edges)


def converge(world: World, items: tuple[Item, ...], downtime: float, most: int = 8) -> RunOutcome:
    """Run again after so many seconds, and from then on whenever doubt has rested."""
    for _ in range(most):
        world.pass_time(downtime)
        run = world.run(items)
        if run.exit_code is ExitCode.OK:
            return run
        downtime = max(downtime, world.settling.settle + 60.0)
    raise AssertionError("\n".join(["not settled:", *world.told()[-20:]]))


def exactly_once(world: World, run: RunOutcome) -> None:
    """Hold that every item has one invoice, and that the report names just these."""
    assert [world.billed(one) for one in ITEMS] == [1] * len(ITEMS), world.told()
    assert len(world.invoices) == len(ITEMS)
    named = {record.invoice_id for record in run.records.values()}
    assert named == {invoice.id for invoice in world.invoices}


@pytest.mark.parametrize("objects", [1, 10])
def test_death_at_every_edge_then_a_run_bills_each_item_once(
    make_world: MakeWorld, objects: int
) -> None:
    """Wherever the process dies, the next run two seconds later ends with one invoice an item."""
    for die_at in range(1, edges_of(make_world, objects) + 1):
        world = in_calls_of(make_world(), objects)
        died = world.run(ITEMS, die_at=die_at)
        assert died.died
        exactly_once(world, converge(world, ITEMS, SHORT))


@pytest.mark.parametrize("objects", [1, 10])
def test_death_then_a_weekend_then_questions_bill_each_item_once(
    make_world: MakeWorld, objects: int
) -> None:
    """Past the life of the keys the tenant's own invoices decide, and nothing is billed again."""
    for die_at in range(1, edges_of(make_world, objects) + 1, 3):
        world = in_calls_of(make_world(), objects)
        world.run(ITEMS, die_at=die_at)
        exactly_once(world, converge(world, ITEMS, WEEKEND))


def test_death_then_a_weekend_then_reconcile_settles_what_can_be_proved(
    make_world: MakeWorld,
) -> None:
    """A reconciliation sends nothing, and the run after it bills what was not billed."""
    for die_at in range(2, edges_of(make_world, 1) + 1, 7):
        world = make_world()
        world.run(ITEMS, die_at=die_at)
        world.pass_time(WEEKEND)
        sent = world.sent
        world.reconcile()
        assert world.sent == sent
        exactly_once(world, converge(world, ITEMS, SHORT))


def test_death_in_the_recovery_too(make_world: MakeWorld) -> None:
    """A process that dies, and one that dies while it recovers, still bill each item once."""
    edges = edges_of(make_world, 1)
    for first in range(5, edges, 9):
        for second in range(1, edges, 7):
            world = make_world()
            world.run(ITEMS, die_at=first)
            world.pass_time(SHORT)
            again = world.run(ITEMS, die_at=second)
            if again.died or again.exit_code is not ExitCode.OK:
                again = converge(world, ITEMS, SHORT)
            exactly_once(world, again)


def test_death_in_the_recovery_after_a_weekend(make_world: MakeWorld) -> None:
    """The same where the recovery has to ask: it may die between a question and its finding."""
    edges = edges_of(make_world, 10)
    for first in range(5, edges, 4):
        for second in range(1, 25, 3):
            world = in_calls_of(make_world(), 10)
            world.settling = Settling(settle=60.0)
            world.run(ITEMS, die_at=first)
            world.pass_time(WEEKEND)
            world.run(ITEMS, die_at=second)
            exactly_once(world, converge(world, ITEMS, 1800.0))
