"""The ledger as plain, synchronous SQLite: each public method is one transaction."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

from zbatch.errors import CannotStart, LedgerFailure
from zbatch.ledger import rows
from zbatch.ledger import statements as sql
from zbatch.ledger.billed import Billed, read_billed
from zbatch.ledger.calls import Calls
from zbatch.ledger.listing import all_invoiced, list_items
from zbatch.ledger.place import LEDGER_FILE as LEDGER_FILE  # others look for it here
from zbatch.ledger.repeated import read_repeated
from zbatch.ledger.schema import migrate
from zbatch.ledger.standings import AT_ONCE, Damaged, read_outcomes, read_standings
from zbatch.model import (
    ExitCode,
    Finding,
    Identity,
    Item,
    ItemRecord,
    Plan,
    Repeated,
    Result,
    Send,
    Standing,
    batches,
)


def open_store(folder: Path) -> Store:
    """Open the ledger in `folder`, making it if there is none; the caller holds the lock.

    Raises `CannotStart` where the folder or the file cannot be used.
    """
    path = folder / LEDGER_FILE
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(path, flags, 0o600))  # SQLite would make it readable by others
        _check_whole(path)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection)
            return Store(connection, path)
        except BaseException:
            connection.close()
            raise
    except OSError as error:
        raise CannotStart(f"cannot open the ledger {path}: {error.strerror}") from error
    except (sqlite3.Error, UnicodeDecodeError) as error:  # a damaged file may break any text
        raise CannotStart(f"cannot open the ledger {path}: {error}") from error


def _check_whole(path: Path) -> None:
    """Notice a file in the place of the one to which the file `-wal` beside it belongs.

    A process that was killed leaves one. SQLite takes it for the end of whichever ledger is there,
    and may not find what that holds. All of it is read then: a second for 100,000 items.
    """
    if not os.path.lexists(f"{path}-wal"):
        return
    address = f"{path.absolute().as_uri()}?mode=ro"  # else closing it makes one file of the two
    with closing(sqlite3.connect(address, uri=True)) as connection:
        found: str = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise CannotStart(
            f"the ledger {path} is damaged, or not the one that {path.name}-wal belongs to"
            f" ({found.splitlines()[-1]}); nothing was sent. Keep a copy of its folder, then put"
            f" the last backup in its place, with no {path.name}-wal or -shm of now beside it"
        )


def _prepare(connection: sqlite3.Connection) -> None:
    connection.row_factory = sqlite3.Row
    migrate(connection)  # first of all, since already the journal mode is written into the file
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


class Store:
    """One open ledger.

    Every method raises `LedgerFailure` when SQLite or the disk refuses, and after that always:
    what a failed commit left behind is known only to a process that opens the file anew.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._file = os.stat(path)
        self._failed = False
        self._home: Mapping[str, str] | None = None
        self._calls = Calls(connection)

    def close(self) -> None:
        """Close the file; nothing is pending, since every method commits."""
        self._connection.close()

    def newest_stamp(self) -> datetime | None:
        """Tell the latest wall time that any run has written, or None in a new ledger."""
        with self._reading():
            row = self._connection.execute(sql.NEWEST).fetchone()
            return rows.moment(row["value"]) if row else None

    def home(self) -> dict[str, str]:
        """Tell of which `tenant` and `entity` of its host the ledger is, as far as tokens told."""
        with self._reading():
            return rows.home_of(self._connection.execute(sql.HOME))

    def keep_home(self, home: Mapping[str, str]) -> None:
        """Have the next commit record of which it is, unless a call has been sent by it before."""
        self._home = home

    def start_run(self, run_id: str, plan: Plan, now: datetime) -> None:
        """Record the run with all items of its plan, before anything is sent for it.

        An item that has neither outcome nor key takes the plan's payload; any other keeps what
        it was sent with.
        """
        spec = plan.spec
        with self._transaction(now) as execute:
            earlier = execute(sql.RUNS_OF_PLAN, (plan.digest,)).fetchall()
            like = earlier[-1]["id"] if earlier else None
            execute(
                sql.INSERT_RUN,
                (
                    run_id,
                    spec.name,
                    spec.file,
                    spec.digest,
                    plan.digest,
                    spec.settling.settle,
                    rows.stamp(now),
                ),
            )
            for start in range(0, len(plan.items), AT_ONCE):
                part = range(start, min(start + AT_ONCE, len(plan.items)))
                list_items(self._connection, run_id, plan.items, part, like)

    def runs_of(self, plan_digest: str) -> tuple[str, ...]:
        """Name the runs of this very plan, the latest last."""
        with self._reading():
            found = self._connection.execute(sql.RUNS_OF_PLAN, (plan_digest,))
            return tuple(row["id"] for row in found)

    def looked(self, stages: str) -> int:
        """Tell up to which of some stages a person has looked: 0 is at none."""
        with self._reading():
            row = self._connection.execute(sql.LOOKED, (stages,)).fetchone()
            return int(row["value"]) if row else 0

    def look(self, stages: str, looked: int, now: datetime) -> None:
        """Record up to which of some stages a person has looked."""
        with self._transaction(now) as execute:
            execute(sql.UPDATE_LOOKED, (stages, str(looked)))

    def all_invoiced(
        self, items: Sequence[Item], start: int, stop: int, listed_by: str | None = None
    ) -> bool:
        """Tell whether all items from `start` to before `stop` are invoiced as they are planned.

        Then nothing is left of them, whatever else the ledger holds of their accounts. Higher
        revisions are left out: they depend on lower ones. A run that has listed the same items, as
        `listed_by`, makes it faster.
        """
        with self._reading():
            return all_invoiced(self._connection, items, range(start, stop), listed_by)

    def settled_by(self, run_id: str, start: int, stop: int) -> tuple[str, ...]:
        """Name the runs that have settled what a run has listed there, in its order."""
        with self._reading():
            found = self._connection.execute(sql.SETTLED_BY, (run_id, start, stop))
            return tuple(row["settled_by"] for row in found)

    def untouched(self, items: Sequence[Item], start: int, stop: int) -> bool:
        """Tell whether nothing was ever asked, sent or settled for the accounts of some items.

        Then all of them are new, whatever dates they have, and no standing need be read to see it.
        Higher revisions are left out: they depend on lower ones.
        """
        with self._reading():
            accounts: list[str] = []
            for batch in batches(items, start, stop):
                if batch.revision > 1:
                    return False
                accounts += batch.accounts.values()
            return not self._connection.execute(
                sql.TOUCHED_OF_ACCOUNTS, (json.dumps(sorted(accounts)),)
            ).fetchone()[0]

    def outcomes(self, items: Iterable[Item]) -> Iterator[ItemRecord]:
        """Give the outcomes of those items that have one, in their order, some at a time."""
        with self._reading():
            yield from read_outcomes(self._connection, items)

    def repeated(
        self, run_id: str, items: Sequence[Item], start: int, stop: int
    ) -> list[Repeated] | None:
        """Tell of items from `start` to before `stop`, as a run has listed them, if invoiced.

        None where any of them is not, or where what is held of it has to be looked at.
        """
        with self._reading():
            return read_repeated(self._connection, run_id, items, range(start, stop))

    def standing(self, items: Iterable[Item]) -> Iterator[Standing]:
        """Tell what is held of each item, in their order, some hundreds at a time."""
        with self._reading():
            yield from read_standings(self._connection, items)

    def billed(self, items: Iterable[Item]) -> Iterator[tuple[Item, Billed]]:
        """Tell of each item, in their order, what is held of its account beside it."""
        with self._reading():
            yield from read_billed(self._connection, items)

    def unsettled(self, without: Container[Identity] = ()) -> Iterator[Standing]:
        """Tell of every item of this ledger that has an unsettled key, of whichever spec.

        Of those in `without` the caller knows already.
        """
        with self._reading():
            rows_ = self._connection.execute(sql.ITEMS_WITH_OPEN_KEYS).fetchall()
            items = [rows.item_of(row) for row in rows_]
        return self.standing(item for item in items if item.identity not in without)

    def runs_of_unsettled(self) -> tuple[str, ...]:
        """Name the runs that have sent unsettled keys, the latest first."""
        with self._reading():
            return tuple(row["id"] for row in self._connection.execute(sql.RUNS_WITH_OPEN_KEYS))

    def begin(self, run_id: str, sends: Sequence[Send], now: datetime) -> None:
        """Record attempts before they leave, and with the first one of a key its call."""
        self.commit(run_id, sends, (), (), now)

    def finish(
        self,
        run_id: str,
        results: Sequence[Result],
        now: datetime,
        findings: Sequence[Finding] = (),
    ) -> None:
        """Record what came of attempts, and what questions have shown, for each item."""
        self.commit(run_id, (), results, findings, now)

    def commit(
        self,
        run_id: str,
        sends: Sequence[Send],
        results: Sequence[Result],
        findings: Sequence[Finding],
        now: datetime,
    ) -> None:
        """Record both at once, or nothing: what is about to leave waits for no other commit."""
        with self._transaction(now):
            self._calls.finish(run_id, results)
            self._calls.find(run_id, findings)
            self._calls.begin(run_id, sends)
        self._calls.forget(results)

    def detail(self, records: Sequence[ItemRecord], now: datetime) -> None:
        """Record what the tenant shows of the invoices of settled items."""
        with self._transaction(now):
            self._calls.detail(records)

    def finish_run(self, run_id: str, exit_code: ExitCode, now: datetime) -> None:
        """Record how the run ended."""
        with self._transaction(now) as execute:
            execute(
                sql.FINISH_RUN,
                (rows.stamp(now), int(exit_code), run_id),
            )

    @contextmanager
    def _transaction(self, now: datetime) -> Iterator[Callable[..., sqlite3.Cursor]]:
        if self._failed:
            raise LedgerFailure(f"the ledger {self._path} has failed before in this run")
        try:
            self._check_in_place()
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute(sql.UPDATE_NEWEST, (rows.stamp(now),))
            if self._home is not None:
                self._connection.execute(sql.FORGET_HOME)
                self._connection.executemany(sql.KEEP_HOME, [*self._home.items()])
            yield self._connection.execute
            self._connection.execute("COMMIT")
            self._home = None
        except (sqlite3.Error, OSError) as error:
            self._give_up()
            raise LedgerFailure(f"the ledger {self._path} cannot be written: {error}") from error
        except BaseException:
            self._give_up()
            raise

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise LedgerFailure(f"the ledger {self._path} cannot be read: {error}") from error
        except (ValueError, TypeError, KeyError) as error:
            where = str(error) if isinstance(error, Damaged) else ""
            raise LedgerFailure(
                f"the ledger {self._path} is damaged: what it holds{where} is nothing that zbatch"
                " writes"
            ) from error

    def _give_up(self) -> None:
        self._failed = True
        with suppress(sqlite3.Error):  # the transaction is lost either way: nothing reads it again
            self._connection.execute("ROLLBACK")

    def _check_in_place(self) -> None:
        """Notice a ledger that was deleted or replaced: then nobody will ever read ours."""
        there = os.stat(self._path)
        if (there.st_dev, there.st_ino) != (self._file.st_dev, self._file.st_ino):
            raise OSError("the file has been replaced by another one")
