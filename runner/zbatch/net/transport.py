"""Speak HTTP with one tenant: one POST, read to a proved end within bounds, never repeated."""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import aiohttp

from zbatch import __version__
from zbatch.errors import CannotStart
from zbatch.model import Tenant
from zbatch.net.connection import FLIGHT, CleanConnector, Flight, HeldResponse
from zbatch.zuora.headers import JSON, KEPT
from zbatch.zuora.text import one_line

BODY_CAP = 4 * 1024 * 1024
"""Bytes of a body, before decompression and after."""

CONNECT_SECONDS = 30.0
HEADER_CAP = 8190
_KEPT_VALUE_LIMIT = 1000
_BODILESS = frozenset({204, 304})


class Garbled(Exception):
    """A reply that cannot be read to a proved end; the text is ours alone."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How to reach a tenant: seconds for one exchange, connections at once, TLS trust, the clock.

    Without `tls` the system's certificate authorities decide. `now` gives aware wall-clock time.
    """

    tenant: Tenant
    timeout: float
    connections: int
    now: Callable[[], datetime]
    tls: ssl.SSLContext | None = None


def tls_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Build the trust in the system's certificate authorities, with host names checked.

    Or in those of a file alone; raise CannotStart where it cannot be read. Not by
    ssl.create_default_context, which writes session keys wherever SSLKEYLOGFILE says.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return context
    try:
        context.load_verify_locations(cafile=ca_file)
    except OSError as error:  # an SSLError is one too
        why = error.strerror if not isinstance(error, ssl.SSLError) else "no certificates in PEM"
        raise CannotStart(f"The file {ca_file} of `ca_file` cannot be used: {why}.") from error
    return context


def open_session(endpoint: Endpoint) -> aiohttp.ClientSession:
    """Open a session that adds nothing of its own: no redirects, cookies or repeats.

    Nor a proxy, unless the tenant names one. It serves a tenant at an https URL as a tunnel, which
    sees host and port and no byte of what is said.
    """
    secure = endpoint.tenant.base_url.startswith("https:")
    connector = CleanConnector(
        limit=endpoint.connections,
        ssl=(endpoint.tls or tls_context()) if secure else True,
    )
    return aiohttp.ClientSession(
        connector=connector,
        headers={"User-Agent": f"zbatch/{__version__}", "Accept": JSON},
        response_class=HeldResponse,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        proxy=endpoint.tenant.proxy,
        trust_env=False,
        raise_for_status=False,
        # The exchange as a whole has its deadline; only connecting is cut earlier.
        timeout=aiohttp.ClientTimeout(
            total=None, sock_connect=min(CONNECT_SECONDS, endpoint.timeout)
        ),
        max_line_size=HEADER_CAP,
        max_field_size=HEADER_CAP,
    )


async def post(
    session: aiohttp.ClientSession,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    flight: Flight,
) -> aiohttp.ClientResponse:
    """Post once and give the reply with its body unread, to be read as a context."""
    FLIGHT.set(flight)
    flight.sent = True  # until the connector takes it back
    return await session.post(url, headers=headers, data=body, allow_redirects=False)


def kept_headers(
    response: aiohttp.ClientResponse, hide: Callable[[str], str] = str
) -> dict[str, str]:
    """Keep the headers worth keeping, in lower case, repeated ones joined by a comma.

    `hide` takes a secret out of a value, before it is cut.
    """
    told = [
        (lower, value)
        for name, value in response.headers.items()
        if (lower := name.lower()) in KEPT
    ]
    if not _harmless(" ".join([value for _, value in told]), hide):
        told = [(name, one_line(hide(value), _KEPT_VALUE_LIMIT)) for name, value in told]
    kept: dict[str, str] = {}
    for name, value in told:
        kept[name] = f"{kept[name]}, {value}" if name in kept else value
    return kept


def _harmless(text: str, hide: Callable[[str], str]) -> bool:
    """Tell whether no part of a text holds what is to be hidden, cut or made safe."""
    return one_line(text, _KEPT_VALUE_LIMIT) == text and hide(text) == text


async def read_body(response: aiohttp.ClientResponse) -> bytes:
    """Read and decompress a body; raise Garbled unless it is whole and within the cap."""
    headers = response.headers
    if (
        "Content-Length" not in headers
        and headers.get("Transfer-Encoding", "").strip().lower() != "chunked"
        and response.status not in _BODILESS
    ):
        # Such a body ends where the connection does, whether or not that was its end.
        raise Garbled("the reply does not say where it ends")
    parts: list[bytes] = []
    size = 0
    while part := await response.content.readany():
        size += len(part)
        if size > BODY_CAP:
            raise Garbled("the reply is too long")
        parts.append(part)
    return _decoded(b"".join(parts), headers.get("Content-Encoding", ""))


def _decoded(data: bytes, encoding: str) -> bytes:
    coding = encoding.strip().lower()
    if coding in ("", "identity") or not data:
        return data
    if coding not in ("gzip", "x-gzip"):
        raise Garbled("the reply is compressed in a way that was not asked for")
    inflater = zlib.decompressobj(wbits=31)
    try:
        text = inflater.decompress(data, BODY_CAP + 1)
    except zlib.error as error:
        raise Garbled("the reply is not valid gzip") from error
    if len(text) > BODY_CAP:
        raise Garbled("the reply is too long once decompressed")
    if not inflater.eof or inflater.unused_data:
        raise Garbled("the reply is cut short or followed by something else")
    return text
