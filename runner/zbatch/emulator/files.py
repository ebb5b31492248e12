"""Where the tenant's file lies on disk: its folder, its lock, its readers."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from zbatch.emulator.book import Book, BookAccount, parse_book
from zbatch.emulator.config import EmulatorConfig
from zbatch.emulator.history import (
    Arrival,
    Exchange,
    Reply,
    read_arrivals,
    read_history,
    read_replies,
)
from zbatch.emulator.invoices import Execution, Invoice, read_executions, read_invoices
from zbatch.emulator.items import InvoiceItem, read_items
from zbatch.emulator.schema import prepare
from zbatch.emulator.store import Store
from zbatch.errors import CannotStart, Refused

STORE_NAME = "emulator.sqlite3"
LOCK_NAME = "emulator.lock"
MOST_FILE = 64 * 1024 * 1024


@contextmanager
def open_store(data_dir: Path, seed: int) -> Iterator[Store]:
    """Open the tenant's file for its one writer, and close it at the end.

    Raises `CannotStart` where another emulator has it, or the folder or file cannot be used.
    """
    path = data_dir / STORE_NAME
    try:
        make_folder(data_dir)
        lock = os.open(data_dir / LOCK_NAME, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CannotStart(f"cannot use the emulator's folder {data_dir}: {reason}") from error
    try:
        _take(lock, data_dir)
        store = Store(connect(path), seed)
        try:
            yield store
        finally:
            store.close()
    finally:
        os.close(lock)


def make_folder(data_dir: Path) -> None:
    """Make the tenant's folder, for its owner only."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)


def load_book(config: EmulatorConfig) -> Book:
    """Read the account book the tenant is set up with; raises `Refused`."""
    if config.book is None:
        return Book(otherwise=BookAccount(latency=config.latency))
    text = _text(config.book, "account book")
    return parse_book(text, str(config.book), config.latency)


def invoices(data_dir: Path) -> list[Invoice]:
    """Read the invoices that exist, in the order they arose, while an emulator runs or not."""
    with closing(_reader(data_dir)) as connection:
        return read_invoices(connection)


def items(data_dir: Path) -> list[InvoiceItem]:
    """Read the items of all invoices that exist, in the order they arose."""
    with closing(_reader(data_dir)) as connection:
        return read_items(connection)


def executions(data_dir: Path) -> list[Execution]:
    """Read every time that an account was billed, by a call or by hand, in order."""
    with closing(_reader(data_dir)) as connection:
        return read_executions(connection)


def arrivals(data_dir: Path) -> list[Arrival]:
    """Read every request that has arrived, answered or not, in order."""
    with closing(_reader(data_dir)) as connection:
        return read_arrivals(connection)


def replies(data_dir: Path) -> list[Reply]:
    """Read every answer, in order; each names its arrival by number."""
    with closing(_reader(data_dir)) as connection:
        return read_replies(connection)


def history(data_dir: Path) -> list[Exchange]:
    """Read every exchange the tenant has answered, in the order of the answers."""
    with closing(_reader(data_dir)) as connection:
        return read_history(connection)


def _text(path: Path, what: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_FILE + 1)
        if len(content) > MOST_FILE:
            raise Refused(f"{path}: over {MOST_FILE >> 20} MB, no {what}")
        return content.decode("utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Refused(f"{path}: cannot be read: {reason}") from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Refused(f"{path}:{line} not UTF-8 text") from error


def _take(lock: int, data_dir: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise CannotStart(
            f"another emulator is running on {data_dir}: stop it, or give this one its own folder"
            " (--data DIR)"
        ) from error


def connect(path: Path) -> sqlite3.Connection:
    """Open a tenant's file for writing; raises `CannotStart` where it cannot be used."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise CannotStart(f"cannot open the emulator's file {path}") from error
    try:
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")  # survives the death of the process
        prepare(connection)
    except sqlite3.Error as error:
        connection.close()
        raise CannotStart(
            f"the emulator's file {path} cannot be used ({error}): move it away to start afresh"
        ) from error
    return connection


def _reader(data_dir: Path) -> sqlite3.Connection:
    path = (data_dir / STORE_NAME).absolute()
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
