"""What the sender makes of servers that break, lie, stall or never end."""

from __future__ import annotations

import asyncio
import gzip
import socket
import tracemalloc
import zlib

import pytest

from support.hostile import (
    CANARY,
    ROWS,
    FixedTokens,
    Peer,
    RawServer,
    Script,
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
from zbatch.net.transport import BODY_CAP
from zbatch.zuora.reply import Unreadable, read_reply
from zbatch.zuora.wire import Fault, FaultKind, Reply

TINY = 0.15


def fault_from(script: Script, seconds: float = 5.0) -> tuple[Fault, RawServer]:
    """Send one call and expect a fault without the token in it."""
    answer, server = asyncio.run(exchange(script, seconds))
    assert isinstance(answer, Fault), answer
    assert CANARY not in repr(answer)
    assert answer.detail.isprintable()
    return answer, server


async def reset_at_once(peer: Peer) -> None:
    """Reset once the first byte is there, before the request is read."""
    await peer.reader.readexactly(1)
    peer.reset()


async def reset_after_reading(peer: Peer) -> None:
    """Reset once the whole request has been read."""
    await peer.request()
    peer.reset()


async def end_after_reading(peer: Peer) -> None:
    """End the connection in order, without a reply."""
    await peer.request()


async def silence(peer: Peer) -> None:
    """Read and never answer."""
    await peer.request()
    await asyncio.Event().wait()


async def half_a_reply(peer: Peer) -> None:
    """Answer in part, and stall."""
    await peer.request()
    await peer.say(reply_bytes()[:-5])
    await asyncio.Event().wait()


async def drip(peer: Peer) -> None:
    """Answer so slowly that no single read is ever late."""
    await peer.request()
    for byte in reply_bytes(ROWS * 1000):
        await peer.say(bytes((byte,)))
        await asyncio.sleep(0.01)


async def endless_interim(peer: Peer) -> None:
    """Announce a reply for ever."""
    await peer.request()
    while True:
        await peer.say(b"HTTP/1.1 102 Processing\r\n\r\n")
        await asyncio.sleep(0.005)


async def endless_chunks(peer: Peer) -> None:
    """Send chunks for ever."""
    await peer.request()
    await peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    block = b"10000\r\n" + b" " * 65536 + b"\r\n"
    while True:
        await peer.say(block)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GZ = "Content-Encoding: gzip"
PACKED = gzip.compress(ROWS)


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (reset_after_reading, FaultKind.DISCONNECT),
        (end_after_reading, FaultKind.DISCONNECT),
        (once(b"HTTP/1.1 200 OK\r\nContent-Le"), FaultKind.DISCONNECT),
        (once(reply_bytes()[:-1]), FaultKind.GARBLED),
        (once(CHUNKED + b"5\r\nabc"), FaultKind.GARBLED),
        (once(CHUNKED + b"3\r\nabc\r\n"), FaultKind.GARBLED),
        (once(CHUNKED + b"zz\r\nabc\r\n"), FaultKind.GARBLED),
        (once(b"HTTP/1.1 200 OK\r\n\r\n" + ROWS), FaultKind.GARBLED),
        (once(b"HTTP/1.0 200 OK\r\n\r\n" + ROWS), FaultKind.GARBLED),
        (once(CHUNKED.replace(b"chunked", b"identity") + ROWS), FaultKind.GARBLED),
        (once(CHUNKED.replace(b"chunked", b"gzip") + PACKED), FaultKind.GARBLED),
        (once(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + ROWS), FaultKind.GARBLED),
        (once(b"220 smtp.example.com ESMTP\r\n"), FaultKind.GARBLED),
        (once(b"\x16\x03\x01\x02\x00\x01"), FaultKind.GARBLED),
        (once(b"HTTP/1.1 abc OK\r\n\r\n"), FaultKind.GARBLED),
        (once(reply_bytes(ROWS, "200 OK", "X: " + "x" * 100_000)), FaultKind.GARBLED),
        (once(reply_bytes(ROWS, "200 OK", "Content-Length: 3")), FaultKind.GARBLED),
        (once(CHUNKED[:-2] + b"Content-Length: 3\r\n\r\n0\r\n\r\n"), FaultKind.GARBLED),
        (always(reply_bytes(PACKED[:-1], "200 OK", GZ)), FaultKind.GARBLED),
        (always(reply_bytes(PACKED[:-4] + b"abcd", "200 OK", GZ)), FaultKind.GARBLED),
        (always(reply_bytes(PACKED + b"x", "200 OK", GZ)), FaultKind.GARBLED),
        (always(reply_bytes(PACKED + PACKED, "200 OK", GZ)), FaultKind.GARBLED),
        (always(reply_bytes(ROWS, "200 OK", GZ)), FaultKind.GARBLED),
        (always(reply_bytes(ROWS, "200 OK", "Content-Encoding: br")), FaultKind.GARBLED),
        (always(reply_bytes(b"x" * (BODY_CAP + 1))), FaultKind.GARBLED),
        (endless_chunks, FaultKind.GARBLED),
    ],
)
def test_a_broken_reply_is_a_fault_of_a_sent_request(script: Script, kind: FaultKind) -> None:
    """Whatever breaks after the request has left leaves the attempt in doubt, sent once."""
    fault, server = fault_from(script)
    assert (fault.kind, fault.sent) == (kind, True)
    assert fault.sent_at is not None
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "script", [silence, half_a_reply, drip, endless_interim], ids=lambda script: script.__name__
)
def test_the_deadline_holds_for_the_whole_exchange(script: Script) -> None:
    """Silence, a stall, a drip and endless interim replies all end at the call's own deadline."""
    fault, server = fault_from(script, TINY)
    assert (fault.kind, fault.sent) == (FaultKind.TIMEOUT, True)
    assert len(server.requests) == 1


def test_a_reset_at_once_is_never_called_unsent_after_the_first_byte() -> None:
    """A connection that breaks within the request is in doubt, though no request was read."""
    fault, server = fault_from(reset_at_once)
    assert fault.kind is FaultKind.DISCONNECT
    assert fault.sent is True
    assert server.requests == []


def test_f28_a_gzip_bomb_is_refused_within_bounds() -> None:
    """A reply that grows a thousandfold is refused without the memory that it asks for."""
    pack = zlib.compressobj(1, wbits=31)
    packed = b"".join([*(pack.compress(b" " * 1_000_000) for _ in range(300)), pack.flush()])
    tracemalloc.start()
    try:
        fault, _ = fault_from(always(reply_bytes(packed, "200 OK", GZ)))
        grown = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert fault.kind is FaultKind.GARBLED
    assert grown < 4 * BODY_CAP + len(packed)


def test_a_body_at_the_cap_is_read() -> None:
    """The cap itself is not beyond the cap."""
    answer, _ = asyncio.run(exchange(always(reply_bytes(b" " * BODY_CAP))))
    assert isinstance(answer, Reply)
    assert len(answer.body) == BODY_CAP
    assert isinstance(read_reply(answer, 1), Unreadable)


def test_f1_a_refused_connection_is_unsent() -> None:
    """Where nobody listens nothing was sent."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]

    async def run() -> Reply | Fault:
        async with Sender(endpoint_at(f"http://127.0.0.1:{port}"), FixedTokens()) as sender:
            return await sender.send(request_of(call_of()))

    fault = asyncio.run(run())
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.sent) == (FaultKind.CONNECT, False)
    assert "ECONNREFUSED" in fault.detail


def test_f2_an_unknown_host_is_unsent() -> None:
    """A name without an address is told as such."""

    async def run() -> Reply | Fault:
        endpoint = endpoint_at("http://zuora.invalid")
        async with Sender(endpoint, FixedTokens()) as sender:
            return await sender.send(request_of(call_of()))

    fault = asyncio.run(run())
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.sent) == (FaultKind.CONNECT, False)
    assert "host name" in fault.detail


def test_f20_waiting_for_a_connection_is_unsent() -> None:
    """Calls that found no free connection in time have not been sent; those that did, have.

    A connection is free again once its call has given up, for whoever still has time left then.
    """

    async def run() -> tuple[list[Reply | Fault], int]:
        async with (
            RawServer(silence) as server,
            Sender(endpoint_at(server.url, 1.0, connections=2), FixedTokens()) as sender,
        ):
            requests = [request_of(call_of(day), 1) for day in range(1, 7)]
            return list(await asyncio.gather(*map(sender.send, requests))), len(server.requests)

    faults, seen = asyncio.run(run())
    sent = [fault for fault in faults if isinstance(fault, Fault) and fault.sent]
    unsent = [fault for fault in faults if isinstance(fault, Fault) and not fault.sent]
    assert len(sent) == seen >= 2
    assert unsent
    assert {fault.kind for fault in sent} == {FaultKind.TIMEOUT}
    assert {fault.kind for fault in unsent} == {FaultKind.CONNECT}
    assert len(sent) + len(unsent) == 6


def test_f9_a_dropped_idle_connection_means_one_post() -> None:
    """The server drops a connection as it is used again: one POST, in doubt, never a second."""

    async def run() -> tuple[list[Reply | Fault], RawServer]:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(reply_bytes())
            await peer.request()
            peer.reset()

        async with (
            RawServer(script) as server,
            Sender(endpoint_at(server.url), FixedTokens()) as sender,
        ):
            return [await sender.send(request_of(call_of(), n)) for n in (1, 2)], server

    (first, second), server = asyncio.run(run())
    assert isinstance(first, Reply)
    assert isinstance(second, Fault)
    assert (second.kind, second.sent) == (FaultKind.DISCONNECT, True)
    assert len(server.requests) == 2
    assert server.connections == 1


@pytest.mark.parametrize("together", [True, False])
def test_f31_an_extra_reply_never_answers_the_next_request(together: bool) -> None:
    """A reply that nobody asked for spoils its connection, not the next call."""
    extra = reply_bytes(b'[{"Success":true,"Id":"somebody-elses"}]')

    async def run() -> list[Reply | Fault]:
        answered, spoilt = asyncio.Event(), asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(reply_bytes() + (extra if together else b""))
            await answered.wait()
            if not together and peer.server.connections == 1:
                await peer.say(extra)
            spoilt.set()
            await peer.request()
            await peer.say(reply_bytes())

        async with (
            RawServer(script) as server,
            Sender(endpoint_at(server.url), FixedTokens()) as sender,
        ):
            first = await sender.send(request_of(call_of(), 1))
            answered.set()
            await spoilt.wait()
            for _ in range(10):
                await asyncio.sleep(0)  # let the loop read what has arrived
            return [first, await sender.send(request_of(call_of(), 2))]

    for answer in asyncio.run(run()):
        assert isinstance(answer, Reply)
        assert answer.body == ROWS


def test_a_cancelled_send_is_raised_and_its_connection_closed() -> None:
    """A cancellation passes through, and the half-used connection is never used again."""

    async def run() -> tuple[Reply | Fault, RawServer]:
        arrived = asyncio.Event()

        async def script(peer: Peer) -> None:
            first = peer.server.connections == 1
            await peer.request()
            arrived.set()
            if first:
                await asyncio.Event().wait()
            await peer.say(reply_bytes())

        async with (
            RawServer(script) as server,
            Sender(endpoint_at(server.url, connections=1), FixedTokens()) as sender,
        ):
            task = asyncio.create_task(sender.send(request_of(call_of(), 1)))
            await arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await sender.send(request_of(call_of(), 2)), server

    answer, server = asyncio.run(run())
    assert isinstance(answer, Reply)
    assert server.connections == 2


def test_a_bug_around_a_send_is_a_fault_of_that_send_alone() -> None:
    """An exception that nobody foresaw comes back as a fault, without its text."""

    class BrokenTokens:
        """Tokens with a bug."""

        def ready(self, stale: int | None) -> bool:
            """Have none."""
            return False

        async def token(self, stale: int | None) -> Token:
            """Fail in an unforeseen way."""
            raise ZeroDivisionError(CANARY)

    async def run() -> Reply | Fault:
        async with Sender(endpoint_at("http://localhost:9"), BrokenTokens()) as sender:
            return await sender.send(request_of(call_of()))

    fault = asyncio.run(run())
    assert isinstance(fault, Fault)
    assert (fault.kind, fault.sent) == (FaultKind.INTERNAL, False)
    assert fault.detail == "unexpected ZeroDivisionError"


def test_a_sender_outside_its_block_sends_nothing() -> None:
    """Using a sender that was not entered is a mistake, told as a fault."""
    answer = asyncio.run(
        Sender(endpoint_at("http://localhost:9"), FixedTokens()).send(request_of(call_of()))
    )
    assert isinstance(answer, Fault)
    assert (answer.kind, answer.sent) == (FaultKind.INTERNAL, False)
