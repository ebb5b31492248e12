"""Trouble that a seed draws: some faults of the catalogue, each for a while only."""

from __future__ import annotations

from zbatch.emulator.catalogue import CATALOGUE
from zbatch.emulator.catalogue.known import Known
from zbatch.emulator.chance import Draws
from zbatch.emulator.schedule import ANY, CONNECTION, Scheduled

LEAST, MOST = 3, 8
MOST_TIMES = 5


def draw_faults(seed: int) -> tuple[Scheduled, ...]:
    """Draw what goes wrong: the same seed draws the same.

    Only faults are drawn that a run and its repetition get over, and each happens a few times at
    most, so that trouble ends.
    """
    draws = Draws(seed)
    left = [known for known in CATALOGUE.values() if known.random]
    drawn = []
    for _ in range(draws.between(LEAST, MOST)):
        known = draws.one_of(left)
        left.remove(known)
        drawn.append(_schedule(known, draws))
    return tuple(drawn)


def _schedule(known: Known, draws: Draws) -> Scheduled:
    actions = [action for action in known.actions if action not in (ANY, CONNECTION)]
    mishap = known.make(draws.one_of(known.random))
    chance = draws.between(2, 30) / 100
    times = draws.between(1, MOST_TIMES)
    return Scheduled(mishap, chance=chance, action=draws.one_of(actions), times=times)
