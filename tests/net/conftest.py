"""What holds for every test of this room: nothing secret is logged."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from support.fixtures import nothing_is_left_open

__all__ = ["nothing_is_left_open"]


@pytest.fixture(autouse=True)
def no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Log everything that anybody logs, and find no secret of the tests in it."""
    caplog.set_level(logging.DEBUG)
    yield
    assert "canary" not in caplog.text
