"""Histories by seed, judged by the checker; a failing seed prints what happened.

More: `python -m support.simulation --seeds 0:5000`, from the folder `tests`.
"""

from __future__ import annotations

import pytest

from support.simulation.command import play_portion
from support.simulation.drawing import FAMILIES

SEEDS_A_TEST = 10


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("first", range(0, 80, SEEDS_A_TEST))
def test_any_history_holds_what_must_hold(family: str, first: int) -> None:
    """Whatever goes wrong, nothing is billed twice, no report lies, and healing settles all."""
    count = play_portion(range(first, first + SEEDS_A_TEST), family, 20)
    assert not count.failed, "\n\n".join(count.failed)
