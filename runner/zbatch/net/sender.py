"""Send a call or a question over HTTP: one request, and the reply or why there is none."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

import aiohttp

from zbatch.net.connection import Flight, TooLate, hang_up
from zbatch.net.faults import fault_of
from zbatch.net.token import Token, TokenFailure, Tokens
from zbatch.net.transport import Endpoint, kept_headers, open_session, post, read_body
from zbatch.zuora.headers import (
    GENERATE_PATH,
    GENERATE_QUERY,
    TRACK_ID,
    query_headers,
    request_headers,
)
from zbatch.zuora.request import echo_matches
from zbatch.zuora.wire import Ask, Fault, FaultKind, Reply, Request

QUERY_TRACK_PREFIX = "zq-"


class _Crossed(Exception):
    """The reply names another call's track ID."""


@dataclass(slots=True)
class _Parcel:
    """What calls and questions differ in; `headers` takes the bearer token in clear.

    `ours` tells whether an echoed track ID, or the lack of one, may belong to it.
    """

    target: str
    wire: bytes
    stale_token: int | None
    headers: Callable[[str], dict[str, str]]
    ours: Callable[[str | None], bool]
    not_after: datetime | None = None


class Sender:
    """Send calls to one tenant, within the endpoint's deadline for each, and never twice.

    The deadline runs from the token in hand to the last byte of the reply. Every trouble comes
    back as a Fault; only a cancellation is raised, and it tells nothing: the attempt is one
    without a recorded reply, which makes its key doubtful. Its connection is closed.
    """

    def __init__(self, endpoint: Endpoint, tokens: Tokens) -> None:
        self._endpoint = endpoint
        self._tenant = endpoint.tenant
        self._tokens = tokens
        self._session: aiohttp.ClientSession | None = None

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

    def ready(self, stale_token: int | None) -> bool:
        """Tell whether a request would leave at once: a token newer than that one is in hand."""
        return self._tokens.ready(stale_token)

    async def prepare(self, stale_token: int | None) -> bool:
        """Wait for such a token; False where none can be had."""
        try:
            await self._tokens.token(stale_token)
        except Exception:  # whatever it is: the request that needs the token tells of it
            return False
        return True

    async def send(self, request: Request) -> Reply | Fault:
        """Send one attempt of a call and read its reply to the end."""
        return await self._deliver(
            _Parcel(
                f"{GENERATE_PATH}?{GENERATE_QUERY}",
                request.wire,
                request.stale_token,
                lambda token: request_headers(self._tenant, request.key, request.track_id, token),
                lambda echo: echo_matches(request.key, echo),
                request.not_after,
            )
        )

    async def ask(self, question: Ask) -> Reply | Fault:
        """Send a question, under a track ID of its own, and read its reply to the end."""
        track_id = QUERY_TRACK_PREFIX + secrets.token_hex(12)
        return await self._deliver(
            _Parcel(
                question.path,
                question.wire,
                question.stale_token,
                lambda token: query_headers(self._tenant, track_id, token, question.wsdl),
                lambda echo: not echo or echo == track_id,
            )
        )

    async def _deliver(self, parcel: _Parcel) -> Reply | Fault:
        now, end = self._endpoint.now, parcel.not_after
        flight = Flight(late=lambda: end is not None and now() > end)
        try:
            token = await self._tokens.token(parcel.stale_token)
            if flight.late():
                raise TooLate
            async with asyncio.timeout(self._endpoint.timeout):
                return await self._exchange(parcel, token, flight)
        except TokenFailure as failure:
            return Fault(failure.kind, False, str(failure), wait=failure.wait)
        except TooLate:
            return Fault(FaultKind.LATE, flight.sent, "it was too late to send it")
        except _Crossed:
            detail = "the reply belongs to another call"
            return Fault(FaultKind.CROSSED, True, detail, flight.started_at)
        # Not only what is expected: a bug met by one send must not cancel the sends beside it.
        except Exception as error:
            return fault_of(error, flight)

    async def _exchange(self, parcel: _Parcel, token: Token, flight: Flight) -> Reply:
        if self._session is None:
            raise RuntimeError("a sender is used inside its async with block")
        url = self._tenant.base_url + parcel.target
        headers = parcel.headers(token.value.reveal())
        flight.started_at = self._endpoint.now()
        async with await post(self._session, url, headers, parcel.wire, flight) as response:
            kept = kept_headers(response, token.value.hide_in_text)
            if not parcel.ours(kept.get(TRACK_ID.lower())):
                hang_up(response)
                raise _Crossed
            body = token.value.hide_in(await read_body(response))
        return Reply(response.status, kept, body, token.serial, flight.started_at)
