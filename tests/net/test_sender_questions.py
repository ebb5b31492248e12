"""What the sender makes of a question: a call's bounds and faults, and never its key."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
from dataclasses import replace
from datetime import date

import pytest

from support.hostile import (
    CANARY,
    FixedTokens,
    Peer,
    RawServer,
    Script,
    always,
    call_of,
    endpoint_at,
    reply_bytes,
    request_of,
)
from zbatch.net.sender import Sender
from zbatch.net.token import Token, TokenRefused
from zbatch.net.transport import BODY_CAP
from zbatch.zuora.pages import Page
from zbatch.zuora.query import Wanted, more_ask, query_ask, questions
from zbatch.zuora.query_reply import read_page
from zbatch.zuora.wire import Ask, Fault, FaultKind, Reply

NONE = b'{"size":0,"done":true}'
WANTED = [Wanted(f"{number:032x}", date(2026, 11, 30)) for number in range(50)]
(QUESTION,) = questions(WANTED)


async def asked(
    script: Script, *asks: Ask, seconds: float = 5.0
) -> tuple[list[Reply | Fault], RawServer]:
    """Ask one question after another."""
    async with (
        RawServer(script) as server,
        Sender(endpoint_at(server.url, seconds), FixedTokens()) as sender,
    ):
        return [await sender.ask(ask) for ask in asks], server


def headers_of(request: bytes) -> dict[str, str]:
    """Read a request's headers by lower-case name."""
    _, *fields = request.partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")
    pairs = (field.split(": ", 1) for field in fields)
    return {name.lower(): value for name, value in pairs}


def test_the_question_on_the_wire() -> None:
    """Path, headers and gzip body are there, and nothing that looks like a key."""
    asks = query_ask(QUESTION), more_ask("2c93-2000", stale_token=4)
    answers, server = asyncio.run(asked(always(reply_bytes(NONE)), *asks))
    first, more = server.requests
    assert first.startswith(b"POST /v1/action/query HTTP/1.1\r\n")
    assert more.startswith(b"POST /v1/action/queryMore HTTP/1.1\r\n")
    for request, ask in zip(server.requests, asks, strict=True):
        head, _, body = request.partition(b"\r\n\r\n")
        assert b"idempotency" not in head.lower()
        assert b"rejectunknownfields" not in head.lower()
        assert body == ask.wire
        headers = headers_of(request)
        assert headers["authorization"] == f"Bearer {CANARY}"
        assert headers["content-encoding"] == headers["accept-encoding"] == "gzip"
        assert headers["content-type"] == "application/json"
        assert headers["x-zuora-wsdl-version"] == "79"
    assert json.loads(gzip.decompress(first.partition(b"\r\n\r\n")[2])) == {"queryString": QUESTION}
    assert [answer.token for answer in answers if isinstance(answer, Reply)] == [1, 5]


def test_a_question_after_a_call_carries_no_key() -> None:
    """On the connection that a call has used, a question is as free of its key as on its own."""

    async def run() -> RawServer:
        async with (
            RawServer(always(reply_bytes(NONE))) as server,
            Sender(endpoint_at(server.url), FixedTokens()) as sender,
        ):
            await sender.send(request_of(call_of()))
            await sender.ask(query_ask(QUESTION))
            await sender.send(request_of(call_of()))
            return server

    server = asyncio.run(run())
    assert server.connections == 1
    carried = ["idempotency-key" in headers_of(request) for request in server.requests]
    assert carried == [True, False, True]


def test_the_entity_is_named() -> None:
    """A question goes to the same entity as the calls."""

    async def run() -> RawServer:
        async with RawServer(always(reply_bytes(NONE))) as server:
            plain = endpoint_at(server.url)
            endpoint = replace(plain, tenant=replace(plain.tenant, entity_id="e-1"))
            async with Sender(endpoint, FixedTokens()) as sender:
                await sender.ask(query_ask(QUESTION))
            return server

    server = asyncio.run(run())
    assert headers_of(server.requests[0])["zuora-entity-ids"] == "e-1"


def test_each_question_has_a_track_id_of_its_own() -> None:
    """Two sends of one question are told apart, and neither looks like a call's."""
    _, server = asyncio.run(asked(always(reply_bytes(NONE)), *[query_ask(QUESTION)] * 3))
    tracks = [headers_of(request)["zuora-track-id"] for request in server.requests]
    assert len(set(tracks)) == 3
    assert all(track.startswith("zq-") and len(track) <= 64 for track in tracks)


async def echo_back(peer: Peer) -> None:
    """Answer with the track ID of the request."""
    while True:
        track = headers_of(await peer.request())["zuora-track-id"]
        await peer.say(reply_bytes(NONE, "200 OK", f"zuora-track-id: {track}"))


@pytest.mark.parametrize("script", [echo_back, always(reply_bytes(NONE))])
def test_an_echo_of_our_own_or_none_is_fine(script: Script) -> None:
    """Zuora need not echo, and may."""
    answers, server = asyncio.run(asked(script, *[query_ask(QUESTION)] * 2))
    assert all(isinstance(answer, Reply) for answer in answers)
    assert server.connections == 1


@pytest.mark.parametrize("echo", ["zq-", "zq-000000000000000000000000", "call"])
def test_another_echo_is_crossed_and_closes_the_connection(echo: str) -> None:
    """The reply to another question or call is rejected, and its connection is not used again."""
    track = request_of(call_of()).track_id if echo == "call" else echo
    script = always(reply_bytes(NONE, "200 OK", f"Zuora-Track-Id: {track}"))
    answers, server = asyncio.run(asked(script, *[query_ask(QUESTION)] * 2))
    assert [answer.kind for answer in answers if isinstance(answer, Fault)] == [
        FaultKind.CROSSED,
        FaultKind.CROSSED,
    ]
    assert server.connections == 2


def test_a_calls_reply_to_a_question_is_not_taken_by_the_call() -> None:
    """A call rejects the echo of a question."""

    async def run() -> Reply | Fault:
        data = reply_bytes(NONE, "200 OK", "Zuora-Track-Id: zq-000000000000000000000000")
        async with (
            RawServer(always(data)) as server,
            Sender(endpoint_at(server.url), FixedTokens()) as sender,
        ):
            return await sender.send(request_of(call_of()))

    answer = asyncio.run(run())
    assert isinstance(answer, Fault)
    assert answer.kind is FaultKind.CROSSED


async def silence(peer: Peer) -> None:
    """Read and never answer."""
    await peer.request()
    await asyncio.Event().wait()


async def reset(peer: Peer) -> None:
    """Read and reset."""
    await peer.request()
    peer.reset()


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (silence, FaultKind.TIMEOUT),
        (reset, FaultKind.DISCONNECT),
        (always(b"HTTP/1.1 200 OK\r\n\r\n{}"), FaultKind.GARBLED),
        (always(reply_bytes(b" " * (BODY_CAP + 1))), FaultKind.GARBLED),
    ],
)
def test_trouble_is_a_fault(script: Script, kind: FaultKind) -> None:
    """A question has a call's deadline, its cap and its faults."""
    (answer,), _ = asyncio.run(asked(script, query_ask(QUESTION), seconds=0.3))
    assert isinstance(answer, Fault)
    assert (answer.kind, answer.sent) == (kind, True)
    assert CANARY not in repr(answer)


def test_no_token_is_an_unsent_fault() -> None:
    """Without a token nothing leaves."""

    class NoTokens:
        def ready(self, stale: int | None) -> bool:
            return False

        async def token(self, stale: int | None) -> Token:
            raise TokenRefused(FaultKind.TOKEN_REFUSED, "wrong client")

    async def run() -> tuple[Reply | Fault, int]:
        async with (
            RawServer(always(reply_bytes(NONE))) as server,
            Sender(endpoint_at(server.url), NoTokens()) as sender,
        ):
            return await sender.ask(query_ask(QUESTION)), server.connections

    answer, connections = asyncio.run(run())
    assert answer == Fault(FaultKind.TOKEN_REFUSED, False, "wrong client")
    assert connections == 0


def full_page(chance: random.Random) -> bytes:
    """Write 2,000 records, each field as long as it comes."""
    records = [
        {
            "Id": f"{chance.getrandbits(128):032x}",
            "AccountId": f"{chance.getrandbits(128):032x}",
            "InvoiceNumber": f"INV{chance.getrandbits(128)}",
            "InvoiceDate": "2026-11-30",
            "TargetDate": "2026-11-30",
            "Status": "PendingApproval",
            "Amount": 1234567890.12,
            "Source": "CustomerInvoice",
            "CreatedDate": "2026-11-30T14:03:27.000-08:00",
            "UpdatedDate": "2026-11-30T14:03:27.000-08:00",
        }
        for _ in range(2000)
    ]
    page = {"size": 2001, "records": records, "done": False, "queryLocator": "x-2000"}
    return json.dumps(page, indent=2).encode()


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_a_full_page_is_well_within_the_cap(coding: str) -> None:
    """The 2,000 records that Zuora gives at most are a quarter of the cap, however spaced."""
    body = full_page(random.Random(20261130))
    assert len(body) < BODY_CAP / 4
    data = gzip.compress(body) if coding == "gzip" else body
    script = always(reply_bytes(data, "200 OK", f"Content-Encoding: {coding}"))
    (answer,), _ = asyncio.run(asked(script, query_ask(QUESTION)))
    assert isinstance(answer, Reply)
    page = read_page(answer)
    assert isinstance(page, Page)
    assert (len(page.records), page.locator) == (2000, "x-2000")
