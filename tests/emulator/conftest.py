"""A tenant on virtual time for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.emulator import Driver, driving


@pytest.fixture
def driver() -> Iterator[Driver]:
    """Drive a tenant with the default settings."""
    with driving() as one:
        yield one
