"""What crosses the wire, as values: a request, and the reply or the fault that came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Request:
    """One send of a generate call.

    `wire` is the gzip body as stored. `stale_token` is the serial of a token that was answered
    401: the sender then uses a newer one. `not_after` is the wall time from which it must not leave
    any more, should a token or a suspended machine take that long.
    """

    key: str
    wire: bytes
    track_id: str
    stale_token: int | None = None
    not_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """One send of a question: it changes nothing and never carries a key.

    `path` is one of those in `zbatch.zuora.headers` that only read, `wire` the gzip body;
    `stale_token` as in Request. `wsdl` is the least version that knows what it asks for.
    """

    path: str
    wire: bytes
    stale_token: int | None = None
    wsdl: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer read to its end.

    `headers` are lower case and hold only the names in `zbatch.zuora.headers.KEPT`; `body` is
    decompressed and within the cap. `token` is the serial of the token it was sent with.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    token: int = 0
    sent_at: datetime | None = None


class FaultKind(StrEnum):
    """Why there is no answer."""

    CONNECT = "connect"  # refused, unreachable, DNS, TLS handshake, no slot in the pool
    CERTIFICATE = "certificate"  # the host could not prove who it is
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a word, not a secret
    TOKEN_UNAVAILABLE = "token_unavailable"  # noqa: S105 - a word, not a secret
    TIMEOUT = "timeout"
    DISCONNECT = "disconnect"
    GARBLED = "garbled"  # not HTTP, broken chunking or gzip, over the cap, cut short
    CROSSED = "crossed"  # the echoed track ID belongs to another item
    LATE = "late"  # not sent, since what lets it go has grown too old meanwhile
    INTERNAL = "internal"  # a bug of ours around the send


@dataclass(frozen=True, slots=True)
class Fault:
    """The lack of an answer; `sent` is False only where it is proved that no byte left.

    `detail` is for people, one line, free of secrets and of anything a server said unfiltered.
    `wait` is how many seconds the token endpoint asks to be left alone.
    """

    kind: FaultKind
    sent: bool
    detail: str
    sent_at: datetime | None = None
    wait: float | None = None
