"""The proof that nothing was sent, on which a clean key rests."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import aiohttp
import pytest

from support.hostile import (
    FixedTokens,
    Peer,
    RawServer,
    call_of,
    endpoint_at,
    reply_bytes,
    request_of,
)
from zbatch.net import transport
from zbatch.net.connection import CleanConnector, Flight
from zbatch.net.sender import Sender
from zbatch.net.transport import open_session, post
from zbatch.zuora.wire import Reply, Request


async def cut_off(rounds: int, seed: int) -> tuple[list[tuple[int, bool]], set[int], bool]:
    """Cancel posts after a random number of turns of the loop.

    Give which was called sent, which the server saw, and whether the pool still serves.
    """
    chance = random.Random(seed)
    flights: list[tuple[int, bool]] = []
    seen: set[int] = set()

    async def script(peer: Peer) -> None:
        while True:
            head = await peer.reader.readuntil(b"\r\n")
            seen.add(int(head.split()[1].rpartition(b"/")[2]))
            await peer.reader.readuntil(b"\r\n\r\n")
            await peer.reader.readexactly(4)
            await peer.say(reply_bytes())

    async with RawServer(script) as server, open_session(endpoint_at(server.url)) as session:

        async def one(number: int, flight: Flight) -> None:
            url = f"{server.url}/{number}"
            async with await post(session, url, {}, b"body", flight) as response:
                await response.read()

        for number in range(rounds):
            flight = Flight()
            task = asyncio.create_task(one(number, flight))
            for _ in range(chance.randrange(12)):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            flights.append((number, flight.sent))
        alive = Flight()
        await one(rounds, alive)
        seen.discard(rounds)
        return flights, seen, alive.sent


def test_f21_what_is_called_unsent_was_never_seen_by_the_server() -> None:
    """Wherever a send is cut off, one called unsent has not reached the server."""
    flights, seen, alive = asyncio.run(cut_off(3000, seed=20261130))
    unsent = {number for number, sent in flights if not sent}
    assert unsent.isdisjoint(seen)
    assert unsent
    assert len(unsent) < len(flights)
    assert seen
    assert alive


class Roundabout(CleanConnector):
    """Goes another way to a connection than the one on which sends are followed."""

    async def connect(self, *values: Any, **named: Any) -> aiohttp.connector.Connection:
        """Open one unseen."""
        return await aiohttp.TCPConnector.connect(self, *values, **named)


class Twice(CleanConnector):
    """Loses the first connection unseen, and is asked for another that cannot be had."""

    async def connect(self, *values: Any, **named: Any) -> aiohttp.connector.Connection:
        """Give one away, then fail."""
        (await super().connect(*values, **named)).close()
        await self.close()
        return await super().connect(*values, **named)


@pytest.mark.parametrize("connector", [Roundabout, Twice])
def test_f21_a_client_that_goes_another_way_makes_no_send_unsent(
    connector: type[CleanConnector], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the proof is not given the send is in doubt, whatever aiohttp comes to do."""

    async def script(peer: Peer) -> None:
        await peer.request()

    async def run() -> bool:
        flight = Flight()
        async with RawServer(script) as server, open_session(endpoint_at(server.url)) as session:
            with pytest.raises(aiohttp.ClientError):
                await post(session, server.url, {}, b"body", flight)
        return flight.sent

    monkeypatch.setattr(transport, "CleanConnector", connector)
    assert asyncio.run(run())


class Counting:
    """A server that answers each call with its own track ID, and counts its connections."""

    def __init__(self) -> None:
        self.open = 0

    async def script(self, peer: Peer) -> None:
        """Serve one connection."""
        self.open += 1
        try:
            while True:
                request = await peer.request()
                track = next(line for line in request.split(b"\r\n") if b"Track-Id" in line)
                await peer.say(reply_bytes(track, "200 OK", track.decode()))
        finally:
            self.open -= 1


async def cancelled(sender: Sender, request: Request, turns: int) -> bool:
    """Cancel a send after so many turns of the loop; an answer that comes must be its own."""
    task = asyncio.create_task(sender.send(request))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        answer = task.result()
        assert isinstance(answer, Reply)
        assert answer.body.endswith(request.track_id.encode())
    return task.cancelled()


def test_f21_three_thousand_cancelled_sends_cross_no_reply_and_leak_no_connection() -> None:
    """Sends cancelled at any moment: those let through have their own reply, the pool its size."""
    chance = random.Random(20261130)
    counting = Counting()
    requests = [request_of(call_of(1 + number % 30), number) for number in range(3000)]

    async def run() -> list[bool]:
        ended: list[bool] = []
        async with (
            RawServer(counting.script) as server,
            Sender(endpoint_at(server.url, connections=4), FixedTokens()) as sender,
        ):
            for first in range(0, 3000, 6):
                sends = (cancelled(sender, r, chance.randrange(40)) for r in requests[first:][:6])
                ended += await asyncio.gather(*sends)
            alive = await asyncio.gather(*map(sender.send, requests[:8]))
            assert all(isinstance(answer, Reply) for answer in alive)
            for _ in range(200):
                await asyncio.sleep(0)  # let the server see which connections are gone
            assert counting.open <= 4 < server.connections
        return ended

    ended = asyncio.run(run())
    assert min(ended.count(True), ended.count(False)) > 100


def test_forty_at_once_each_get_their_own_reply() -> None:
    """With many calls in flight over few connections no reply goes astray."""

    async def run() -> list[bool]:
        async def script(peer: Peer) -> None:
            while True:
                request = await peer.request()
                track = next(line for line in request.split(b"\r\n") if b"Track-Id" in line)
                await peer.say(reply_bytes(track, "200 OK", track.decode()))

        async with (
            RawServer(script) as server,
            Sender(endpoint_at(server.url, connections=7), FixedTokens()) as sender,
        ):
            requests = [request_of(call_of(1 + n % 30), n) for n in range(400)]
            answers = await asyncio.gather(*map(sender.send, requests))
            return [
                isinstance(answer, Reply) and answer.body.endswith(request.track_id.encode())
                for answer, request in zip(answers, requests, strict=True)
            ]

    assert all(asyncio.run(run()))
