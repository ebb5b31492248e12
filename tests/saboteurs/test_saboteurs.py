"""Each saboteur is caught: by the test that is named for it, and by the checker in reach."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.saboteurs.rotation import PART
from support.saboteurs.saboteur import Saboteur
from support.saboteurs.search import violations

TESTS = Path(__file__).parents[1]
IN_REACH = [one for one in PART.saboteurs if one.seed is not None]

pytestmark = pytest.mark.timeout(300)


def name_of(one: Saboteur) -> str:
    """Name a case."""
    return one.name


@pytest.fixture(scope="module")
def trials() -> dict[str, Any]:
    """Try all named tests in one process, each without its saboteur and with it."""
    names = [one.name for one in PART.saboteurs]
    command = [sys.executable, "-m", "support.saboteurs.trial", *names]
    done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = (json.loads(line) for line in done.stdout.splitlines())
    return {name: (without, sabotaged) for name, without, sabotaged in lines}


@pytest.mark.xdist_group("trials")  # on one worker, where they are tried once for all
@pytest.mark.parametrize("one", PART.saboteurs, ids=name_of)
def test_the_named_test_passes_without_and_fails_with_its_saboteur(
    one: Saboteur, trials: dict[str, Any]
) -> None:
    """It fails because the product is broken: the place was reached, and the patch is sound."""
    without, sabotaged = trials[one.name]
    assert without["passed"], f"{one.test} holds nothing"
    assert without["failures"] + without["blunders"] == []
    assert sabotaged["blunders"] == []
    assert sabotaged["reached"], f"the tests never came by the place that {one.name} breaks"
    assert sabotaged["failures"], f"{one.test} does not notice: {one.says} Again: {PART.again}"


@pytest.mark.parametrize("one", IN_REACH, ids=name_of)
def test_the_checker_sees_it_in_the_history_that_is_kept(one: Saboteur) -> None:
    """The same history is sound without the saboteur."""
    assert one.seed is not None
    assert violations(one.seed, None) == []
    assert violations(one.seed, one), f"history {one.seed} hides it: {one.says} Again: {PART.again}"
