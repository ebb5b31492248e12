"""The tenant's file: what survives, who may open it, and that memory of the rest is gone."""

from __future__ import annotations

import sqlite3
import stat
from datetime import date
from pathlib import Path

import pytest

from support.emulator import Driver, errors_of, row
from zbatch.emulator import Invoice, history, invoices
from zbatch.emulator.files import open_store
from zbatch.emulator.invoices import Order
from zbatch.emulator.store import Store
from zbatch.errors import CannotStart

_DAY = date(2026, 11, 30)


def test_a_restart_keeps_what_was_committed(driver: Driver) -> None:
    """Tokens, keys and invoices outlive the process, and IDs are not given twice."""
    done = driver.generate(row("d0"), key="k")
    driver.restart()
    again = driver.refused(row("d0"), key="k")
    other = driver.generate(row("d1"))
    assert again.body == done.body
    assert again.headers["Zuora-Request-Id"] == done.headers["Zuora-Request-Id"]
    assert other.headers["Zuora-Request-Id"] != done.headers["Zuora-Request-Id"]
    assert len({invoice.id for invoice in driver.invoices}) == 2


def test_a_crash_forgets_what_was_in_progress(driver: Driver) -> None:
    """An execution that did not commit has left no invoice, no key, no lock, no place taken."""
    driver.begin(row("d0"), key="k")
    driver.restart()
    assert driver.invoices == []
    assert errors_of(driver.generate(row("d0"), key="k")) == [""]
    assert len(driver.invoices) == 1


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    """The folder is made 0700 and the files in it 0600."""
    folder = tmp_path / "deep" / "emulator"
    with open_store(folder, 0) as store, store.transaction():
        store.issue_token(0.0, 1.0)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}
    assert set(modes) >= {"emulator.sqlite3", "emulator.lock"}


def test_no_token_is_on_disk(tmp_path: Path) -> None:
    """Of a token only its hash is written down."""
    with open_store(tmp_path, 0) as store:
        token = store.issue_token(0.0, 1.0)
    assert all(token.encode() not in path.read_bytes() for path in tmp_path.iterdir())


def test_a_second_emulator_is_refused(tmp_path: Path) -> None:
    """Two emulators on one folder: the second says so, and may come once the first is gone."""
    with (
        open_store(tmp_path, 0),
        pytest.raises(CannotStart, match="another emulator is running"),
        open_store(tmp_path, 0),
    ):
        pass
    with open_store(tmp_path, 0) as store:
        assert not store.token_lives("x", 0.0)


def test_readers_see_what_is_committed(tmp_path: Path) -> None:
    """Invoices and history can be read while the emulator runs and after."""
    seen: list[list[Invoice]] = []
    with open_store(tmp_path, 0) as store:
        with store.transaction():
            store.invoices.create(Order("0" * 32, _DAY, _DAY, "k"), 1, 0.0)
            seen.append(invoices(tmp_path))
        seen.append(invoices(tmp_path))
    seen.append(invoices(tmp_path))
    assert [len(found) for found in seen] == [0, 1, 1]
    assert history(tmp_path) == []


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    """What fails in the middle leaves nothing behind."""

    def fail(store: Store) -> None:
        with store.transaction():
            store.invoices.create(Order("0" * 32, _DAY, _DAY), 1, 0.0)
            raise ZeroDivisionError

    with open_store(tmp_path, 0) as store, pytest.raises(ZeroDivisionError):
        fail(store)
    assert invoices(tmp_path) == []


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    """A file where the folder should be is told as such."""
    (tmp_path / "file").touch()
    with (
        pytest.raises(CannotStart, match="cannot use the emulator's folder"),
        open_store(tmp_path / "file", 0),
    ):
        pass


def test_a_file_that_is_no_store(tmp_path: Path) -> None:
    """Garbage, and a store of another format, are refused with what to do."""
    path = tmp_path / "emulator.sqlite3"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(CannotStart, match="move it away"), open_store(tmp_path, 0):
        pass
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("pragma user_version = 99")
    other.close()
    with pytest.raises(CannotStart, match="format 99"), open_store(tmp_path, 0):
        pass
