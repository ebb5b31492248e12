"""TLS: a host that cannot prove who it is gets no byte of HTTP, and no session key is written."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from support.hostile import (
    ROWS,
    FixedTokens,
    Peer,
    RawServer,
    always,
    call_of,
    endpoint_at,
    once,
    reply_bytes,
    request_of,
)
from zbatch.net.sender import Sender
from zbatch.net.transport import tls_context
from zbatch.zuora.wire import Fault, FaultKind, Reply


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Make a certificate authority."""
    return trustme.CA()


def serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Build a server's context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """Build our own context, with one more authority to trust."""
    context = tls_context()
    authority.configure_trust(context)
    return context


async def send_to(
    served: ssl.SSLContext, trusted: ssl.SSLContext | None
) -> tuple[Reply | Fault, RawServer]:
    """Send one call to a TLS server."""
    async with (
        RawServer(always(reply_bytes()), served) as server,
        Sender(endpoint_at(server.url, tls=trusted), FixedTokens()) as sender,
    ):
        return await sender.send(request_of(call_of())), server


def test_a_trusted_host_is_served(authority: trustme.CA) -> None:
    """With a certificate of a trusted authority for this very host the call goes through."""
    certificate = authority.issue_cert("localhost")
    answer, _ = asyncio.run(send_to(serving(certificate), trusting(authority)))
    assert isinstance(answer, Reply)
    assert answer.body == ROWS


@pytest.mark.parametrize("fault", ["unknown authority", "wrong host", "expired", "system trust"])
def test_f4_a_host_without_proof_gets_nothing(authority: trustme.CA, fault: str) -> None:
    """Self-signed, foreign and expired certificates end before the first byte of HTTP."""
    past = datetime.now(UTC) - timedelta(days=1)
    certificate = {
        "unknown authority": lambda: trustme.CA().issue_cert("localhost"),
        "wrong host": lambda: authority.issue_cert("rest.zuora.com"),
        "expired": lambda: authority.issue_cert("localhost", not_after=past),
        "system trust": lambda: authority.issue_cert("localhost"),
    }[fault]()
    trusted = None if fault == "system trust" else trusting(authority)
    answer, server = asyncio.run(send_to(serving(certificate), trusted))
    assert isinstance(answer, Fault)
    assert (answer.kind, answer.sent) == (FaultKind.CERTIFICATE, False)
    assert server.requests == []


def test_a_host_that_speaks_no_tls_gets_nothing(authority: trustme.CA) -> None:
    """A failed handshake is no connection, and no certificate trouble either."""

    async def plain(peer: Peer) -> None:
        await peer.reader.read(1)
        await peer.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def run() -> Reply | Fault:
        async with RawServer(plain) as server:
            url = server.url.replace("http:", "https:")
            async with Sender(endpoint_at(url), FixedTokens()) as sender:
                return await sender.send(request_of(call_of()))

    answer = asyncio.run(run())
    assert isinstance(answer, Fault)
    assert (answer.kind, answer.sent) == (FaultKind.CONNECT, False)


def test_a_truncated_tls_reply_is_a_fault(authority: trustme.CA) -> None:
    """A reply cut short is a fault on an encrypted connection as well."""

    async def run() -> Reply | Fault:
        served = serving(authority.issue_cert("localhost"))
        async with (
            RawServer(once(reply_bytes()[:-1]), served) as server,
            Sender(endpoint_at(server.url, tls=trusting(authority)), FixedTokens()) as sender,
        ):
            return await sender.send(request_of(call_of()))

    answer = asyncio.run(run())
    assert isinstance(answer, Fault)
    assert (answer.kind, answer.sent) == (FaultKind.GARBLED, True)


def test_our_context_verifies() -> None:
    """The context checks certificates and host names, and takes no protocol before TLS 1.2."""
    context = tls_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname is True
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.keylog_filename is None


def test_session_keys_are_never_written(tmp_path: Path) -> None:
    """Even where SSLKEYLOGFILE asks for it, our connections leave no key in the file."""
    keys = tmp_path / "keys"
    path = (str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH", ""))
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("keylog_probe.py"))],
        env={**os.environ, "SSLKEYLOGFILE": str(keys), "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("200", "")
    written = keys.read_text() if keys.exists() else ""
    assert "SECRET" not in written
    assert "CLIENT_RANDOM" not in written
