"""Keep replies and requests together on connections that are used again.

aiohttp gives what arrived on an idle connection to the next request, and returns a connection to
its pool as soon as a reply's last byte is in. These classes close the gap by public seams alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType

import aiohttp
from aiohttp.tracing import Trace


class TooLate(Exception):
    """What was to leave has become too old while a connection was looked for: nothing has left."""


@dataclass(slots=True)
class Flight:
    """Follow one send: `sent` is False for as long as it is proved that no byte has left.

    `had` tells whether it ever had a connection: what looks for another one proves nothing. `late`
    tells whether it may not leave any more.
    """

    sent: bool = False
    started_at: datetime | None = None
    had: bool = False
    late: Callable[[], bool] = bool  # never


FLIGHT: ContextVar[Flight] = ContextVar("FLIGHT")
"""The send that the task at work is about."""


class CleanConnector(aiohttp.TCPConnector):
    """Hand out no connection on which something arrived that nobody had asked for.

    Only while it looks for a send's first one is it proved that no byte has left. So a version of
    aiohttp that goes another way, or sends twice, makes sends doubtful, never lost ones unsent.
    """

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the signature is aiohttp's
    ) -> aiohttp.connector.Connection:
        """Take a connection from the pool or open one; the caller's deadline bounds the search."""
        flight = FLIGHT.get()
        flight.sent = flight.had
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            if protocol is None or not protocol.should_close:
                if flight.late():  # a machine may sleep for hours in the line above
                    connection.release()
                    raise TooLate
                flight.sent = flight.had = True
                return connection
            connection.close()


class HeldResponse(aiohttp.ClientResponse):
    """Remember the transport, to be able to close it once the pool has it again."""

    held: asyncio.Transport | None = None

    async def start(self, connection: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        """Read the head of the reply."""
        self.held = connection.transport
        return await super().start(connection)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the connection back, or close it after any failure."""
        if kind is None:
            self.release()
        else:
            self.close()


def hang_up(response: aiohttp.ClientResponse) -> None:
    """Close a reply's connection even if it is idle in the pool by now.

    Only to be called before anything else is awaited after the head: later the connection may
    carry another request.
    """
    response.close()
    if isinstance(response, HeldResponse) and response.held is not None:
        response.held.abort()
