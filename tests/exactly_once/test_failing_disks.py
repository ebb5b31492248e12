"""The disk refuses a commit of a small run, any one of them: nothing is billed twice after it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from support.crashes import SCENES, SHORT, Scene
from support.world import Job, World
from zbatch.model import ExitCode

MakeWorld = Callable[..., World]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
@pytest.mark.parametrize("late", [False, True], ids=["nothing-written", "all-written"])
def test_a_commit_that_fails_is_taken_for_neither(
    scene: Scene, late: bool, make_world: MakeWorld
) -> None:
    """Intents and answers of one commit may be lost or not: the next process alone can tell.

    The run says that it was the disk, with 3 once anything has left; the runs after it bill each
    item once and name the invoice.
    """
    for at in count(1):
        world = scene.world(make_world)
        host = world.host()
        host.fails_at, host.fails_late = at, late
        (run,) = world.play(Job(world.plan(scene.items)))
        if host.fails_at:
            assert at > 5
            return
        assert run.result is not None
        assert "disk I/O error" in run.stop
        nothing_sent = {ExitCode.CANNOT_START, ExitCode.UNKNOWN}
        assert run.exit_code in ({ExitCode.UNKNOWN} if run.result.sent else nothing_sent)
        scene.check(world, scene.converge(world, SHORT))
        world.close()
