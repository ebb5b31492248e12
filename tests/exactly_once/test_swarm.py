"""Histories by seed; a failing seed prints what happened. More: python -m support.swarm 0 5000."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.swarm import play

SEEDS_A_TEST = 30


@pytest.mark.parametrize("first", range(0, 300, SEEDS_A_TEST))
def test_any_history_ends_with_each_item_billed_as_reported(first: int, tmp_path: Path) -> None:
    """Whatever goes wrong, nothing is billed twice, no report lies, and healing settles all."""
    for seed in range(first, first + SEEDS_A_TEST):
        play(seed, tmp_path / str(seed))
