"""Processes that are killed in the middle of it, with real sockets and a real ledger."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

import pytest

from support.processes import Project, Tenant, check_truth

KILLS = int(os.environ.get("KILLS", "200")) // 2
NESTED = 10  # kills of one spec at most, each of them of the recovery from the one before
DEEP = 5
ITEMS = 30
BETWEEN = (0.03, 0.2)  # seconds: most of them while calls are in flight


def _killed(project: Project, after: float) -> bool:
    """Run the spec and kill it after a while; tell whether it was still running."""
    client = project.start("run", "spec.yaml", "-q")
    time.sleep(after)
    client.kill()
    return client.wait() < 0


def _converge(project: Project) -> None:
    """Run the spec to its end, and where something must rest, again when it has rested.

    An unanswered call may have left up to 90 s after its intent, so that the invoice which is
    found instead of an answer is credited after that time only.
    """
    client = project.run("spec.yaml", "-q")
    if client.code == 3:
        client = project.run_at("+2m", "spec.yaml", "-q")
    assert client.code == 0, client.said


@pytest.mark.timeout(60 + 2 * KILLS)
@pytest.mark.parametrize("objects", [1, 10])
def test_f84_killed_at_random_each_item_is_billed_once(
    objects: int, serve: Callable[..., Tenant], project_at: Callable[..., Project]
) -> None:
    """F84, D3: a run that is killed again and again ends with one invoice an item, and names it."""
    served = serve()
    chance = random.Random(objects)
    kills = specs = deepest = 0
    while kills < KILLS:
        project = project_at(served, f"project-{specs}")
        numbers = range(specs * ITEMS, (specs + 1) * ITEMS)
        specs += 1
        project.write(numbers, concurrency=4, objects_per_call=objects)
        for depth in range(1, 1 + min(NESTED, KILLS - kills)):
            if not _killed(project, chance.uniform(*BETWEEN)):
                break
            kills += 1
            deepest = max(deepest, depth)
        _converge(project)
        check_truth(project, served, numbers)
    assert deepest >= min(DEEP, KILLS)
    assert sum(served.billed.values()) == specs * ITEMS
    done = f"{specs * ITEMS} items, {served.generates} generate calls answered"
    print(f"{kills} kills, up to {deepest} in a row, {done}")
