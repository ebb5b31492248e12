"""A CONNECT proxy on loopback: it passes bytes through, or refuses, and keeps what it was asked."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from support.hostile import Peer, RawServer


@dataclass
class Tunnel:
    """The proxy's address, the heads of the requests it got, and all bytes that went through."""

    url: str = ""
    refusal: bytes = b""  # what it says instead of letting anything through
    heads: list[bytes] = field(default_factory=list)
    passed: bytearray = field(default_factory=bytearray)

    @property
    def targets(self) -> list[str]:
        """Tell the hosts and ports that were asked for."""
        return [head.split(b" ")[1].decode() for head in self.heads]

    async def script(self, peer: Peer) -> None:
        """Serve one connection."""
        head = await peer.reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        if self.refusal or not head.startswith(b"CONNECT "):
            await peer.say(self.refusal or b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n")
            return
        host, _, port = head.split(b" ")[1].decode().rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            await peer.say(b"HTTP/1.1 200 Connection established\r\n\r\n")
            there = asyncio.create_task(self._pass(peer.reader, writer))
            back = asyncio.create_task(self._pass(reader, peer.writer))
            await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
            for task in (there, back):
                task.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
        finally:
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            self.passed += data
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def tunnelling(
    refusal: bytes = b"", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Tunnel]:
    """Run a proxy; with `tls` it is reached by https."""
    tunnel = Tunnel(refusal=refusal)
    async with RawServer(tunnel.script, tls) as server:
        tunnel.url = server.url
        yield tunnel
