"""A tenant behind a proxy and authorities of its own, with its credentials in files."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from support.beside import beside
from support.disclosure import found_in
from support.hostile import RawServer
from support.processes import CANARY, Project, Tenant
from support.proxy import Proxy
from support.runs import IMPATIENT, Watch
from support.tunnel import Tunnel, tunnelling
from zbatch.app.api import Confirmation, RunOptions
from zbatch.app.run import run

Serve = Callable[..., Tenant]
ProjectAt = Callable[..., Project]


@dataclass(frozen=True)
class Way:
    """The tenant's https URL, the proxy before it, and the folder of the secret files."""

    url: str
    tunnel: Tunnel
    secrets: Path


@pytest.fixture
def served(serve: Serve) -> Tenant:
    return serve()


@pytest.fixture
def way(served: Tenant, project: Project, tmp_path: Path) -> Iterator[Way]:
    """Put TLS and a proxy before the tenant, and let the project's tenants file name both."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with beside(lambda: _opened(served.url, context)) as (url, tunnel):
        secrets = tmp_path / "secrets"
        secrets.mkdir()
        for name, text in (("id", "emulator"), ("secret", f"{CANARY}\n")):
            (secrets / name).write_text(text)
            (secrets / name).chmod(0o600)
        (project.folder / "ca.pem").write_bytes(authority.cert_pem.bytes())
        (project.folder / "tenants.yaml").write_text(
            f"version: 1\ntenants:\n  real:\n    base_url: {url}\n    proxy: {tunnel.url}\n"
            f"    ca_file: ca.pem\n    protected: true\n    credentials:\n"
            f"      client_id_file: {secrets}/id\n      client_secret_file: ~/secret\n"
        )
        del project.env["ZUORA_CLIENT_ID"], project.env["ZUORA_CLIENT_SECRET"]
        project.env |= {"HOME": str(secrets), "ZBATCH_DEBUG": "1"}
        project.env |= dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://localhost:9")
        yield Way(url, tunnel, secrets)


@pytest.fixture
def project(served: Tenant, project_at: ProjectAt) -> Project:
    return project_at(served)


@asynccontextmanager
async def _opened(url: str, context: ssl.SSLContext) -> AsyncIterator[tuple[str, Tunnel]]:
    address = urlsplit(url)
    assert address.hostname
    assert address.port
    front = Proxy((address.hostname, address.port))
    async with RawServer(front.script, context) as server, tunnelling() as tunnel:
        yield server.url, tunnel


def test_a_run_through_all_that_a_tenant_names(served: Tenant, project: Project, way: Way) -> None:
    """Proxy, authorities, files and protection together: each account billed once, in secret."""
    project.write(range(3))
    first = project.run("spec.yaml", "--confirm", "real", "-v", "--json")
    assert first.code == 0, first.said
    assert project.run("spec.yaml", "--confirm", "real").code == 0
    assert set(served.billed.values()) == {1}
    assert len(served.billed) == 3
    assert set(way.tunnel.targets) == {way.url.removeprefix("https://")}
    seen = {"heads": b"".join(way.tunnel.heads), "passed": bytes(way.tunnel.passed)}
    assert found_in(seen, [CANARY, *served.tokens]) == []


def test_f140_a_file_that_others_can_read_ends_it(
    served: Tenant, project: Project, way: Way
) -> None:
    """F140: exit 6 before the proxy is asked for anything; the file is named, never its text."""
    project.write([0])
    (way.secrets / "secret").chmod(0o644)
    client = project.run("spec.yaml", "--confirm", "real")
    assert client.code == 6
    assert f"The file {way.secrets}/secret has mode 0644" in client.said
    assert (way.tunnel.heads, served.asked) == ([], 0)


def test_f4_other_authorities_end_it(served: Tenant, project: Project, way: Way) -> None:
    """F4: behind the proxy a host that cannot prove who it is gets no credential; exit 6."""
    (project.folder / "ca.pem").write_bytes(trustme.CA().cert_pem.bytes())
    project.write([0])
    client = project.run("spec.yaml", "--confirm", "real")
    assert client.code == 6
    assert "could not prove who it is" in client.said
    assert served.asked == 0


def test_a_proxy_that_refuses_ends_it(
    served: Tenant, project: Project, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why the proxy lets nothing through is told once the patience with it is over."""
    monkeypatch.setenv("HOME", str(way.secrets))
    way.tunnel.refusal = b"HTTP/1.1 407 Ask\r\nContent-Length: 0\r\n\r\n"
    options = RunOptions(project.write([0]), confirmation=Confirmation("real"), patience=IMPATIENT)
    result = run(options, Watch())
    assert result.exit_code == 6
    assert result.stop
    assert "it asks for a password, which is not supported" in result.stop
    assert way.tunnel.heads
    assert served.asked == 0
