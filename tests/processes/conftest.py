"""An emulated tenant, a project and its processes; what they leave behind holds no secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.disclosure import files_in, found_in
from support.processes import CANARY, Parent, Project, Tenant, tenant


@pytest.fixture(scope="session")
def warm() -> Iterator[Parent]:
    """Import the command once for all clients."""
    parent = Parent()
    yield parent
    parent.close()


@pytest.fixture
def serve(tmp_path: Path, warm: Parent) -> Iterator[Callable[..., Tenant]]:
    """Start emulated tenants: `serve(modes, book, faults)`, as `support.processes.tenant` says."""
    with ExitStack() as stack:
        names = iter(range(10))
        yield lambda modes=None, book="", faults=(): stack.enter_context(
            tenant(warm, tmp_path / f"tenant-{next(names)}", modes, book, faults)
        )


@pytest.fixture
def project_at(tmp_path: Path, warm: Parent) -> Iterator[Callable[..., Project]]:
    """Make projects that bill on a tenant; in the end none of their files holds a secret.

    F142, F143: whatever a test of this room does to a run, neither the client secret nor a token
    is found in what it said, reported, recorded or kept.
    """
    made: list[tuple[Project, Tenant]] = []

    def make(served: Tenant, name: str = "project") -> Project:
        made.append((Project(tmp_path / name, served.url, warm), served))
        return made[-1][0]

    try:
        yield make
    finally:
        warm.end_clients()
    for project, served in made:
        secrets = [CANARY, *served.tokens]
        assert found_in(files_in(project.folder, project.said), secrets) == []
