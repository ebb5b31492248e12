"""Each saboteur is caught: by the test that is named for it, and by the checker in reach."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
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


def test_each_named_test_passes_without_its_saboteur_and_fails_with_it() -> None:
    """It fails because the product is broken: the place was reached, and the patch is sound.

    All are tried in one process, which is cheaper than one each, and told of in one go.
    """
    names = [one.name for one in PART.saboteurs]
    command = [sys.executable, "-m", "support.saboteurs.trial", *names]
    done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = (json.loads(line) for line in done.stdout.splitlines())
    trials = {name: (without, sabotaged) for name, without, sabotaged in lines}
    wrong = [text for one in PART.saboteurs for text in complaints(one, *trials[one.name])]
    assert wrong == [], f"Again: {PART.again}"


def complaints(
    one: Saboteur, without: Mapping[str, Any], sabotaged: Mapping[str, Any]
) -> list[str]:
    """Say what is wrong with a saboteur, its named test, or with how the two met."""
    holds = [
        (without["passed"], f"{one.test} holds nothing"),
        (not without["failures"] + without["blunders"], f"{one.test} fails without {one.name}"),
        (not sabotaged["blunders"], f"{one.name} itself is wrong: {sabotaged['blunders']}"),
        (sabotaged["reached"], f"{one.test} never comes by what {one.name} breaks"),
        (sabotaged["failures"], f"{one.test} does not notice {one.name}: {one.says}"),
    ]
    return [text for held, text in holds if not held]


def test_a_saboteur_that_nobody_notices_is_complained_of() -> None:
    """Each way in which a trial proves nothing has its own sentence."""
    one = PART.saboteurs[0]
    well: dict[str, Any] = {"passed": 1, "failures": [], "blunders": [], "reached": 0}
    caught = {**well, "failures": ["a test"], "reached": 3}
    assert complaints(one, well, caught) == []
    assert len(complaints(one, {**well, "passed": 0}, caught)) == 1
    assert len(complaints(one, {**well, "failures": ["a test"]}, caught)) == 1
    assert len(complaints(one, well, {**caught, "blunders": ["TypeError"]})) == 1
    assert len(complaints(one, well, {**caught, "reached": 0})) == 1
    assert len(complaints(one, well, {**caught, "failures": []})) == 1


@pytest.mark.parametrize("one", IN_REACH, ids=name_of)
def test_the_checker_sees_it_in_the_history_that_is_kept(one: Saboteur) -> None:
    """The same history is sound without the saboteur."""
    assert one.seed is not None
    assert violations(one.seed, None) == []
    assert violations(one.seed, one), f"history {one.seed} hides it: {one.says} Again: {PART.again}"
