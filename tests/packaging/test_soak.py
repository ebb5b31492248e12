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


def test_a_part_of_the_soak_leaves_the_results_of_the_others() -> None:
    """What was played now takes its row, what was not keeps its own, and no row is made up."""
    first, second, third, *_ = soak.steps(0, 1000)
    names = [first.name, second.name, third.name]
    known = soak.table(
        "", [soak.Done(one, 0, 1.0, "old", "aaaaaaa") for one in (first, second)], names
    )
    after = soak.table(known, [soak.Done(second, 1, 2.0, "new", "bbbbbbb")], names).splitlines()[2:]
    assert [row.split(" | ")[1] for row in after] == ["passed", "**FAILED**", "not played"]
    assert "aaaaaaa | old" in after[0]
    assert "bbbbbbb | new" in after[1]


def test_the_page_has_room_for_the_result() -> None:
    """The soak replaces what stands between two marks, and nothing else."""
    text = Path(soak.PAGE).read_text("utf-8")
    assert len(soak.RESULT.findall(text)) == 1
