"""The tenant's own SQLite file: the only truth of what was billed."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from zbatch.emulator.exchange import Answer

VERSION = 1

SCHEMA = """
create table meta (boots integer not null);
insert into meta values (0);
create table tokens (
    id integer primary key autoincrement,
    hash blob not null unique,
    issued_at real not null,
    expires_at real not null
);
create table keys (
    key text primary key,
    entity text not null,
    method text not null,
    path text not null,
    body_hash blob not null,
    set_at real not null,
    status integer not null,
    headers text not null,
    body blob not null
) without rowid;
create index keys_by_age on keys (set_at);
create table invoices (
    n integer primary key autoincrement,
    id text not null unique,
    account_id text not null,
    invoice_date text not null,
    target_date text not null,
    status text not null,
    created_at real not null,
    key text
);
create index invoices_by_account on invoices (account_id, target_date);
create table history (
    n integer primary key autoincrement,
    arrived_at real not null,
    finished_at real not null,
    peer text not null,
    method text not null,
    path text not null,
    key text,
    body_hash blob not null,
    track_id text,
    request_id text not null,
    status integer not null,
    note text not null
);
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a key is bound to: another entity, method or URL under the same key is a 422."""

    entity: str
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class Remembered:
    """A key with the reply kept under it; `body_hash` is of the request's content."""

    key: str
    scope: Scope
    body_hash: bytes
    set_at: float
    answer: Answer


@dataclass(frozen=True, slots=True)
class Exchange:
    """One line of the history: what came in, and what was answered."""

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


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice that exists; `key` is the idempotency key it was created under."""

    id: str
    number: str
    account_id: str
    invoice_date: date
    target_date: date
    status: str
    created_at: datetime
    key: str | None


class Store:
    """Tables over one connection, which must be in autocommit mode (`isolation_level=None`)."""

    def __init__(self, connection: sqlite3.Connection, seed: int = 0) -> None:
        self._db = connection
        self._seed = seed
        (version,) = self._db.execute("pragma user_version").fetchone()
        if version == 0:
            # executescript cannot be part of a transaction that it did not begin itself
            self._db.executescript(f"begin; {SCHEMA} pragma user_version={VERSION}; commit;")
        elif version != VERSION:
            raise sqlite3.DatabaseError(f"format {version}, and this release reads {VERSION}")
        self._db.execute("update meta set boots = boots + 1")
        (self._boot,) = self._db.execute("select boots from meta").fetchone()
        self._requests = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all of the block or nothing."""
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def next_request_id(self) -> str:
        """Return an ID that no request of this tenant has had, across restarts too."""
        self._requests += 1
        return self._hex("request", self._boot, self._requests)

    def issue_token(self, now: float, expires_at: float) -> str:
        """Make a bearer token; only its hash is kept."""
        (last,) = self._db.execute("select coalesce(max(id), 0) from tokens").fetchone()
        token = self._hex("token", last + 1)
        self._db.execute(
            "insert into tokens (hash, issued_at, expires_at) values (?, ?, ?)",
            (_hash(token), now, expires_at),
        )
        return token

    def token_lives(self, token: str, now: float) -> bool:
        """Tell whether the token was issued here and has not expired."""
        row = self._db.execute(
            "select expires_at from tokens where hash = ?", (_hash(token),)
        ).fetchone()
        return row is not None and now < row[0]

    def recall(self, key: str, oldest: float) -> Remembered | None:
        """Return what is kept under the key, if it was set after `oldest`."""
        row = self._db.execute("select * from keys where key = ?", (key,)).fetchone()
        if row is None:
            return None
        _, entity, method, path, body_hash, set_at, status, headers, body = row
        if set_at <= oldest:
            self._db.execute("delete from keys where set_at <= ?", (oldest,))
            return None
        answer = Answer(status, body, json.loads(headers))
        return Remembered(key, Scope(entity, method, path), body_hash, set_at, answer)

    def remember(self, kept: Remembered) -> None:
        """Keep a reply under its key; what a key holds already is never replaced."""
        scope, answer = kept.scope, kept.answer
        self._db.execute(
            "insert or ignore into keys values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(kept.key, scope.entity, scope.method, scope.path, kept.body_hash, kept.set_at),
                *(answer.status, json.dumps(dict(answer.headers)), answer.body),
            ),
        )

    def billed_through(self, account_id: str) -> date | None:
        """Return the latest target date the account was invoiced for."""
        (latest,) = self._db.execute(
            "select max(target_date) from invoices where account_id = ?", (account_id,)
        ).fetchone()
        return None if latest is None else date.fromisoformat(latest)

    def create_invoice(
        self, account_id: str, dates: tuple[date, date], now: float, key: str | None
    ) -> str:
        """Create a Draft and return its ID; `dates` are invoice date and target date."""
        (last,) = self._db.execute(
            "select coalesce(max(n), 0) from invoices"  # no invoice row is ever deleted
        ).fetchone()
        invoice_id = self._hex("invoice", last + 1)
        self._db.execute(
            "insert into invoices (id, account_id, invoice_date, target_date, status, created_at,"
            " key) values (?, ?, ?, ?, 'Draft', ?, ?)",
            (invoice_id, account_id, dates[0].isoformat(), dates[1].isoformat(), now, key),
        )
        return invoice_id

    def record(self, exchange: Exchange) -> None:
        """Write one line of the history."""
        self._db.execute(
            "insert into history (arrived_at, finished_at, peer, method, path, key, body_hash,"
            " track_id, request_id, status, note) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(exchange.arrived_at, exchange.finished_at, exchange.peer, exchange.method),
                *(exchange.path, exchange.key, exchange.body_hash, exchange.track_id),
                *(exchange.request_id, exchange.status, exchange.note),
            ),
        )

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def _hex(self, kind: str, *numbers: int) -> str:
        text = "/".join([str(self._seed), kind, *map(str, numbers)])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def read_invoices(connection: sqlite3.Connection) -> list[Invoice]:
    """Read all invoices in the order they arose."""
    rows: list[tuple[Any, ...]] = connection.execute(
        "select n, id, account_id, invoice_date, target_date, status, created_at, key"
        " from invoices order by n"
    ).fetchall()
    return [
        Invoice(
            id=invoice_id,
            number=f"INV{n:08d}",
            account_id=account_id,
            invoice_date=date.fromisoformat(invoice_date),
            target_date=date.fromisoformat(target_date),
            status=status,
            created_at=datetime.fromtimestamp(created_at, UTC),
            key=key,
        )
        for n, invoice_id, account_id, invoice_date, target_date, status, created_at, key in rows
    ]


def read_history(connection: sqlite3.Connection) -> list[Exchange]:
    """Read the history in the order it was written."""
    rows = connection.execute(
        "select arrived_at, finished_at, peer, method, path, key, body_hash, track_id, request_id,"
        " status, note from history order by n"
    )
    return [Exchange(*row) for row in rows]


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
