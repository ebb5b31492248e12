"""Send one call over TLS in a fresh process and print the status; started by test_sender_tls."""

from __future__ import annotations

import asyncio
import ssl

import trustme

from support.hostile import (
    FixedTokens,
    RawServer,
    always,
    call_of,
    endpoint_at,
    reply_bytes,
    request_of,
)
from zbatch.net.sender import Sender
from zbatch.net.transport import tls_context
from zbatch.zuora.wire import Reply


async def main() -> None:
    """Serve, send, print."""
    authority = trustme.CA()
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(served)
    trusted = tls_context()
    authority.configure_trust(trusted)
    async with (
        RawServer(always(reply_bytes()), served) as server,
        Sender(endpoint_at(server.url, tls=trusted), FixedTokens()) as sender,
    ):
        answer = await sender.send(request_of(call_of()))
    print(answer.status if isinstance(answer, Reply) else answer)


asyncio.run(main())
