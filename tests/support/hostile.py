"""A server on raw sockets that answers as badly as a test asks, and what talks to it."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from socket import SO_LINGER, SOL_SOCKET
from types import TracebackType
from typing import Self

from zbatch.model import Call, Charges, Credentials, Identity, Item, Source, Tenant
from zbatch.net.secret import Secret
from zbatch.net.sender import Sender
from zbatch.net.token import Token
from zbatch.net.transport import Endpoint
from zbatch.zuora.request import make_call, track_id
from zbatch.zuora.wire import Fault, Reply, Request

CANARY = "canary-bearer-8d0f3c"
ACCOUNT = "2c93808457d787030157e0306be53a75"
ROWS = b'[{"Success":true,"Id":"2c93808457d787030157e0306cd13a86"}]'


def reply_bytes(body: bytes = ROWS, status: str = "200 OK", *headers: str) -> bytes:
    """Build a well-formed reply; `headers` are further lines."""
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers)
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body


@dataclass
class Peer:
    """The server's side of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: RawServer

    async def request(self) -> bytes:
        """Read one whole request, head and body; EOF raises IncompleteReadError."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        lengths = [
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ]
        body = await self.reader.readexactly(sum(lengths))
        self.server.requests.append(head + body)
        return head + body

    async def say(self, data: bytes) -> None:
        """Write bytes and wait until the transport has taken them."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Break the connection with RST instead of an end."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class RawServer:
    """Run one script for each connection on a loopback port, and keep what was seen.

    A connection is closed when its script ends; the script's own read errors end it quietly.
    """

    script: Script
    tls: ssl.SSLContext | None = None
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()  # a script that never began has not closed its connection
        await self._server.wait_closed()
        await asyncio.sleep(0)  # transports close on the loop's next turn

    @property
    def url(self) -> str:
        """The base URL."""
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}"

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        task = asyncio.get_running_loop().create_task(self._serve(Peer(reader, writer, self)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, peer: Peer) -> None:
        try:
            await self.script(peer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            peer.writer.close()


def always(data: bytes) -> Script:
    """Answer each request of a connection with the same bytes."""

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.say(data)

    return script


def once(data: bytes) -> Script:
    """Answer one request with these bytes, then end the connection."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(data)

    return script


def tenant_at(url: str) -> Tenant:
    """Describe a tenant at a base URL."""
    return Tenant("test", url, url.partition("//")[2], Credentials("ID", "SECRET"))


def endpoint_at(
    url: str, timeout: float = 5.0, connections: int = 4, tls: ssl.SSLContext | None = None
) -> Endpoint:
    """Describe how to reach a test server."""
    return Endpoint(tenant_at(url), timeout, connections, lambda: datetime.now(UTC), tls)


def call_of(day: int = 30) -> Call:
    """Build a call of one item."""
    when = date(2026, 11, day)
    item = Item(Identity(ACCOUNT, when), when, Charges(), Source("spec.yaml", 1))
    return make_call(tenant_at("https://rest.test.zuora.com"), [item], 0)


def request_of(call: Call, attempt: int = 1) -> Request:
    """Build one send of a call."""
    return Request(call.key, call.wire, track_id(call.key, "testrun", attempt))


class FixedTokens:
    """Tokens that never fail: the canary, with a serial above what is stale."""

    def ready(self, stale: int | None) -> bool:
        """Have one in hand."""
        return True

    async def token(self, stale: int | None) -> Token:
        """Give the canary."""
        return Token(Secret(CANARY), (stale or 0) + 1)


async def exchange(script: Script, seconds: float = 5.0) -> tuple[Reply | Fault, RawServer]:
    """Send one call to a server with this script."""
    async with (
        RawServer(script) as server,
        Sender(endpoint_at(server.url, seconds), FixedTokens()) as sender,
    ):
        return await sender.send(request_of(call_of())), server
