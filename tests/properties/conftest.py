"""A failure is made short before it is shown, and a soak takes as long as it takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.budget import PROFILE

SECONDS = 0 if PROFILE == "soak" else 600  # 0: no limit


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the properties of this folder more time than other tests."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(SECONDS))
