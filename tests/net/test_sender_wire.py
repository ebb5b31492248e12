"""What the sender puts on the wire and what it takes from a well-behaved server."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from support.hostile import (
    CANARY,
    ROWS,
    FixedTokens,
    Peer,
    RawServer,
    always,
    call_of,
    endpoint_at,
    exchange,
    once,
    reply_bytes,
    request_of,
)
from zbatch.net.sender import Sender
from zbatch.net.token import Token
from zbatch.zuora.wire import Fault, FaultKind, Reply, Request

DAY = timedelta(days=1)


def test_the_request_on_the_wire() -> None:
    """The page's path, query and headers are there, and the body is the stored gzip bytes."""
    before = datetime.now(UTC)
    answer, server = asyncio.run(exchange(always(reply_bytes())))
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    line, *fields = head.decode("ascii").split("\r\n")
    headers = dict(field.split(": ", 1) for field in fields)
    call = call_of()
    assert line == "POST /v1/action/generate?rejectUnknownFields=true HTTP/1.1"
    assert body == call.wire
    assert gzip.decompress(body) == call.body
    assert headers["Idempotency-Key"] == call.key
    assert headers["Authorization"] == f"Bearer {CANARY}"
    assert headers["Content-Encoding"] == headers["Accept-Encoding"] == "gzip"
    assert headers["Content-Type"] == "application/json"
    assert headers["Content-Length"] == str(len(call.wire))
    assert headers["Zuora-Track-Id"].endswith("-testrun-1")
    assert headers["X-Zuora-WSDL-Version"] == "79"
    assert "Cookie" not in headers
    assert "Transfer-Encoding" not in headers
    assert isinstance(answer, Reply)
    assert (answer.status, answer.body, answer.token) == (200, ROWS, 1)
    assert answer.sent_at is not None
    assert before <= answer.sent_at <= datetime.now(UTC)


def test_reply_headers_are_kept_by_name_and_made_safe() -> None:
    """Only the headers worth keeping are kept, in lower case, repeated ones joined."""
    data = reply_bytes(
        ROWS,
        "200 OK",
        "Zuora-Request-Id: r\x80q",
        "RateLimit-Reset: 5",
        "Retry-After: 1",
        "Retry-After: 2",
        "Concurrency-Limit-Remaining: 3",
        "X-Other: x",
        "Date: Mon, 30 Nov 2026 12:02:00 GMT",
        "Age: 7",
    )
    answer, _ = asyncio.run(exchange(always(data)))
    assert isinstance(answer, Reply)
    assert answer.headers == {
        "zuora-request-id": "r�q",
        "ratelimit-reset": "5",
        "retry-after": "1, 2",
        "concurrency-limit-remaining": "3",
        "date": "Mon, 30 Nov 2026 12:02:00 GMT",
        "age": "7",
    }


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip"])
def test_a_compressed_reply_is_decompressed(encoding: str) -> None:
    """A gzip reply comes back in clear."""
    data = reply_bytes(gzip.compress(ROWS), "200 OK", f"Content-Encoding: {encoding}")
    answer, _ = asyncio.run(exchange(always(data)))
    assert isinstance(answer, Reply)
    assert answer.body == ROWS


def test_a_chunked_reply_is_read() -> None:
    """Chunked framing is read to its end."""
    chunks = b"".join(b"%x\r\n%s\r\n" % (1, ROWS[i : i + 1]) for i in range(len(ROWS)))
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    answer, _ = asyncio.run(exchange(always(data)))
    assert isinstance(answer, Reply)
    assert answer.body == ROWS


def test_http_1_0_with_a_length_is_read() -> None:
    """An old proxy's HTTP/1.0 reply is fine as long as it says where it ends."""
    data = reply_bytes().replace(b"HTTP/1.1", b"HTTP/1.0")
    answer, _ = asyncio.run(exchange(once(data)))
    assert isinstance(answer, Reply)
    assert answer.body == ROWS


def test_204_has_no_body() -> None:
    """A reply that cannot have a body is complete without one."""
    answer, _ = asyncio.run(exchange(always(b"HTTP/1.1 204 No Content\r\n\r\n")))
    assert isinstance(answer, Reply)
    assert (answer.status, answer.body) == (204, b"")


def test_interim_replies_are_passed_over() -> None:
    """Three 1xx before the reply change nothing."""
    data = b"HTTP/1.1 102 Processing\r\n\r\n" * 3 + reply_bytes()
    answer, _ = asyncio.run(exchange(always(data)))
    assert isinstance(answer, Reply)
    assert answer.body == ROWS


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_f22_a_redirect_is_not_followed(status: int) -> None:
    """A redirect comes back as a reply; its target gets neither request nor header."""

    async def run() -> tuple[Reply | Fault, RawServer, RawServer]:
        async with RawServer(always(reply_bytes())) as target:
            data = reply_bytes(b"", f"{status} Moved", f"Location: {target.url}/x")
            answer, server = await exchange(always(data))
            return answer, server, target

    answer, server, target = asyncio.run(run())
    assert isinstance(answer, Reply)
    assert answer.status == status
    assert len(server.requests) == 1
    assert target.connections == 0


def test_f34_cookies_are_not_stored() -> None:
    """A storm of cookies leaves no cookie in the next request."""
    cookies = [f"Set-Cookie: c{i}=v{i}; Path=/" for i in range(100)]

    async def run() -> RawServer:
        async with (
            RawServer(always(reply_bytes(ROWS, "200 OK", *cookies))) as server,
            Sender(endpoint_at(server.url), FixedTokens()) as sender,
        ):
            for attempt in (1, 2):
                assert isinstance(await sender.send(request_of(call_of(), attempt)), Reply)
            return server

    server = asyncio.run(run())
    assert len(server.requests) == 2
    assert server.connections == 1
    assert all(b"cookie" not in request.lower() for request in server.requests)


def test_environment_proxies_and_netrc_are_unused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither proxy variables nor a netrc file have a say in where a call goes or as whom."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login planted password planted\n")
    netrc.chmod(0o600)
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NETRC", str(netrc))
    answer, server = asyncio.run(exchange(always(reply_bytes())))
    assert isinstance(answer, Reply)
    assert f"Bearer {CANARY}".encode() in server.requests[0]


def test_f32_another_calls_track_id_is_crossed_and_closes_the_connection() -> None:
    """A reply that names another item is rejected, and its connection is not used again."""
    stranger = request_of(call_of(day=1)).track_id

    async def run() -> tuple[list[Reply | Fault], RawServer]:
        replies = iter(
            [
                reply_bytes(ROWS, "200 OK", f"Zuora-Track-Id: {stranger}"),
                reply_bytes(ROWS, "200 OK", f"Zuora-Track-Id: {request_of(call_of(), 1).track_id}"),
            ]
        )

        async def script(peer: Peer) -> None:
            while True:
                await peer.request()
                await peer.say(next(replies))

        async with (
            RawServer(script) as server,
            Sender(endpoint_at(server.url), FixedTokens()) as sender,
        ):
            return [await sender.send(request_of(call_of(), n)) for n in (1, 2)], server

    (crossed, good), server = asyncio.run(run())
    assert isinstance(crossed, Fault)
    assert (crossed.kind, crossed.sent) == (FaultKind.CROSSED, True)
    assert isinstance(good, Reply)
    assert server.connections == 2


def test_a_stale_token_is_asked_to_be_newer() -> None:
    """The serial that was refused reaches the token source."""

    async def run() -> Reply | Fault:
        async with (
            RawServer(always(reply_bytes())) as server,
            Sender(endpoint_at(server.url), FixedTokens()) as sender,
        ):
            request = request_of(call_of())
            return await sender.send(Request(request.key, request.wire, request.track_id, 7))

    answer = asyncio.run(run())
    assert isinstance(answer, Reply)
    assert answer.token == 8


@pytest.mark.parametrize(("took", "leaves"), [(timedelta(minutes=10), True), (DAY, False)])
def test_what_a_token_has_made_too_late_does_not_leave(took: timedelta, leaves: bool) -> None:
    """The wall clock is read once more when the token is in hand: past `not_after` nothing is sent.

    So a machine that was suspended meanwhile sends nothing that was judged young enough before.
    """
    began = datetime(2026, 11, 30, 22, 0, tzinfo=UTC)
    clock = [began]

    class SlowTokens(FixedTokens):
        async def token(self, stale: int | None) -> Token:
            clock[0] += took
            return await super().token(stale)

    async def run() -> tuple[Reply | Fault, RawServer]:
        request = replace(request_of(call_of()), not_after=began + timedelta(minutes=10))
        async with RawServer(always(reply_bytes())) as server:
            endpoint = replace(endpoint_at(server.url), now=lambda: clock[0])
            async with Sender(endpoint, SlowTokens()) as sender:
                return await sender.send(request), server

    answer, server = asyncio.run(run())
    assert isinstance(answer, Reply) is leaves
    assert len(server.requests) == leaves
    if isinstance(answer, Fault):
        assert (answer.kind, answer.sent) == (FaultKind.LATE, False)


@pytest.mark.parametrize(("slept", "leaves"), [(timedelta(minutes=10), True), (DAY, False)])
def test_what_a_sleep_has_made_too_late_while_it_looked_for_a_connection_does_not_leave(
    monkeypatch: pytest.MonkeyPatch, slept: timedelta, leaves: bool
) -> None:
    """The wall clock is read again with the connection in hand, which goes back to the pool."""
    began = datetime(2026, 11, 30, 22, 0, tzinfo=UTC)
    clock = [began]
    connect = aiohttp.TCPConnector.connect

    async def sleeping(*given: Any) -> aiohttp.connector.Connection:
        clock[0] += slept
        return await connect(*given)

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", sleeping)

    async def run() -> tuple[list[Reply | Fault], RawServer]:
        early = replace(request_of(call_of()), not_after=began + timedelta(minutes=10))
        async with RawServer(always(reply_bytes())) as server:
            endpoint = replace(endpoint_at(server.url), now=lambda: clock[0])
            async with Sender(endpoint, FixedTokens()) as sender:
                answers = [await sender.send(early), await sender.send(request_of(call_of()))]
                return answers, server

    (answer, later), server = asyncio.run(run())
    assert isinstance(answer, Reply) is leaves
    assert isinstance(later, Reply)
    assert len(server.requests) == 1 + leaves
    if isinstance(answer, Fault):
        assert (answer.kind, answer.sent) == (FaultKind.LATE, False)
