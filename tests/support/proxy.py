"""A proxy between a run and its tenant that treats requests as badly as a test asks."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from support.hostile import Peer, RawServer

TOKEN = "/oauth/token"
GENERATE = "/v1/action/generate"
QUERY = "/v1/action/query"
_KEY = re.compile(rb"idempotency-key: *(\S+)", re.IGNORECASE)
_LENGTH = re.compile(rb"content-length: *([0-9]+)", re.IGNORECASE)


@dataclass
class Passage:
    """One request that has come as far as its head; `number` counts those of its path, from 1."""

    peer: Peer
    proxy: Proxy
    head: bytes
    path: str
    number: int
    request: bytes = b""

    async def read(self) -> bytes:
        """Read the request to its end."""
        if not self.request:
            self.request = self.head + await self.peer.reader.readexactly(_length(self.head))
            self.proxy.requests.append(self.request)
        return self.request

    async def accounts(self) -> tuple[int, ...]:
        """Tell the numbers of the accounts that a generate is for."""
        body = (await self.read())[len(self.head) :]
        objects = json.loads(gzip.decompress(body))["objects"]
        return tuple(int(one["AccountId"][-8:], 16) for one in objects)

    async def forward(self) -> bytes:
        """Let the tenant answer, and give its reply."""
        reader, writer = await asyncio.open_connection(*self.proxy.upstream)
        try:
            writer.write(await self.read())
            head = await reader.readuntil(b"\r\n\r\n")
            return head + await reader.readexactly(_length(head))
        finally:
            writer.close()

    async def relay(self) -> None:
        """Do what a proxy is for."""
        reply = await self.forward()
        if self.path == TOKEN and (found := re.search(rb'"access_token":"([^"]+)"', reply)):
            self.proxy.secrets.add(found[1].decode())
        await self.peer.say(reply)


Happening = Callable[[Passage], Awaitable[None]]
Plan = Callable[[Passage], Happening | None]


@dataclass
class Proxy:
    """Passes on what the plan has nothing to do to; `secrets` are the tokens that went through."""

    upstream: tuple[str, int]
    plan: Plan = lambda passage: None
    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    open: int = 0
    opened: int = 0

    async def script(self, peer: Peer) -> None:
        """Serve one connection."""
        self.open += 1
        self.opened += 1
        try:
            while True:
                head = await peer.reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ")[1].partition(b"?")[0].decode()
                self.counts[path] += 1
                passage = Passage(peer, self, head, path, self.counts[path])
                await (self.plan(passage) or Passage.relay)(passage)
                if peer.writer.is_closing():
                    return
        finally:
            self.open -= 1

    def keys(self) -> list[bytes]:
        """Give the key of each generate that was read, in their order."""
        found = map(_KEY.search, self.requests)
        return [match[1] for match in found if match]


@asynccontextmanager
async def proxying(upstream: str, plan: Plan) -> AsyncIterator[Proxy]:
    """Run a proxy before the tenant at a base URL."""
    address = urlsplit(upstream)
    assert address.hostname
    assert address.port
    proxy = Proxy((address.hostname, address.port), plan)
    async with RawServer(proxy.script) as server:
        proxy.url = server.url
        yield proxy


def _length(head: bytes) -> int:
    found = _LENGTH.search(head)
    return int(found[1]) if found else 0


# Plans


def to(path: str, happening: Happening, *numbers: int) -> Plan:
    """Let something happen to the requests of a path, or to those with these numbers."""
    return lambda one: (
        happening if one.path == path and (not numbers or one.number in numbers) else None
    )


def first(happening: Happening) -> Plan:
    """Let something happen to the first generate."""
    return to(GENERATE, happening, 1)


def in_turn(*happenings: Happening | None) -> Plan:
    """Let these happen to the first generates, one after the other."""
    wanted = dict(enumerate(happenings, 1))
    return lambda one: wanted.get(one.number) if one.path == GENERATE else None


def by_account(happenings: dict[int, Happening], times: int = 1) -> Plan:
    """Let something happen to the first generates of each account, one object a call."""
    seen: Counter[int] = Counter()

    async def happen(passage: Passage) -> None:
        (account,) = await passage.accounts()
        seen[account] += 1
        spoilt = account in happenings and seen[account] <= times
        await (happenings[account] if spoilt else Passage.relay)(passage)

    return to(GENERATE, happen)
