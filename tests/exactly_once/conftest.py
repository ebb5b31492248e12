"""Worlds for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.world import World


@pytest.fixture
def make_world() -> Iterator[Callable[..., World]]:
    """Give worlds, each with hosts of its own."""
    worlds: list[World] = []

    def make(**settings: Any) -> World:
        worlds.append(World(**settings))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """Give a world whose tenant bills again on every second generate."""
    return make_world()
