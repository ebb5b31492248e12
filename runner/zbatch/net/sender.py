"""Send a generate call over HTTP: one request, and the reply or the reason why there is none."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

import aiohttp

from zbatch.net.connection import hang_up
from zbatch.net.faults import fault_of
from zbatch.net.token import Token, TokenFailure, Tokens
from zbatch.net.transport import Endpoint, Flight, kept_headers, open_session, post, read_body
from zbatch.zuora.headers import GENERATE_PATH, GENERATE_QUERY, TRACK_ID, request_headers
from zbatch.zuora.request import echo_matches
from zbatch.zuora.wire import Fault, FaultKind, Reply, Request


class _Crossed(Exception):
    """The reply names another call's track ID."""


class Sender:
    """Send calls to one tenant, within the endpoint's deadline for each, and never twice.

    The deadline runs from the token in hand to the last byte of the reply. Every trouble comes
    back as a Fault; only a cancellation is raised, and it tells nothing: the attempt is one
    without a recorded reply, which makes its key doubtful. Its connection is closed.
    """

    def __init__(self, endpoint: Endpoint, tokens: Tokens) -> None:
        self._endpoint = endpoint
        self._tokens = tokens
        self._session: aiohttp.ClientSession | None = None
        self._url = f"{endpoint.tenant.base_url}{GENERATE_PATH}?{GENERATE_QUERY}"

    async def __aenter__(self) -> Self:
        self._session = open_session(self._endpoint)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, request: Request) -> Reply | Fault:
        """Send one attempt of a call and read its reply to the end."""
        flight = Flight()
        try:
            token = await self._tokens.token(request.stale_token)
            async with asyncio.timeout(self._endpoint.timeout):
                return await self._exchange(request, token, flight)
        except TokenFailure as failure:
            return Fault(failure.kind, False, str(failure))
        except _Crossed:
            detail = "the reply belongs to another call"
            return Fault(FaultKind.CROSSED, True, detail, flight.started_at)
        # Not only what is expected: a bug met by one send must not cancel the sends beside it.
        except Exception as error:
            return fault_of(error, flight)

    async def _exchange(self, request: Request, token: Token, flight: Flight) -> Reply:
        if self._session is None:
            raise RuntimeError("a sender is used inside its async with block")
        headers = request_headers(
            self._endpoint.tenant, request.key, request.track_id, token.value.reveal()
        )
        flight.started_at = self._endpoint.now()
        async with post(self._session, self._url, headers, request.wire, flight) as response:
            kept = kept_headers(response)
            if not echo_matches(request.key, kept.get(TRACK_ID.lower())):
                hang_up(response)
                raise _Crossed
            body = await read_body(response)
        return Reply(response.status, kept, body, token.serial, flight.started_at)
