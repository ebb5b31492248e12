"""Saboteurs of the ledger and its lock: what is on disk, and who may write it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from support.saboteurs.bench import Bench
from support.saboteurs.saboteur import TWICE, saboteur
from zbatch.ledger import lock, store
from zbatch.ledger.store import Store

NO_DISK = "a simulated process dies without its disk: what SQLite took is never lost there"
NO_LOCK = "simulated runs take no lock: two at once are two machines with a ledger each"


def _nothing_held(folder: Path, signed: int) -> AbstractContextManager[None]:
    return nullcontext()


@saboteur(
    "D4", test="tests/ledger/test_store.py::test_the_ledger_is_marked_and_durable", beyond=NO_DISK
)
def commits_do_not_wait_for_the_disk(bench: Bench) -> None:
    """A commit returns before the disk has it, so that a power failure takes it back."""
    prepare = store._prepare

    def substitute(connection: sqlite3.Connection) -> None:
        prepare(connection)
        connection.execute("PRAGMA synchronous = OFF")

    bench.function(prepare, substitute)


@saboteur("D14", test=f"{TWICE}d14_the_same_spec_twice_at_once_is_one_run", beyond=NO_LOCK)
def no_lock(bench: Bench) -> None:
    """Two runs of one tenant may work on one ledger at once."""
    bench.function(lock._take, lambda descriptor, path: None)
    bench.function(lock._folder_held, _nothing_held)


@saboteur("D15", test=f"{TWICE}d15_a_ledger_deleted_under_a_run_stops_it", beyond=NO_DISK)
def a_deleted_ledger_is_written_on(bench: Bench) -> None:
    """A run goes on writing to a ledger whose file is deleted, or is another one by now."""
    bench.method(Store, "_check_in_place", lambda self: None)


@saboteur("D17", test=f"{TWICE}d17_a_lock_is_never_taken_over_by_age", beyond=NO_LOCK)
def an_old_lock_is_taken_over(bench: Bench) -> None:
    """A lock that is an hour old is taken over, though its holder may only be suspended."""
    locked = lock.locked

    @contextmanager
    def substitute(folder: Path, holder: str) -> Iterator[None]:
        path = folder / lock.LOCK_FILE
        if path.exists() and time.time() - path.stat().st_mtime > 3600.0:
            path.unlink()
        with locked(folder, holder):
            yield

    bench.function(locked, substitute)
    bench.function(lock._folder_held, _nothing_held)
