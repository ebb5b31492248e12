"""A tenant's own proxy and certificate authorities: for tokens and calls alike."""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from support.hostile import (
    CANARY,
    ROWS,
    FixedTokens,
    Peer,
    RawServer,
    always,
    call_of,
    once,
    reply_bytes,
    request_of,
    tenant_at,
)
from support.tunnel import Tunnel, tunnelling
from zbatch.errors import CannotStart
from zbatch.net.secret import Secret
from zbatch.net.sender import Sender
from zbatch.net.token import TokenFailure, TokenSource, TokenUnavailable
from zbatch.net.transport import Endpoint, tls_context
from zbatch.zuora.wire import Fault, FaultKind, Reply

CREDENTIALS = (Secret("canary-id-77"), Secret("canary-secret-77"))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Make a certificate authority."""
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    """Give its certificate as a file."""
    path = tmp_path / "ca.pem"
    path.write_bytes(authority.cert_pem.bytes())
    return path


@pytest.fixture(scope="module")
def served(authority: trustme.CA) -> ssl.SSLContext:
    """Build the context of a server at localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def endpoint(url: str, ca_file: Path | None, proxy: str | None, timeout: float = 5.0) -> Endpoint:
    """Reach a server as the application does for a tenant that names both."""
    tenant = replace(tenant_at(url), proxy=proxy, ca_file=ca_file)
    return Endpoint(tenant, timeout, 4, lambda: datetime.now(UTC), tls_context(ca_file))


async def tenant_script(peer: Peer) -> None:
    """Grant a token, then answer calls."""
    granted = json.dumps({"access_token": CANARY, "expires_in": 3600}).encode()
    while True:
        request = await peer.request()
        await peer.say(reply_bytes(granted if b"/oauth/token" in request[:40] else ROWS))


def send_through(
    served: ssl.SSLContext,
    ca_file: Path | None,
    refusal: bytes = b"",
    proxy_tls: ssl.SSLContext | None = None,
) -> tuple[Reply | Fault, RawServer, Tunnel]:
    """Get a token and send a call, both through a proxy."""

    async def run() -> tuple[Reply | Fault, RawServer, Tunnel]:
        async with (
            RawServer(tenant_script, served) as server,
            tunnelling(refusal, proxy_tls) as tunnel,
        ):
            at = endpoint(server.url, ca_file, tunnel.url)
            async with TokenSource(at, CREDENTIALS) as tokens, Sender(at, tokens) as sender:
                return await sender.send(request_of(call_of())), server, tunnel

    return asyncio.run(run())


def test_token_and_call_go_through_the_proxy(served: ssl.SSLContext, ca_file: Path) -> None:
    """Both are tunnelled to the tenant's host; the proxy sees host and port and nothing else."""
    answer, server, tunnel = send_through(served, ca_file)
    assert isinstance(answer, Reply)
    assert answer.body == ROWS
    assert tunnel.targets == [f"localhost:{server.port}"] * 2
    assert [head.split(b" ")[1].partition(b"?")[0] for head in server.requests] == [
        b"/oauth/token",
        b"/v1/action/generate",
    ]
    seen = b"".join(tunnel.heads) + bytes(tunnel.passed)
    assert len(tunnel.passed) > 1000
    for secret in (b"canary", b"uthorization", b"zb1-", b"AccountId", b"/v1/", b"/oauth"):
        assert secret not in seen


def test_the_proxy_itself_may_be_reached_by_https(served: ssl.SSLContext, ca_file: Path) -> None:
    """An https proxy is held to the same authorities, and tunnels TLS within TLS."""
    answer, _, tunnel = send_through(served, ca_file, proxy_tls=served)
    assert isinstance(answer, Reply)
    assert len(tunnel.heads) == 2


def test_a_proxy_without_proof_is_asked_for_nothing(served: ssl.SSLContext, ca_file: Path) -> None:
    """An https proxy whose certificate is not of these authorities gets no byte of HTTP."""
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(stranger)
    answer, server, tunnel = send_through(served, ca_file, proxy_tls=stranger)
    assert isinstance(answer, Fault)
    assert (answer.kind, answer.sent) == (FaultKind.CERTIFICATE, False)
    assert (server.requests, tunnel.heads) == ([], [])


def test_a_proxy_cannot_stand_in_for_the_tenant(served: ssl.SSLContext, ca_file: Path) -> None:
    """What answers behind the proxy must prove to be the tenant: else no credential leaves."""
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(stranger)
    answer, server, _ = send_through(stranger, ca_file)
    assert isinstance(answer, Fault)
    assert (answer.kind, answer.sent) == (FaultKind.CERTIFICATE, False)
    assert server.requests == []


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("407 Proxy Authentication Required", "it asks for a password, which is not supported"),
        ("403 Forbidden", "HTTP 403"),
        ("502 canary", "HTTP 502"),
        ("302 Found", "HTTP 302"),
    ],
)
def test_what_a_proxy_refuses_was_not_sent(
    served: ssl.SSLContext, ca_file: Path, status: str, told: str
) -> None:
    """A proxy that lets nothing through is no connection, on proof, and its words are not shown."""
    refusal = reply_bytes(b"<canary>", status, "Location: https://elsewhere.example/")

    async def run() -> tuple[Reply | Fault, RawServer]:
        async with RawServer(tenant_script, served) as server, tunnelling(refusal) as tunnel:
            at = endpoint(server.url, ca_file, tunnel.url)
            async with Sender(at, FixedTokens()) as sender:
                return await sender.send(request_of(call_of())), server

    answer, server = asyncio.run(run())
    assert isinstance(answer, Fault)
    assert (answer.kind, answer.sent) == (FaultKind.CONNECT, False)
    assert answer.detail == f"the proxy let nothing through: {told}"
    assert server.connections == 0


@pytest.mark.parametrize("refusal", [b"", b"HTTP/1.1 2", b"\x15\x03\x01 no proxy at all\r\n\r\n"])
def test_a_proxy_that_breaks_off_has_sent_nothing(
    served: ssl.SSLContext, ca_file: Path, refusal: bytes
) -> None:
    """A tunnel that never stood is proof that no byte of the call left."""

    async def run() -> Reply | Fault:
        async def script(peer: Peer) -> None:
            await peer.reader.readuntil(b"\r\n\r\n")
            await peer.say(refusal)

        async with RawServer(tenant_script, served) as server, RawServer(script) as proxy:
            at = endpoint(server.url, ca_file, proxy.url)
            async with Sender(at, FixedTokens()) as sender:
                return await sender.send(request_of(call_of()))

    answer = asyncio.run(run())
    assert isinstance(answer, Fault)
    assert not answer.sent


def test_a_proxy_that_is_silent_has_sent_nothing(served: ssl.SSLContext, ca_file: Path) -> None:
    """The deadline of a call holds for the way through the proxy too."""

    async def run() -> Reply | Fault:
        async def script(peer: Peer) -> None:
            await peer.reader.read()

        async with RawServer(tenant_script, served) as server, RawServer(script) as proxy:
            at = endpoint(server.url, ca_file, proxy.url, 0.2)
            async with Sender(at, FixedTokens()) as sender:
                return await sender.send(request_of(call_of()))

    answer = asyncio.run(run())
    assert isinstance(answer, Fault)
    assert (answer.kind, answer.sent) == (FaultKind.CONNECT, False)


def test_without_the_proxy_there_is_no_way_around_it(served: ssl.SSLContext, ca_file: Path) -> None:
    """A proxy that is gone is no reason to connect directly: the token is not asked for either."""

    async def run() -> tuple[str, int]:
        async with RawServer(tenant_script, served) as server:
            async with RawServer(always(ROWS)) as proxy:
                gone = proxy.url
            async with TokenSource(endpoint(server.url, ca_file, gone), CREDENTIALS) as tokens:
                with pytest.raises(TokenUnavailable) as caught:
                    await tokens.token(None)
            return str(caught.value), server.connections

    told, connections = asyncio.run(run())
    assert told.startswith("token request: no connection to the proxy")
    assert connections == 0


def test_no_proxy_is_taken_from_the_environment(
    served: ssl.SSLContext, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTPS_PROXY and NO_PROXY say nothing: a tenant's own entry alone decides."""

    async def run() -> tuple[Reply | Fault, list[str], list[str]]:
        async with (
            RawServer(tenant_script, served) as server,
            tunnelling() as named,
            tunnelling() as planted,
        ):
            for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
                monkeypatch.setenv(name, planted.url)
            monkeypatch.setenv("NO_PROXY", "localhost")
            monkeypatch.setenv("no_proxy", "*")
            for proxy in (named.url, None):
                at = endpoint(server.url, ca_file, proxy)
                async with Sender(at, FixedTokens()) as sender:
                    answer = await sender.send(request_of(call_of()))
            return answer, named.targets, planted.targets

    answer, named, planted = asyncio.run(run())
    assert isinstance(answer, Reply)
    assert (len(named), planted) == (1, [])


def test_a_redirect_is_not_followed_through_a_proxy(served: ssl.SSLContext, ca_file: Path) -> None:
    """F22: credentials and calls go to the host that the tenant names, whatever it answers."""

    async def run() -> tuple[list[str], Reply | Fault, int]:
        async with RawServer(always(reply_bytes()), served) as elsewhere, tunnelling() as tunnel:
            moved = reply_bytes(b"", "307 Moved", f"Location: {elsewhere.url}/v1/action/generate")
            async with RawServer(once(moved), served) as server:
                at = endpoint(server.url, ca_file, tunnel.url)
                async with Sender(at, FixedTokens()) as sender:
                    answer = await sender.send(request_of(call_of()))
                assert tunnel.targets == [f"localhost:{server.port}"]
            return tunnel.targets, answer, elsewhere.connections

    _, answer, elsewhere = asyncio.run(run())
    assert isinstance(answer, Reply)
    assert (answer.status, elsewhere) == (307, 0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_credentials_follow_no_redirect(served: ssl.SSLContext, ca_file: Path, status: int) -> None:
    """F22: a token endpoint that points elsewhere, 307 with the whole form, is left at that."""

    async def run() -> tuple[str, int]:
        async with RawServer(always(reply_bytes()), served) as elsewhere:
            to = f"Location: {elsewhere.url}/oauth/token"
            async with RawServer(once(reply_bytes(b"", f"{status} Moved", to)), served) as server:
                at = endpoint(server.url, ca_file, None)
                async with TokenSource(at, CREDENTIALS) as tokens:
                    with pytest.raises(TokenFailure) as caught:
                        await tokens.token(None)
            return str(caught.value), elsewhere.connections

    told, elsewhere = asyncio.run(run())
    assert f"HTTP {status}" in told
    assert elsewhere == 0


def test_the_authorities_of_a_file_replace_the_systems(ca_file: Path) -> None:
    """With a `ca_file` nobody else can vouch for a host, and all checks stay as they are."""
    context = tls_context(ca_file)
    assert len(context.get_ca_certs()) == 1
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname is True
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.keylog_filename is None


def test_a_file_may_hold_several_authorities(ca_file: Path) -> None:
    """A bundle is read whole, with the comments between its certificates."""
    more = trustme.CA().cert_pem.bytes()
    ca_file.write_bytes(ca_file.read_bytes() + b"# another one\n" + more)
    assert len(tls_context(ca_file).get_ca_certs()) == 2


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (None, "No such file or directory"),
        (b"", "no certificates in PEM"),
        (b"canary", "no certificates in PEM"),
        (b"-----BEGIN CERTIFICATE-----\ncanary\n-----END CERTIFICATE-----\n", "no certificates"),
    ],
)
def test_certificates_that_cannot_be_read_end_it(
    tmp_path: Path, data: bytes | None, told: str
) -> None:
    """A `ca_file` that is gone or damaged is told before anything is sent, without its text."""
    path = tmp_path / "ca.pem"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(CannotStart, match=told) as caught:
        tls_context(path)
    assert str(path) in str(caught.value)
    assert "canary" not in str(caught.value)
