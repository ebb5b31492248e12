"""A request inside the tenant: as it arrived, and while its execution takes time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from zbatch.emulator import gateway
from zbatch.emulator.exchange import Answer, Request, content_of
from zbatch.emulator.faults import Mishap
from zbatch.emulator.history import Arrival
from zbatch.emulator.store import Scope

API = "/v1/"


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that has arrived: `content` is None where its gzip is broken.

    `mishap` is what goes wrong with it.
    `body_hash` is of the content, so that the same call compressed by other means is the same.
    `number` is that of its arrival in the history, 0 until it is there.
    """

    request: Request
    now: float
    request_id: str
    content: bytes | None
    body_hash: bytes
    mishap: Mishap | None
    number: int = 0

    @classmethod
    def of(
        cls, request: Request, now: float, request_id: str, mishap: Mishap | None = None
    ) -> Visit:
        """Take a request in."""
        content = content_of(request)
        digest = hashlib.sha256(request.body if content is None else content).digest()
        return cls(request, now, request_id, content, digest, mishap)

    def numbered(self, number: int) -> Visit:
        """Return the visit with the number that the history has given its arrival."""
        return replace(self, number=number)

    @property
    def arrival(self) -> Arrival:
        """What the history keeps of it."""
        request = self.request
        inside = request.path.startswith(API)
        readable = self.content is not None
        return Arrival(
            number=self.number,
            arrived_at=self.now,
            peer=request.peer,
            method=request.method,
            path=request.path,
            key=gateway.visible(self.key),
            entity=gateway.visible(request.headers.get("zuora-entity-ids")),
            track_id=gateway.visible(request.headers.get("zuora-track-id")),
            request_id=self.request_id,
            content=(self.content if readable else request.body) if inside else None,
            readable=readable,
            body_hash=self.body_hash if inside else b"",
        )

    @property
    def key(self) -> str | None:
        """The idempotency key it carries."""
        return self.request.headers.get("idempotency-key")

    @property
    def scope(self) -> Scope:
        """What its key is bound to."""
        entity = self.request.headers.get("zuora-entity-ids", "")
        return Scope(entity, self.request.method, self.request.path)


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """A call in execution: it is done at `due`; its caller is answered by `cut_at` at the latest.

    Both are epoch seconds. `execute` does the work, told the time at which it is done. Whoever
    holds it calls `Tenant.cut_off` if `cut_at` comes first, and `Tenant.complete` at `due` in any
    case.
    """

    visit: Visit
    execute: Callable[[float], Answer]
    accounts: frozenset[str]
    due: float
    cut_at: float
