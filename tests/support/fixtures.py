"""Fixtures that several folders share; a conftest imports those that its tests are to have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.leaks import nothing_left
from support.world import World


@pytest.fixture(autouse=True)
def nothing_is_left_open() -> Iterator[None]:
    """Hold that a test gives back its descriptors, threads and tasks."""
    with nothing_left():
        yield


@pytest.fixture
def make_world() -> Iterator[Callable[..., World]]:
    """Give worlds on virtual time, each with hosts of its own."""
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
