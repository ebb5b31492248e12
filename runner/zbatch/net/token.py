"""Hold the tenant's access token: one request for many waiters, renewed before it is too old."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urlencode

import aiohttp

from zbatch.net.connection import Flight
from zbatch.net.faults import fault_of
from zbatch.net.secret import Secret
from zbatch.net.transport import Endpoint, kept_headers, open_session, post, read_body
from zbatch.zuora.headers import TOKEN_PATH
from zbatch.zuora.limits import date_of, retry_after
from zbatch.zuora.token_reply import TokenDenied, TokenGranted, read_token_reply
from zbatch.zuora.wire import FaultKind

MARGIN_SECONDS = 30.0
"""How much longer than a call a token must live when it is handed out."""

PAUSE_SECONDS = 1.0
"""How long a failed request stands for those that follow."""

AT_ONCE, APART_SECONDS = 20, 0.75
"""So many requests may follow each other at once, all others are apart: no minute has over 100."""

REQUEST_SECONDS = 60.0

_HEADERS = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Accept-Encoding": "gzip",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token; `serial` counts the tokens of this source from 1."""

    value: Secret
    serial: int


class TokenFailure(Exception):
    """There is no token to send with; nothing was sent. The text is safe to show.

    `answered` is False where not even a refusal came back.
    """

    def __init__(
        self, kind: FaultKind, detail: str, wait: float | None = None, *, answered: bool = True
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.wait = wait
        self.answered = answered


class TokenRefused(TokenFailure):
    """The credentials or the host are wrong: asking again is no use."""


class TokenUnavailable(TokenFailure):
    """The token endpoint cannot be reached or has no time; `wait` is what it asked for."""


class EntityRefused(TokenRefused):
    """The credentials are good, but not for the entity that the tenant names."""


class Tokens(Protocol):
    """Where a sender gets its tokens."""

    def ready(self, stale: int | None) -> bool:
        """Tell whether such a token is in hand."""
        ...

    async def token(self, stale: int | None) -> Token:
        """Give a token that outlives a call, newer than `stale`; raise TokenFailure."""
        ...


@dataclass(frozen=True, slots=True)
class _Held:
    """A token with the readings of both clocks at which it is too old.

    A suspended machine's monotonic clock stands still, and a wall clock may be set back.
    """

    token: Token
    wall: datetime
    monotonic: float


class TokenSource:
    """Ask for tokens with client credentials (Create an OAuth token).

    It never repeats a failed request by itself. A refusal is final; any other failure stands for
    a second, or for as long as the server asked. `why_not` says what is against the tenant and
    the entity that a token names, where anything is.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        credentials: tuple[Secret, Secret],
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        why_not: Callable[[Mapping[str, str]], str | None] | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._credentials = credentials
        self._monotonic = monotonic
        self._sleep = sleep
        self._why_not = why_not
        self._session: aiohttp.ClientSession | None = None
        self._held: _Held | None = None
        self._serial = 0
        self._refresh: asyncio.Task[Token] | None = None
        self._failure: TokenFailure | None = None
        self._failure_ends = 0.0
        self._due = -math.inf  # by an even pace, the next request; it may be so many ahead of that

    async def __aenter__(self) -> Self:
        self._session = open_session(self._endpoint)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._refresh is not None:
            self._refresh.cancel()
            await asyncio.wait([self._refresh])
        if self._session is not None:
            await self._session.close()

    def ready(self, stale: int | None) -> bool:
        """Tell whether a token that `token` would give is in hand."""
        return self._in_hand(stale) is not None

    async def token(self, stale: int | None) -> Token:
        """Give a token that outlives a call; newer than the serial `stale`, which was refused.

        A waiter may be cancelled without harm to the request that others wait for too.
        """
        if held := self._in_hand(stale):
            return held
        if self._failure and self._monotonic() < self._failure_ends:
            raise self._failure.with_traceback(None)
        if self._refresh is None:
            self._refresh = asyncio.create_task(self._renew())
            self._refresh.add_done_callback(self._renewed)
        return await asyncio.shield(self._refresh)

    def _in_hand(self, stale: int | None) -> Token | None:
        held = self._held
        if held is None or held.token.serial <= (stale or 0):
            return None
        fresh = self._endpoint.now() < held.wall and self._monotonic() < held.monotonic
        return held.token if fresh else None

    def _renewed(self, _task: asyncio.Task[Token]) -> None:
        self._refresh = None

    async def _renew(self) -> Token:
        try:
            token = await self._ask()
        except TokenFailure as failure:
            final = isinstance(failure, TokenRefused)
            pause = max(failure.wait or 0.0, PAUSE_SECONDS)
            self._failure = failure
            self._failure_ends = float("inf") if final else self._monotonic() + pause
            raise
        self._failure = None
        return token

    async def _turn(self) -> None:
        """Keep to the quota of tokens, which is 100 a minute for an IP whatever else is sent."""
        now = self._monotonic()
        self._due = max(self._due, now) + APART_SECONDS
        wait = self._due - AT_ONCE * APART_SECONDS - now
        if wait > 0.0:
            await self._sleep(wait)

    async def _ask(self) -> Token:
        await self._turn()
        wall, monotonic = self._endpoint.now(), self._monotonic()
        status, headers, body = await self._exchange()
        answer = read_token_reply(status, body, self._hide)
        if isinstance(answer, TokenGranted):
            self._check_entity(answer)
            self._check_tenant(answer)
            self._serial += 1
            token = Token(Secret(answer.access_token), self._serial)
            # A token that lives hardly longer than a call is used for half its life.
            use = max(answer.life - self._endpoint.timeout - MARGIN_SECONDS, answer.life / 2)
            self._held = _Held(token, wall + timedelta(seconds=use), monotonic + use)
            return token
        told = answer.problem.message
        if not told.startswith(f"HTTP {status} "):  # as where the answer itself says nothing
            told = f"HTTP {status}, {told}"
        detail = f"token request: {told}"
        if isinstance(answer, TokenDenied):
            raise TokenRefused(FaultKind.TOKEN_REFUSED, detail)
        wait = retry_after(headers, date_of(headers) or self._endpoint.now())
        raise TokenUnavailable(FaultKind.TOKEN_UNAVAILABLE, detail, wait)

    def _check_entity(self, answer: TokenGranted) -> None:
        """Refuse a token that says itself that it is for other entities (L19)."""
        if not answer.admits(self._endpoint.tenant.entity_id):
            raise EntityRefused(
                FaultKind.TOKEN_REFUSED,
                "token request: the OAuth client is not for the entity_id that tenants.yaml names",
            )

    def _check_tenant(self, answer: TokenGranted) -> None:
        """Refuse a token that says itself that it is for another tenant of the host (L19)."""
        if self._why_not and (why := self._why_not(answer.home)):
            raise TokenRefused(FaultKind.TOKEN_REFUSED, f"token request: {why}")

    async def _exchange(self) -> tuple[int, dict[str, str], bytes]:
        if self._session is None:
            raise RuntimeError("a token source is used inside its async with block")
        url = self._endpoint.tenant.base_url + TOKEN_PATH
        flight = Flight()
        try:
            async with (
                asyncio.timeout(min(REQUEST_SECONDS, self._endpoint.timeout)),
                await post(self._session, url, _HEADERS, self._form(), flight) as response,
            ):
                return response.status, kept_headers(response), await read_body(response)
        # Whatever goes wrong here, nothing of the call itself was sent.
        except Exception as error:
            fault = fault_of(error, flight)
            detail = f"token request: {fault.detail}"
            if fault.kind is FaultKind.CERTIFICATE:
                raise TokenRefused(FaultKind.CERTIFICATE, detail, answered=False) from error
            unavailable = FaultKind.TOKEN_UNAVAILABLE
            raise TokenUnavailable(unavailable, detail, answered=False) from error

    def _form(self) -> bytes:
        client_id, client_secret = self._credentials
        form = {
            "client_id": client_id.reveal(),
            "client_secret": client_secret.reveal(),
            "grant_type": "client_credentials",
        }
        return urlencode(form).encode("ascii")

    def _hide(self, body: bytes) -> bytes:
        """Take our credentials out of what the server says, should it say them back."""
        for secret in self._credentials:
            body = secret.hide_in(body)
        return body
