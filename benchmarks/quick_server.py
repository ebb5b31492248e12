"""A tenant that costs next to nothing: one good row to each call, no invoice to each question.

It prints its port and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import os
import sys

LIFETIME = 900.0  # seconds; nobody has to clean up after a benchmark that was killed
CORE = 1

HEAD = b"""\
HTTP/1.1 200 OK
Date: Mon, 30 Nov 2026 22:00:00 GMT
Content-Type: application/json; charset=utf-8
Content-Length: %d
Connection: keep-alive
Server: Zuora App
Zuora-Request-Id: 01f5b2c4-%012x
Zuora-Track-Id: %s
RateLimit-Limit: 50000, 50000;w=60
RateLimit-Remaining: 49713
RateLimit-Reset: 41
Concurrency-Limit-Type: Default
Concurrency-Limit-Limit: 40
Concurrency-Limit-Remaining: 12
Cache-Control: no-cache, no-store, must-revalidate
Pragma: no-cache
Strict-Transport-Security: max-age=31536000; includeSubDomains
X-Content-Type-Options: nosniff
Vary: Accept-Encoding

""".replace(b"\n", b"\r\n")
TOKEN = b'{"access_token":"bench","token_type":"bearer","expires_in":3599}'
NO_INVOICE = b'{"size":0,"done":true}'
TRACK_ID = b"Zuora-Track-Id: "
LENGTH = b"Content-Length: "


class QuickTenant(asyncio.Protocol):
    """Answers one connection, `delay` seconds after each request."""

    served = 0

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to answer."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            whole = end + 4 + int(_after(head, LENGTH) or 0)
            if len(self._buffer) < whole:
                return
            self._buffer = self._buffer[whole:]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        QuickTenant.served += 1
        body = NO_INVOICE
        if head.startswith(b"POST /v1/action/generate"):
            body = b'[{"Success":true,"Id":"%032x"}]' % QuickTenant.served
        elif head.startswith(b"POST /oauth/token"):
            body = TOKEN
        track_id = _after(head, TRACK_ID) or b"none"
        reply = HEAD % (len(body), QuickTenant.served, track_id) + body
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._write, reply)
        else:
            self._write(reply)

    def _write(self, reply: bytes) -> None:
        if self._transport is not None:
            self._transport.write(reply)


def _after(head: bytes, name: bytes) -> bytes:
    start = head.find(name)
    return head[start + len(name) :].partition(b"\r\n")[0] if start >= 0 else b""


async def serve(delay: float) -> None:
    """Serve on a free port of the loopback until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: QuickTenant(delay), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    loop.call_later(LIFETIME, ended.set)
    await ended.wait()
    server.close()


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity") and CORE in os.sched_getaffinity(0):
        os.sched_setaffinity(0, {CORE})
    asyncio.run(serve(float(sys.argv[1])))
