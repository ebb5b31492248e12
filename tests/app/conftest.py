"""Projects, and tenants that a run reaches like real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support.fixtures import nothing_is_left_open
from support.runs import Away, Project, away

__all__ = ["nothing_is_left_open"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Give a project whose tenants file names the emulator's account book alone."""
    monkeypatch.setenv("ZUORA_CLIENT_ID", "emulator")
    monkeypatch.setenv("ZUORA_CLIENT_SECRET", "emulator")
    (tmp_path / "project").mkdir()
    project = Project(tmp_path / "project")
    project.tenants()
    return project


@pytest.fixture
def tenant(project: Project, tmp_path: Path) -> Iterator[Callable[..., Away]]:
    """Give a function that starts a tenant, which the project knows as `real`."""
    with ExitStack() as stack:

        def start(**settings: Any) -> Away:
            started = stack.enter_context(away(tmp_path / "tenant", **settings))
            project.tenants(real=started.url)
            return started

        yield start
