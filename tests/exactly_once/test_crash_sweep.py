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


def _dead(scene: Scene, make_world: MakeWorld, *edges: int, downtime: float = SHORT) -> World:
    """Give a world in which one process after the other has died, each at an edge of its own."""
    world = scene.world(make_world)
    for number, at in enumerate(edges):
        world.pass_time(downtime if number else 0.0)
        assert world.run(scene.items, die_at=at).died
    return world


def _recovery(scene: Scene, make_world: MakeWorld, *edges: int, downtime: float = SHORT) -> int:
    """Count the edges of the run that follows such deaths, if nothing kills it."""
    world = _dead(scene, make_world, *edges, downtime=downtime)
    world.pass_time(downtime)
    run = world.run(scene.items)
    world.close()
    return len(run.edges)


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
        there = _recovery(scene, make_world, first, downtime=downtime)
        for second in {*range(1, there, 6), there}:
            world = _dead(scene, make_world, first, second, downtime=downtime)
            scene.check(world, scene.converge(world, downtime))
            world.close()


@scenes
def test_f84_five_recoveries_die_in_a_row(scene: Scene, make_world: MakeWorld) -> None:
    """F84: each of five recoveries dies a little later in it than the one before; the next ends."""
    for first in range(2, scene.edges(make_world), 3 if SOAK else 9):
        edges = [first]
        for nth in range(1, 6):
            there = _recovery(scene, make_world, *edges)
            edges.append(max(1, there * nth // 6))
        world = _dead(scene, make_world, *edges)
        scene.check(world, scene.converge(world, SHORT))
        world.close()


@pytest.mark.skipif(not SOAK, reason="SOAK=1 plays every pair of edges")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("half", HALVES)
@scenes
@downtimes
def test_f84_death_at_all_pairs_of_edges(
    scene: Scene, downtime: float, half: str, make_world: MakeWorld
) -> None:
    """F84: every edge, and after it every edge of the recovery."""
    pairs = 0
    for first in range(1 + HALVES[half], scene.edges(make_world) + 1, 2):
        there = _recovery(scene, make_world, first, downtime=downtime)
        for second in range(1, there + 1):
            world = _dead(scene, make_world, first, second, downtime=downtime)
            scene.check(world, scene.converge(world, downtime))
            world.close()
        pairs += there
        print(f"{scene.name}: edge {first}, {pairs} pairs so far", flush=True)
