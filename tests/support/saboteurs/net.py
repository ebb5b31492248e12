"""Saboteurs of the way to the tenant: what the HTTP client does on its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp

from support.saboteurs.bench import Bench
from support.saboteurs.saboteur import LOST, saboteur
from zbatch.net import faults, sender, transport
from zbatch.net.connection import FLIGHT, CleanConnector, Flight
from zbatch.net.sender import Sender
from zbatch.net.transport import Endpoint
from zbatch.zuora.wire import Fault, FaultKind, Reply, Request

NO_HTTP = "the simulation has no HTTP: its transport hands over whole requests and replies"
WIRE = "tests/net/test_sender_wire.py::test_"
FAULTS = "tests/net/test_sender_faults.py::test_"


@saboteur("D16", test=f"{WIRE}f22_a_redirect_is_not_followed", beyond=NO_HTTP)
def redirects_are_followed(bench: Bench) -> None:
    """The HTTP library follows a redirect, and posts again where it is told to."""
    post = transport.post

    async def substitute(
        session: aiohttp.ClientSession,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        flight: Flight,
    ) -> aiohttp.ClientResponse:
        response = await post(session, url, headers, body, flight)
        there = response.headers.get("Location")
        return response if there is None else await post(session, there, headers, body, flight)

    bench.function(post, substitute)


@saboteur("D16", test=f"{FAULTS}f9_a_dropped_idle_connection_means_one_post", beyond=NO_HTTP)
def the_client_repeats_by_itself(bench: Bench) -> None:
    """Below the engine a call is sent again when its connection breaks."""
    send = Sender.send

    async def substitute(self: Any, request: Request) -> Reply | Fault:
        came = await send(self, request)
        broken = isinstance(came, Fault) and came.kind is FaultKind.DISCONNECT
        return await send(self, request) if broken else came

    bench.method(Sender, "send", substitute)


@saboteur("L13", test=f"{FAULTS}a_broken_reply_is_a_fault_of_a_sent_request", beyond=NO_HTTP)
def what_is_not_http_is_a_400(bench: Bench) -> None:
    """A reply that the parser refuses is a 400, as the HTTP library calls it."""
    fault_of = faults.fault_of

    def substitute(error: Exception, flight: Flight) -> Fault | Reply:
        if isinstance(error, aiohttp.ClientResponseError):
            return Reply(error.status, {}, b"")
        return fault_of(error, flight)

    bench.local(sender, "fault_of", substitute)


@saboteur("L18", test=f"{LOST}l18_a_timeout_is_not_taken_for_a_disk_error", beyond=NO_HTTP)
def a_timeout_is_any_os_error(bench: Bench) -> None:
    """A timeout is caught as the OSError that it also is."""
    table = faults._TABLE
    first = [row for row in table if row[0] is OSError]
    bench.constant(table, (*first, *(row for row in table if row[0] is not OSError)))


@saboteur("L22", test=f"{FAULTS}a_broken_reply_is_a_fault_of_a_sent_request", beyond=NO_HTTP)
def a_body_ends_where_the_connection_does(bench: Bench) -> None:
    """A reply that does not say where it ends is taken as whole."""
    read = transport.read_body

    async def substitute(response: aiohttp.ClientResponse) -> bytes:
        endless = not response.headers.keys() & {"Content-Length", "Transfer-Encoding"}
        return await response.read() if endless else await read(response)

    bench.function(read, substitute)


@saboteur(
    "R3",
    test="tests/net/test_sent_proof.py::test_f21_what_is_called_unsent_was_never_seen_by_the_server",
    beyond=NO_HTTP,
)
def nothing_is_ever_sent(bench: Bench) -> None:
    """Whatever breaks, the request is said never to have left."""

    connect = CleanConnector.connect

    async def substitute(
        connector: CleanConnector, *values: Any, **named: Any
    ) -> aiohttp.connector.Connection:
        connection = await connect(connector, *values, **named)
        FLIGHT.get().sent = False
        return connection

    bench.method(CleanConnector, "connect", substitute)


@saboteur("R11", test=f"{WIRE}environment_proxies_and_netrc_are_unused", beyond=NO_HTTP)
def the_environment_names_a_proxy(bench: Bench) -> None:
    """Proxy and password are taken from the environment."""
    open_session = transport.open_session

    def substitute(endpoint: Endpoint) -> aiohttp.ClientSession:
        session = open_session(endpoint)
        if session._trust_env:
            raise LookupError("the client trusts its environment as it is")
        session._trust_env = True
        return session

    bench.function(open_session, substitute)
