"""What the tests of the spec room share: a spec to vary, and a place to write it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

HEAD = "version: 1\nname: nov\ntenant: emulator\ndates: [{target_date: 2026-11-30}]\n"

Write = Callable[[str | bytes], Path]


@pytest.fixture
def head() -> str:
    """Give all that a spec needs but its accounts."""
    return HEAD


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Give a function that writes a spec and returns its path."""

    def writes(content: str | bytes) -> Path:
        path = tmp_path / "spec.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return writes


@pytest.fixture
def repository() -> Path:
    """Give the folder that holds schemas, specs and tenants.yaml."""
    return Path(__file__).parents[2]
