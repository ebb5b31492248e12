"""A look at a ledger without its lock: nothing is written, and nothing is left beside it."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

from zbatch.errors import CannotStart
from zbatch.ledger import rows
from zbatch.ledger import statements as sql
from zbatch.ledger.billed import Billed, read_billed, read_items
from zbatch.ledger.extract import extract
from zbatch.ledger.place import LEDGER_FILE
from zbatch.ledger.planned import Told, listed, planned
from zbatch.ledger.schema import APPLICATION_ID, STEPS
from zbatch.ledger.standings import Damaged, read_standings
from zbatch.model import Identity, Item, Standing

Found = TypeVar("Found")

_RUNS = (
    "SELECT id, spec_name, plan_digest, started_at,"
    " (SELECT count(*) FROM run_item WHERE run_id = run.id) AS items FROM run"
    f" ORDER BY {sql.RUN_ORDER}"
)
_RUNS_AFTER = (
    f"SELECT id FROM run WHERE ({sql.RUN_ORDER}) > (SELECT {sql.RUN_ORDER} FROM run WHERE id = ?)"
)
_SENDS = (
    "SELECT started_at, finished_at, http_status FROM attempt WHERE run_id = ? AND sent"
    " ORDER BY started_at, call_id, number"
)
_UNDER_WAY = (
    "SELECT account_id, target_date, revision FROM attempt"
    " JOIN call_item USING (call_id) JOIN item ON item.id = item_id"
    " WHERE run_id = ? AND answer IS NULL AND state <> 'settled'"
)
_NUMBERS = (
    "SELECT DISTINCT account_number, account_id FROM item WHERE account_number IS NOT NULL"
    " ORDER BY account_number, account_id"
)


@dataclass(frozen=True, slots=True)
class KnownRun:
    """A run that this ledger knows, and how many items its plan had."""

    id: str
    spec_name: str
    plan_digest: str
    started_at: datetime
    items: int


@dataclass(frozen=True, slots=True)
class Listed:
    """One item of a past run, by what its account is billed for."""

    account_id: str
    target_date: date
    invoice_date: date
    revision: int


class Outdated(CannotStart):
    """An earlier version of zbatch has written the ledger; the next run brings it up to date."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One send of a run: when, until when, and the answer's status where there was one."""

    started_at: datetime
    finished_at: datetime | None
    http_status: int | None


class Glance:
    """What can be read of a ledger while somebody else may be writing it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def standings(self, items: Iterable[Item]) -> Iterator[Standing]:
        """Tell what is held of each item, in their order."""
        return read_standings(self._connection, items)

    def billed(self, items: Iterable[Item]) -> Iterator[tuple[Item, Billed]]:
        """Tell of each item, in their order, what is held of its account beside it."""
        return read_billed(self._connection, items)

    def items_of(self, run_id: str) -> list[Item]:
        """Give the items that a run planned, in their order, as they are held now."""
        return read_items(self._connection, run_id)

    def home(self) -> dict[str, str]:
        """Tell of which `tenant` and `entity` of its host the ledger is, as far as tokens told."""
        return rows.home_of(self._connection.execute(sql.HOME))

    def runs(self) -> tuple[KnownRun, ...]:
        """Name the runs, the latest last."""
        return tuple(
            KnownRun(row["id"], row["spec_name"], row["plan_digest"], started, row["items"])
            for row in self._connection.execute(_RUNS)
            if (started := rows.moment(row["started_at"])) is not None
        )

    def runs_after(self, run_id: str) -> frozenset[str]:
        """Name the runs that began after one; of a run that is not known here, none."""
        found = self._connection.execute(_RUNS_AFTER, (run_id,))
        return frozenset(row["id"] for row in found)

    def damage(self) -> str | None:
        """Tell the first thing that is wrong with the file as a database; it reads all of it."""
        found: str = self._connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        return None if found == "ok" else found

    def listed(self, run_id: str, told: Iterable[Told] = ()) -> Iterator[Listed]:
        """Tell what a run's plan listed, account by account; `told` is what its report has."""
        for row in listed(self._connection, run_id, told):
            target, invoice = map(date.fromisoformat, (row["target_date"], row["invoice_date"]))
            yield Listed(row["account_id"], target, invoice, row["revision"])

    def planned(self, run_id: str, told: Iterable[Told]) -> Iterator[Mapping[str, Any]]:
        """Give what a run planned, item by item; `told` is what its report has."""
        return planned(self._connection, run_id, told)

    def sends(self, run_id: str) -> Iterator[Sent]:
        """Tell what a run has sent, in the order in which it left."""
        for row in self._connection.execute(_SENDS, (run_id,)):
            started = datetime.fromisoformat(row["started_at"])
            yield Sent(started, rows.moment(row["finished_at"]), row["http_status"])

    def extract(self, table: str, run_id: str) -> Iterator[Mapping[str, Any]]:
        """Give what a table of `zbatch.ledger.extract` holds of a run and its items, as of now."""
        return extract(self._connection, table, run_id)

    def under_way(self, run_id: str) -> frozenset[Identity]:
        """Name the items of the calls that a run has begun and that have no answer so far."""
        found = self._connection.execute(_UNDER_WAY, (run_id,))
        return frozenset(
            Identity(account, date.fromisoformat(target), revision)
            for account, target, revision in found
        )

    def numbers(self) -> dict[str, str]:
        """Give the account IDs by number; of a number that was two accounts' in turn, none."""
        found: dict[str, str] = {}
        twice: set[str] = set()
        for row in self._connection.execute(_NUMBERS):
            number, account_id = row["account_number"], row["account_id"]
            if found.setdefault(number, account_id) != account_id:
                twice.add(number)
        return {number: one for number, one in found.items() if number not in twice}


def glance(folder: Path, read: Callable[[Glance], Found]) -> Found | None:
    """Return what `read` finds in the ledger of a folder, or None where there is no ledger.

    `read` may be called twice. Raises `CannotStart` where the ledger cannot be read.
    """
    path = folder / LEDGER_FILE
    if not path.is_file():
        return None
    still = _still(path)
    if still is not None:
        # Nobody has it open, so it can be read without the files that SQLite puts beside a ledger
        # and a reader cannot clear away; unless somebody opens it meanwhile.
        try:
            found = _read(path, "immutable=1", read)
        except CannotStart:
            if _still(path) == still:
                raise
        else:
            if _still(path) == still:
                return found
    return _read(path, "mode=ro", read)


def has_begun(folder: Path) -> bool:
    """Tell whether a folder has a ledger of at least one run, in whichever format.

    An empty file is none, nor is one that was cut off or is something else: nobody knows from it
    what was billed.
    """
    path = folder / LEDGER_FILE
    if not path.is_file():
        return False
    still = _still(path)
    if _holds_a_run(path, "mode=ro" if still is None else "immutable=1"):
        return True
    return _still(path) != still and _holds_a_run(path, "mode=ro")


def _holds_a_run(path: Path, how: str) -> bool:
    try:
        address = f"{path.absolute().as_uri()}?{how}"
        with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as connection:
            ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
            return ours and connection.execute("SELECT 1 FROM run LIMIT 1").fetchone() is not None
    except (sqlite3.Error, UnicodeDecodeError):
        return False


def _still(path: Path) -> tuple[int, int, int] | None:
    """Tell one state of a ledger from another, or None while somebody has it open."""
    if os.path.lexists(f"{path}-wal"):
        return None
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _read(path: Path, how: str, read: Callable[[Glance], Found]) -> Found:
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise CannotStart(f"the ledger {path} is not a regular file")
        address = f"{path.absolute().as_uri()}?{how}"
        with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            _check_format(connection, path)
            connection.execute("BEGIN")  # one state of it, whatever is written meanwhile
            return read(Glance(connection))
    except OSError as error:
        raise CannotStart(f"cannot read the ledger {path}: {error.strerror}") from error
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise CannotStart(f"cannot read the ledger {path}: {error}") from error
    except Damaged as error:
        raise CannotStart(
            f"the ledger {path} is damaged: what it holds{error} is nothing that zbatch writes"
        ) from error


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != APPLICATION_ID:
        raise CannotStart(f"the file {path} is not a zbatch ledger")
    told = f"the ledger {path} has format {version}, this zbatch reads format {len(STEPS)}"
    if version < len(STEPS):
        raise Outdated(f"{told}; the next run brings it up to date")
    if version > len(STEPS):
        raise CannotStart(told)
