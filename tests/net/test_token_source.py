"""One token for all who wait, renewed in time, and no storm on the token endpoint."""

from __future__ import annotations

import asyncio
import gc
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
import trustme

from support.hostile import (
    Peer,
    RawServer,
    Script,
    call_of,
    endpoint_at,
    once,
    reply_bytes,
    request_of,
)
from zbatch.net.secret import Secret
from zbatch.net.sender import Sender
from zbatch.net.token import Token, TokenFailure, TokenRefused, TokenSource, TokenUnavailable
from zbatch.zuora.wire import Fault, FaultKind, Reply

CLIENT_SECRET = "canary-client-secret+/=&%41"
CREDENTIALS = (Secret("canary-client-id"), Secret(CLIENT_SECRET))


@dataclass
class Clocks:
    """Both clocks, moved by hand."""

    wall: datetime = datetime(2026, 11, 30, tzinfo=UTC)
    mono: float = 100.0

    def advance(self, seconds: float) -> None:
        """Let both clocks go on."""
        self.wall += timedelta(seconds=seconds)
        self.mono += seconds

    async def sleep(self, seconds: float) -> None:
        """Let a wait be over at once."""
        self.advance(seconds)


@dataclass
class TokenEndpoint:
    """A token endpoint that says what it is told to say, and waits at its gate if it has one."""

    replies: list[bytes] = field(default_factory=list)
    gate: asyncio.Event | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    life: object = 3599

    async def script(self, peer: Peer) -> None:
        """Answer with the next scripted reply, or with a fresh token."""
        while True:
            await peer.request()
            self.arrived.set()
            if self.gate:
                await self.gate.wait()
            await peer.say(self.replies.pop(0) if self.replies else self._grant(peer))

    def _grant(self, peer: Peer) -> bytes:
        token = f"token-{len(peer.server.requests)}"
        return reply_bytes(json.dumps({"access_token": token, "expires_in": self.life}).encode())


Body = Callable[[TokenSource, RawServer, Clocks], Awaitable[None]]


def with_source(script: Script, body: Body, timeout: float = 150.0) -> None:
    """Run a test's body against a token source and its server."""

    async def run() -> None:
        clocks = Clocks()
        async with RawServer(script) as server:
            endpoint = replace(endpoint_at(server.url, timeout), now=lambda: clocks.wall)
            mono = (lambda: clocks.mono, clocks.sleep)
            async with TokenSource(endpoint, CREDENTIALS, *mono) as source:
                await body(source, server, clocks)

    asyncio.run(run())


def test_the_token_request() -> None:
    """The request is a form with the client's credentials, without bearer or idempotency key."""

    async def body(source: TokenSource, server: RawServer, clocks: Clocks) -> None:
        token = await source.token(None)
        assert (token.value.reveal(), token.serial) == ("token-1", 1)
        assert "token-1" not in repr(token)
        head, _, form = server.requests[0].partition(b"\r\n\r\n")
        assert head.startswith(b"POST /oauth/token HTTP/1.1\r\n")
        assert b"content-type: application/x-www-form-urlencoded" in head.lower()
        assert b"authorization" not in head.lower()
        assert b"idempotency-key" not in head.lower()
        assert parse_qs(form.decode("ascii")) == {
            "client_id": ["canary-client-id"],
            "client_secret": [CLIENT_SECRET],
            "grant_type": ["client_credentials"],
        }

    with_source(TokenEndpoint().script, body)


def test_f54_forty_waiters_make_one_request() -> None:
    """However many wait, one request is made, before and after a renewal."""

    async def body(source: TokenSource, server: RawServer, clocks: Clocks) -> None:
        tokens = await asyncio.gather(*(source.token(None) for _ in range(40)))
        assert {token.serial for token in tokens} == {1}
        assert len(server.requests) == 1
        tokens = await asyncio.gather(*(source.token(1) for _ in range(40)))
        assert {token.serial for token in tokens} == {2}
        assert len(server.requests) == 2
        assert (await source.token(1)).serial == 2
        assert (await source.token(None)).serial == 2
        assert len(server.requests) == 2

    with_source(TokenEndpoint().script, body)


def test_no_minute_has_more_requests_than_the_quota_of_tokens() -> None:
    """Twenty may follow each other at once; however often a token is refused, 100 a minute hold."""

    async def body(source: TokenSource, server: RawServer, clocks: Clocks) -> None:
        asked: list[float] = []
        for serial in range(130):
            await source.token(serial)
            asked.append(clocks.mono)
        assert len(server.requests) == 130
        assert asked[:20] == [100.0] * 20
        assert asked[-1] - asked[0] == pytest.approx(110 * 0.75)
        assert all(sum(at <= one < at + 60.0 for one in asked) <= 100 for at in asked)

    with_source(TokenEndpoint().script, body)


@pytest.mark.parametrize(
    ("life", "seconds", "fresh"),
    [
        (3599, 3400, True),
        (3599, 3420, False),  # less than a call and the margin are left
        (200, 90, True),  # hardly longer than a call: half its life
        (200, 101, False),
        (None, 410, True),
        (None, 430, False),
    ],
)
def test_f55_a_token_is_renewed_early_enough(life: object, seconds: float, fresh: bool) -> None:
    """A token that might not outlive a call of 150 seconds is not handed out any more."""

    async def body(source: TokenSource, server: RawServer, clocks: Clocks) -> None:
        await source.token(None)
        clocks.advance(seconds)
        assert (await source.token(None)).serial == (1 if fresh else 2)

    with_source(TokenEndpoint(life=life).script, body)


def test_a_sender_is_ready_while_a_token_is_in_hand_that_will_do() -> None:
    """Not before it has one, nor where that one was refused or is too old for a call."""

    async def body(source: TokenSource, server: RawServer, clocks: Clocks) -> None:
        async with Sender(endpoint_at(server.url), source) as sender:
            assert not sender.ready(None)
            assert await sender.prepare(None)
            assert sender.ready(None)
            assert not sender.ready(1)
            assert await sender.prepare(1)
            assert sender.ready(1)
            clocks.advance(3420)
            assert not sender.ready(1)

    with_source(TokenEndpoint().script, body)


@pytest.mark.parametrize("clock", ["wall", "monotonic"])
def test_either_clock_ages_a_token(clock: str) -> None:
    """A suspended machine's standing clock and a wall clock set back do not keep a token young."""

    async def body(source: TokenSource, server: RawServer, clocks: Clocks) -> None:
        await source.token(None)
        if clock == "wall":
            clocks.wall += timedelta(hours=1)
        else:
            clocks.mono += 3600
            clocks.wall -= timedelta(hours=5)
        assert (await source.token(None)).serial == 2

    with_source(TokenEndpoint().script, body)


def test_a_cancelled_waiter_leaves_the_others_their_token() -> None:
    """Who gives up waiting, be it the first, does not take the request away from the rest."""
    endpoint = TokenEndpoint()

    async def body(source: TokenSource, server: RawServer, clocks: Clocks) -> None:
        endpoint.gate = asyncio.Event()
        first, second = (asyncio.create_task(source.token(None)) for _ in range(2))
        await endpoint.arrived.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        endpoint.gate.set()
        assert (await second).serial == 1
        assert len(server.requests) == 1

    with_source(endpoint.script, body)


def test_a_failure_that_nobody_waits_for_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    """A request that fails after every waiter has gone leaves no complaint of the event loop."""
    endpoint = TokenEndpoint([reply_bytes(b"", "503 Service Unavailable")])

    async def body(source: TokenSource, server: RawServer, clocks: Clocks) -> None:
        endpoint.gate = asyncio.Event()
        waiter = asyncio.create_task(source.token(None))
        await endpoint.arrived.wait()
        waiter.cancel()
        await asyncio.wait([waiter])
        endpoint.gate.set()
        with pytest.raises(TokenUnavailable):
            await source.token(None)

    with_source(endpoint.script, body)
    gc.collect()
    assert "never retrieved" not in caplog.text


def test_closing_ends_a_request_under_way() -> None:
    """A source that is left while it asks hangs up, and leaves no task behind."""

    async def run() -> None:
        arrived, hung_up = asyncio.Event(), asyncio.Event()

        async def silent(peer: Peer) -> None:
            await peer.request()
            arrived.set()
            assert await peer.reader.read() == b""
            hung_up.set()

        async with RawServer(silent) as server:
            endpoint = endpoint_at(server.url, 150.0)
            async with TokenSource(endpoint, CREDENTIALS, lambda: 0.0) as source:
                waiter = asyncio.create_task(source.token(None))
                await arrived.wait()
                waiter.cancel()
            assert "TokenSource" not in repr(asyncio.all_tasks() - {waiter})
            await asyncio.wait_for(hung_up.wait(), 10)
        with pytest.raises(asyncio.CancelledError):
            await waiter

    asyncio.run(run())


BAD_CLIENT = b'{"message":"Invalid client id canary-client-id ' + CLIENT_SECRET.encode() + b'"}'


@pytest.mark.parametrize(
    "reply",
    [
        reply_bytes(BAD_CLIENT, "400 Bad Request"),
        reply_bytes(BAD_CLIENT, "401 Unauthorized"),
        reply_bytes(b"<html>", "403 Forbidden"),
        reply_bytes(b"<html>", "404 Not Found"),
        reply_bytes(b"", "302 Found", "Location: /oauth/token"),
        reply_bytes(b"<html>welcome</html>"),
        reply_bytes(b'{"access_token":"a\\r\\nX: y"}'),
        reply_bytes(b'{"access_token":"' + b"a" * 1_000_000 + b'"}'),
    ],
)
def test_a_refusal_is_asked_for_once(reply: bytes) -> None:
    """Wrong credentials, a wrong host and an unusable token are final and told without secrets."""

    async def body(source: TokenSource, server: RawServer, clocks: Clocks) -> None:
        for _ in range(3):
            clocks.advance(1000)
            with pytest.raises(TokenRefused) as caught:
                await source.token(None)
            assert caught.value.kind is FaultKind.TOKEN_REFUSED
            assert "canary" not in str(caught.value)
        assert len(server.requests) == 1

    with_source(TokenEndpoint([reply]).script, body)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (reply_bytes(b"<html>", "404 Not Found"), "token request: HTTP 404 Not Found"),
        (reply_bytes(b'{"message": "No."}', "400 Bad"), "token request: HTTP 400, No."),
    ],
)
def test_a_status_is_told_once(reply: bytes, said: str) -> None:
    """Beside what the answer says, or by its own words where it says nothing."""

    async def body(source: TokenSource, server: RawServer, clocks: Clocks) -> None:
        with pytest.raises(TokenRefused) as caught:
            await source.token(None)
        assert str(caught.value) == said

    with_source(TokenEndpoint([reply]).script, body)


@pytest.mark.parametrize(
    ("reply", "pause"),
    [
        (reply_bytes(b"<html>", "503 Service Unavailable"), 1.0),
        (reply_bytes(b"", "429 Too Many Requests", "Retry-After: 30"), 30.0),
        (
            reply_bytes(
                b"",
                "429 Too Many Requests",
                "Date: Mon, 30 Nov 2020 12:00:00 GMT",  # by the clock of the server
                "Retry-After: Mon, 30 Nov 2020 12:00:30 GMT",
            ),
            30.0,
        ),
        (reply_bytes(b"", "500 Internal Server Error", "Retry-After: nonsense"), 1.0),
        (b"HTTP/1.1 200 OK\r\n\r\n", 1.0),
        (b"nonsense\r\n\r\n", 1.0),
    ],
)
def test_f57_a_passing_trouble_stands_for_a_while(reply: bytes, pause: float) -> None:
    """Forty waiters and their followers cost one request until the pause is over."""

    async def body(source: TokenSource, server: RawServer, clocks: Clocks) -> None:
        results = await asyncio.gather(
            *(source.token(None) for _ in range(40)), return_exceptions=True
        )
        assert {type(result) for result in results} == {TokenUnavailable}
        clocks.advance(pause - 0.1)
        with pytest.raises(TokenUnavailable):
            await source.token(None)
        assert len(server.requests) == 1
        clocks.advance(0.2)
        assert (await source.token(None)).serial == 1
        assert len(server.requests) == 2

    with_source(TokenEndpoint([reply]).script, body)


async def end_at_once(peer: Peer) -> None:
    """Read the request and end the connection."""
    await peer.request()


async def stall(peer: Peer) -> None:
    """Read the request and never answer."""
    await peer.request()
    await asyncio.Event().wait()


@pytest.mark.parametrize("script", [end_at_once, stall], ids=lambda script: script.__name__)
def test_an_endpoint_out_of_reach_is_unavailable(script: Script) -> None:
    """No answer in time, or none at all, is a passing trouble."""

    async def body(source: TokenSource, server: RawServer, clocks: Clocks) -> None:
        with pytest.raises(TokenUnavailable):
            await source.token(None)

    with_source(script, body, timeout=0.1)


def test_failures_reach_the_sender_as_unsent_faults() -> None:
    """Without a token nothing is sent, and the fault says which trouble it was."""

    @dataclass
    class Failing:
        """Tokens that always fail."""

        failure: TokenFailure

        def ready(self, stale: int | None) -> bool:
            """Have none."""
            return False

        async def token(self, stale: int | None) -> Token:
            """Fail."""
            raise self.failure

    async def run(failure: TokenFailure) -> tuple[Reply | Fault, RawServer]:
        async with (
            RawServer(once(reply_bytes())) as server,
            Sender(endpoint_at(server.url), Failing(failure)) as sender,
        ):
            assert not await sender.prepare(None)
            assert not sender.ready(None)
            return await sender.send(request_of(call_of())), server

    for failure in (
        TokenRefused(FaultKind.TOKEN_REFUSED, "no"),
        TokenUnavailable(FaultKind.TOKEN_UNAVAILABLE, "later", 5.0),
    ):
        answer, server = asyncio.run(run(failure))
        assert answer == Fault(failure.kind, False, str(failure), wait=failure.wait)
        assert server.connections == 0


def test_an_untrusted_token_host_is_a_certificate_fault() -> None:
    """Credentials are not sent to a host that cannot prove who it is, and the run can say so."""
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(served)

    async def run() -> tuple[Reply | Fault, RawServer]:
        async with RawServer(once(reply_bytes()), served) as server:
            endpoint = endpoint_at(server.url)
            async with (
                TokenSource(endpoint, CREDENTIALS) as source,
                Sender(endpoint, source) as sender,
            ):
                return await sender.send(request_of(call_of())), server

    answer, server = asyncio.run(run())
    assert isinstance(answer, Fault)
    assert (answer.kind, answer.sent) == (FaultKind.CERTIFICATE, False)
    assert server.requests == []
