"""Keep replies and requests together on connections that are used again.

aiohttp gives what arrived on an idle connection to the next request, and returns a connection to
its pool as soon as a reply's last byte is in. Both classes close the gap by public seams alone.
"""

from __future__ import annotations

import asyncio

import aiohttp
from aiohttp.tracing import Trace


class CleanConnector(aiohttp.TCPConnector):
    """Hand out no connection on which something arrived that nobody had asked for."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the signature is aiohttp's
    ) -> aiohttp.connector.Connection:
        """Take a connection from the pool or open one; the caller's deadline bounds the search."""
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            if protocol is None or not protocol.should_close:
                return connection
            connection.close()


class HeldResponse(aiohttp.ClientResponse):
    """Remember the transport, to be able to close it once the pool has it again."""

    held: asyncio.Transport | None = None

    async def start(self, connection: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        """Read the head of the reply."""
        self.held = connection.transport
        return await super().start(connection)


def hang_up(response: aiohttp.ClientResponse) -> None:
    """Close a reply's connection even if it is idle in the pool by now.

    Only to be called before anything else is awaited after the head: later the connection may
    carry another request.
    """
    response.close()
    if isinstance(response, HeldResponse) and response.held is not None:
        response.held.abort()
