"""The long proof names commands that exist."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import soak


def test_each_step_of_the_soak_can_be_run() -> None:
    """Every test file and every module that a step names is there, and each step has a name."""
    steps = list(soak.steps(0, 1000))
    assert len({step.name for step in steps}) == len(steps)
    for step in steps:
        if "-m" in step.command:
            assert find_spec(step.command[step.command.index("-m") + 1])
        else:
            tests = [word for word in step.command if word.endswith(".py") or word.islower()]
            named = [word for word in tests if "/" in word and not word.startswith("/")]
            assert all((soak.ROOT / "tests" / word).exists() for word in named), step.name


def test_the_page_has_room_for_the_result() -> None:
    """The soak replaces what stands between two marks, and nothing else."""
    text = Path(soak.PAGE).read_text("utf-8")
    assert len(soak.RESULT.findall(text)) == 1
