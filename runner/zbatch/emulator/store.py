"""The tenant's own SQLite file: the only truth of what was billed."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import AbstractContextManager
from dataclasses import dataclass

from zbatch.emulator.exchange import Answer
from zbatch.emulator.history import HistoryTable
from zbatch.emulator.invoices import InvoiceTable, derive
from zbatch.emulator.items import ItemTable
from zbatch.emulator.schema import prepare


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


class _Transaction(AbstractContextManager[None]):
    """All of a block or nothing; one at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def __enter__(self) -> None:
        self._db.execute("begin immediate")

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        self._db.execute("commit" if failed is None else "rollback")


class Store:
    """Tables over one connection, which must be in autocommit mode (`isolation_level=None`)."""

    def __init__(self, connection: sqlite3.Connection, seed: int = 0) -> None:
        self._db = connection
        self._seed = seed
        self.invoices = InvoiceTable(connection, seed)
        self.items = ItemTable(connection)
        self.history = HistoryTable(connection)
        prepare(connection)
        self._db.execute("update meta set boots = boots + 1")
        (self._boot,) = self._db.execute("select boots from meta").fetchone()
        self._requests = 0
        self._transaction = _Transaction(connection)

    def transaction(self) -> AbstractContextManager[None]:
        """Commit all of the block or nothing."""
        return self._transaction

    def next_request_id(self) -> str:
        """Return an ID that no request of this tenant has had, across restarts too."""
        self._requests += 1
        return derive(self._seed, "request", self._boot, self._requests)

    def issue_token(self, now: float, expires_at: float) -> str:
        """Make a bearer token; only its hash is kept."""
        (last,) = self._db.execute("select coalesce(max(id), 0) from tokens").fetchone()
        token = derive(self._seed, "token", last + 1)
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

    def revoke_tokens(self, now: float) -> None:
        """Let every token that was issued so far end now."""
        self._db.execute("update tokens set expires_at = min(expires_at, ?)", (now,))

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

    def forget(self, key: str) -> None:
        """Lose what is kept under the key."""
        self._db.execute("delete from keys where key = ?", (key,))

    def count_look_up(self) -> int:
        """Count one more look-up of a key that is kept, across restarts too."""
        self._db.execute("update meta set look_ups = look_ups + 1")
        (count,) = self._db.execute("select look_ups from meta").fetchone()
        return int(count)

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

    def close(self) -> None:
        """Close the connection."""
        self._db.close()


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
