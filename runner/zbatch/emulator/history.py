"""The complete history: what arrived, what it was answered, and what became of the answer.

It is what a checker holds a client against, so it has all that the client has let out, and no
secret: of a token request neither content nor hash, of a token reply no body, and of no request
its `Authorization`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace

_ARRIVED = """
insert into arrivals (arrived_at, peer, method, path, key, entity, track_id, request_id, content,
    readable, body_hash) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_ARRIVALS = """
select n, arrived_at, peer, method, path, key, entity, track_id, request_id, content, readable,
    body_hash from arrivals order by n"""
_ANSWERED = """
insert into replies (arrival, at, status, body, delivery, note) values (?, ?, ?, ?, ?, ?)"""
_REPLIES = "select arrival, at, status, body, delivery, note from replies order by n"
_EXCHANGES = """
select a.arrived_at, r.at, a.peer, a.method, a.path, a.key, a.body_hash, a.track_id, a.request_id,
    r.status, r.note, a.n, a.entity, a.content, r.body, r.delivery
from replies r join arrivals a on a.n = r.arrival order by r.n"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request that the tenant has taken in, from the moment it did, answered or not.

    `number` counts arrivals from 1, across restarts. Times are epoch seconds. Headers that are no
    printable ASCII are escaped. `content` is decompressed, unless that failed: then it is as it
    came and not `readable`; None outside `/v1/`, where it may be a secret, and in what an older
    release wrote. `body_hash` is the SHA-256 of the content, empty outside `/v1/`.
    """

    number: int
    arrived_at: float
    peer: str
    method: str
    path: str
    key: str | None
    entity: str | None
    track_id: str | None
    request_id: str
    content: bytes | None
    readable: bool
    body_hash: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What an arrival was answered, as decided before compression and before any way.

    An arrival has none while it is pending (or if the server died then), and two where its caller
    was cut off and the execution ended after that. `status` is 0 where nothing was answered.
    `body` is None for a token, and in what an older release wrote. `delivery` is the `Delivery`
    that says what became of it on its way, empty if an older release wrote it.
    """

    arrival: int
    at: float
    status: int
    body: bytes | None
    delivery: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """An arrival with one reply to it, as one line.

    `arrival` is the number of the arrival, which executions name too; `finished_at` and what
    follows `status` are the reply's, all else is the arrival's.
    """

    arrived_at: float
    finished_at: float
    peer: str
    method: str
    path: str
    key: str | None
    body_hash: bytes
    track_id: str | None
    request_id: str
    status: int
    note: str = ""
    arrival: int = 0
    entity: str | None = None
    content: bytes | None = None
    body: bytes | None = None
    delivery: str = ""


class HistoryTable:
    """Arrivals and replies in the tenant's file; the caller holds the transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def arrived(self, arrival: Arrival) -> int:
        """Write an arrival down, and return the number it is given in place of its own."""
        written = self._db.execute(
            _ARRIVED,
            (
                *(arrival.arrived_at, arrival.peer, arrival.method, arrival.path, arrival.key),
                *(arrival.entity, arrival.track_id, arrival.request_id),
                *(arrival.content, arrival.readable, arrival.body_hash),
            ),
        )
        return int(written.lastrowid or 0)

    def answered(self, reply: Reply) -> None:
        """Write down what an arrival was answered."""
        self._db.execute(
            _ANSWERED,
            (reply.arrival, reply.at, reply.status, reply.body, reply.delivery, reply.note),
        )


def read_arrivals(connection: sqlite3.Connection) -> list[Arrival]:
    """Read every arrival in order."""
    rows = (Arrival(*row) for row in connection.execute(_ARRIVALS))
    return [replace(row, readable=bool(row.readable)) for row in rows]


def read_replies(connection: sqlite3.Connection) -> list[Reply]:
    """Read every reply, in the order in which they were given."""
    return [Reply(*row) for row in connection.execute(_REPLIES)]


def read_history(connection: sqlite3.Connection) -> list[Exchange]:
    """Read what was answered, in the order of the answers, each with what it answers."""
    return [Exchange(*row) for row in connection.execute(_EXCHANGES)]


def bodies_of_keys(arrivals: Iterable[Arrival]) -> dict[str, list[bytes]]:
    """Return each key with the hashes of the bodies that it came with, in order, each once."""
    found: dict[str, dict[bytes, None]] = {}
    for arrival in arrivals:
        if arrival.key is not None:
            found.setdefault(arrival.key, {})[arrival.body_hash] = None
    return {key: list(hashes) for key, hashes in found.items()}
