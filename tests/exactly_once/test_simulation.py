"""Histories by seed, judged by the checker; a failing seed prints what happened.

More: `python -m support.simulation --seeds 0:5000`, from the folder `tests`.
"""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace

import pytest

from support.hash_seeds import printed_under_hash_seeds
from support.simulation.command import kept_seeds, play_portion
from support.simulation.drawing import FAMILIES, draw
from support.simulation.playing import play, play_scenario
from support.simulation.scenario import HOUR, Policy
from support.simulation.shrinking import MOST_RUNS
from support.simulation.sweeping import seldom_swept
from support.world import World
from zbatch.engine.loop import Engine

PORTIONS = 5
RUNS = 100  # a portion of each family: 3,000 in all
SAMPLE = 7


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("portion", range(PORTIONS))
def test_any_history_holds_what_must_hold(family: str, portion: int) -> None:
    """Whatever goes wrong, nothing is billed twice, no report lies, and healing settles all."""
    seeds = range(portion * RUNS, (portion + 1) * RUNS)
    count = play_portion(seeds, family, runs=RUNS, shrinking=MOST_RUNS)
    assert not count.failed, "\n\n".join(count.failed)
    assert count.runs >= RUNS


@pytest.mark.parametrize(("family", "seed"), kept_seeds())
def test_what_once_failed_holds(family: str, seed: int) -> None:
    """Seeds that have shown a fault are kept, and do not show it again."""
    assert play(seed, family) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_seed_gives_the_same_history(family: str) -> None:
    """Twice the same, byte for byte; and another seed is another history."""
    first, again, other = (play_scenario(draw(seed, family)) for seed in (SAMPLE, SAMPLE, 8))
    assert first.digest == again.digest != other.digest


def test_garbage_is_looked_for_seldom_within_histories_and_as_usual_after_them() -> None:
    """What is there before is left alone meanwhile, and nothing of that is left behind."""
    usual, left_alone = gc.get_threshold(), gc.get_freeze_count()
    with seldom_swept():
        assert gc.get_threshold()[0] > usual[0]
        assert gc.get_freeze_count() > left_alone
    assert gc.get_threshold() == usual
    assert gc.get_freeze_count() == 0


DIGESTS = """
from support.simulation.drawing import FAMILIES, draw
from support.simulation.playing import play_scenario
for family in FAMILIES:
    print(family, play_scenario(draw(0, family)).digest)
"""


def test_the_same_seed_gives_the_same_history_in_any_process() -> None:
    """Neither the order of sets nor what was played before takes part in it."""
    told = printed_under_hash_seeds(DIGESTS)
    assert told[0] == told[1]
    assert told[0].count("\n") == len(FAMILIES)


def test_a_run_without_an_end_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where time goes on and nothing ever comes of it a history says so, and does not hang."""

    async def never(*_: object) -> None:
        await asyncio.sleep(1000 * HOUR)

    monkeypatch.setattr(Engine, "_turn_of", never)
    played = play_scenario(replace(draw(SAMPLE, "crashes"), steps=(), policy=Policy()))
    assert played.violations[0] == "raised RuntimeError: no end: tasks go on after 48 hours"


def test_whatever_a_run_raises_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A history tells what is wrong; it raises nothing."""

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(World, "play", broken)
    assert play(SAMPLE, "crashes") == ["raised RuntimeError: a bug"]
