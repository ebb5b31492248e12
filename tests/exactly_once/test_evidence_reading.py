"""What the evidence says that a tenant has counted is what the tenant says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.engine import item
from support.world import World
from zbatch.emulator import EmulatorConfig, Modes, Scheduled, ServerLimits
from zbatch.emulator.catalogue import fault
from zbatch.emulator.config import Stored
from zbatch.model import Rate

DAILY = 1000
COUNTED = [
    Scheduled(fault("unauthorized"), action="generate", at=1),
    Scheduled(fault("status", status=401, stored=True), action="generate", at=1),
]
REVOKED = Scheduled(fault("tokens_revoked"), action="generate", at=1)


@pytest.mark.parametrize("stored", Stored)
@pytest.mark.parametrize("mishap", [REVOKED, *COUNTED])
def test_only_a_dead_token_is_turned_away_before_it_is_counted(
    make_world: Callable[..., World], stored: Stored, mishap: Scheduled
) -> None:
    """Not what was answered with 401 for another reason, nor what repeats such an answer."""
    rates = (Rate(DAILY, 86_400.0),)
    limits, modes = ServerLimits(rates=rates), Modes(stored=stored)
    config = EmulatorConfig(Path("unused"), limits=limits, modes=modes)
    world = make_world(config=config)
    world.faults.switch([mishap])
    world.run([item(1)])
    arrivals = [one for one in world.evidence().arrivals if one.track is not None]
    left = int(world.tenant.quota.headers(world.timeline.now)["ratelimit-remaining"])
    assert sum(not one.turned_away for one in arrivals) == DAILY - left
    assert sum(one.turned_away for one in arrivals) == (mishap is REVOKED)
