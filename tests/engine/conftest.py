"""Fixtures of the engine's tests."""

from __future__ import annotations

import pytest

from support.engine import Bench


@pytest.fixture
def bench() -> Bench:
    """Give a bench with the default limits."""
    return Bench()
