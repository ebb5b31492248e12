"""Projects, tenants and worlds for the faults, and no secret in anything that a test leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support.behind import Behind
from support.beside import beside
from support.disclosure import files_in, found_in
from support.fixtures import make_world, nothing_is_left_open, world
from support.proxy import Plan, proxying
from support.runs import Project, away, judge_by

__all__ = ["make_world", "nothing_is_left_open", "world"]

CLIENT_ID = "canary-client-2f9b41"
CLIENT_SECRET = "canary-secret-+/=7d30c5"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Give a project, and canaries for credentials."""
    monkeypatch.setenv("ZUORA_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("ZUORA_CLIENT_SECRET", CLIENT_SECRET)
    (tmp_path / "project").mkdir()
    project = Project(tmp_path / "project")
    project.tenants()
    return project


@pytest.fixture
def secrets() -> set[str]:
    """Collect what must be found nowhere: the credentials, and each token that was issued."""
    return {CLIENT_ID, CLIENT_SECRET}


@pytest.fixture
def behind(project: Project, tmp_path: Path, secrets: set[str]) -> Iterator[Callable[..., Behind]]:
    """Give a function that starts a tenant behind a proxy; a direct run passes it by.

    Each run is judged by what the tenant holds, unless `unjudged` says why it cannot be.
    """
    with ExitStack() as stack:

        def start(
            plan: Plan = lambda passage: None,
            *,
            direct: bool = False,
            unjudged: str = "",
            **settings: Any,
        ) -> Behind:
            values = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **settings}
            tenant = stack.enter_context(away(tmp_path / "tenant", **values))
            proxy = stack.enter_context(beside(lambda: proxying(tenant.url, plan)))
            proxy.secrets = secrets
            for url in (tenant.url, proxy.url):
                judge_by(url, None if unjudged else tenant.billing.folder)
            project.tenants(real=tenant.url if direct else proxy.url)
            return Behind(project, tenant, proxy)

        yield start


@pytest.fixture(autouse=True)
def no_secret_is_left(
    tmp_path: Path,
    secrets: set[str],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[None]:
    """Find no secret in any file, log or line on the terminal, in any spelling."""
    caplog.set_level("DEBUG")
    yield
    told = capfd.readouterr()
    said = {"log": caplog.text, "stdout": told.out, "stderr": told.err}
    outputs = files_in(tmp_path) | {name: text.encode() for name, text in said.items()}
    assert found_in(outputs, secrets) == []
