"""The process dies at every edge of a small run, is run again, and nothing is billed twice.

`SOAK=1 pytest -s tests/exactly_once/test_crash_sweep.py -k pairs` plays every pair of edges too;
`-k first` and `-k second` are its halves, for a machine of two cores.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from support.crashes import SCENES, SHORT, WEEKEND, Scene
from support.world import World

MakeWorld = Callable[..., World]
SOAK = os.environ.get("SOAK") == "1"
HALVES = {"first": 0, "second": 1}

scenes = pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
downtimes = pytest.mark.parametrize("downtime", [SHORT, WEEKEND], ids=["short", "weekend"])


def _dead(scene: Scene, make_world: MakeWorld, at: int) -> World:
    """Give a world in which the process has died at an edge."""
    world = scene.world(make_world)
    died = world.run(scene.items, die_at=at)
    assert died.died
    return world


def _dies_again(scene: Scene, world: World, downtime: float, at: int) -> bool:
    """Let the recovery die too; tell whether it lived as long as that."""
    world.pass_time(downtime)
    return world.run(scene.items, die_at=at).died


@scenes
@downtimes
def test_f83_death_at_every_edge_bills_each_item_once(
    scene: Scene, downtime: float, make_world: MakeWorld
) -> None:
    """F83: wherever the process dies, the runs after it end with one invoice an item, and name it.

    Seconds later the same keys find out; past their life the tenant's own invoices decide.
    """
    for at in range(1, scene.edges(make_world) + 1):
        world = _dead(scene, make_world, at)
        scene.check(world, scene.converge(world, downtime))
        world.close()


@scenes
def test_f83_death_then_reconcile_settles_what_can_be_proved(
    scene: Scene, make_world: MakeWorld
) -> None:
    """F83: a reconciliation sends nothing, and the run after it bills what was not billed."""
    for at in range(1, scene.edges(make_world) + 1):
        world = _dead(scene, make_world, at)
        world.pass_time(WEEKEND)
        sent = world.sent
        world.reconcile()
        assert world.sent == sent
        scene.check(world, scene.converge(world, SHORT))
        world.close()


@scenes
def test_f83_death_at_every_edge_of_a_reconciliation(scene: Scene, make_world: MakeWorld) -> None:
    """F83: it sends nothing, however often it is cut off between a question and its finding."""
    middle = scene.edges(make_world) // 2
    at, alive = 0, False
    while not alive:
        at += 1
        world = _dead(scene, make_world, middle)
        world.pass_time(WEEKEND)
        sent = world.sent
        alive = not world.reconcile(die_at=at).died
        assert world.sent == sent
        scene.check(world, scene.converge(world, SHORT))
        world.close()
    assert at > 1


@scenes
@downtimes
def test_f84_death_in_the_recovery_too(
    scene: Scene, downtime: float, make_world: MakeWorld
) -> None:
    """F84: dead at one edge and, while it recovers, at another; a sample of all pairs."""
    for first in range(3, scene.edges(make_world), 7):
        for second in range(1, 40, 6):
            world = _dead(scene, make_world, first)
            _dies_again(scene, world, downtime, second)
            scene.check(world, scene.converge(world, downtime))
            world.close()


@scenes
def test_f84_five_deaths_in_a_row(scene: Scene, make_world: MakeWorld) -> None:
    """F84: each of five recoveries dies a little later than the one before, and the sixth ends."""
    for first in range(2, scene.edges(make_world), 3):
        world = _dead(scene, make_world, first)
        for nth in range(1, 5):
            _dies_again(scene, world, SHORT, first % 4 + 4 * nth)
        scene.check(world, scene.converge(world, SHORT))
        world.close()


@pytest.mark.skipif(not SOAK, reason="SOAK=1 plays every pair of edges")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("half", HALVES)
@scenes
@downtimes
def test_f83_death_at_all_pairs_of_edges(
    scene: Scene, downtime: float, half: str, make_world: MakeWorld
) -> None:
    """F83: every edge, and after it every edge of the recovery."""
    pairs = 0
    for first in range(1 + HALVES[half], scene.edges(make_world) + 1, 2):
        second, dies = 0, True
        while dies:
            second += 1
            world = _dead(scene, make_world, first)
            dies = _dies_again(scene, world, downtime, second)
            scene.check(world, scene.converge(world, downtime))
            world.close()
        pairs += second
        print(f"{scene.name}: edge {first}, {pairs} pairs so far", flush=True)
