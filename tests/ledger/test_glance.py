"""A look at a ledger: what it tells is true, and nobody notices it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from support.engine import item
from support.plans import NOON, a_call, a_plan, a_send, settled
from zbatch.errors import CannotStart
from zbatch.ledger.glance import Glance, Outdated, glance, has_begun
from zbatch.ledger.store import LEDGER_FILE, Store, open_store
from zbatch.model import Item, Outcome

RUN = "20261130T120000Z-0000"


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """Tell the files of a folder, and whether they were touched."""
    return {one.name: (one.stat().st_size, one.stat().st_mtime_ns) for one in folder.iterdir()}


def outcomes(folder: Path, items: list[Item]) -> list[Outcome | None]:
    def read(ledger: Glance) -> list[Outcome | None]:
        return [held.record.outcome if held.record else None for held in ledger.standings(items)]

    found = glance(folder, read)
    assert found is not None
    return found


def bill(store: Store, one: Item) -> None:
    call = a_call(one)
    store.begin(RUN, [a_send(call)], NOON)
    store.finish(RUN, [settled(call, Outcome.INVOICED)], NOON)


def test_a_glance_leaves_no_trace(tmp_path: Path, store: Store, items: list[Item]) -> None:
    """Nothing beside the ledger appears, and the ledger itself is not touched."""
    bill(store, items[0])
    store.close()
    before = state(tmp_path)
    assert outcomes(tmp_path, items) == [Outcome.INVOICED, None, None]
    assert state(tmp_path) == before


def test_a_glance_tells_of_which_tenant_the_ledger_is(
    tmp_path: Path, store: Store, items: list[Item]
) -> None:
    """What a token has named, once a commit has brought it there; nothing else of the table."""
    assert glance(tmp_path, Glance.home) == {}
    store.keep_home({"tenant": "12270", "entity": "11e6"})
    bill(store, items[0])
    assert glance(tmp_path, Glance.home) == {"tenant": "12270", "entity": "11e6"}


def test_a_glance_cannot_write_while_a_run_has_the_ledger_open(
    tmp_path: Path, store: Store, items: list[Item]
) -> None:
    """What only looks is not able to change anything, whatever it is made to do."""
    bill(store, items[0])

    def write(ledger: Glance) -> None:
        ledger._connection.execute("DELETE FROM attempt")

    with pytest.raises((sqlite3.OperationalError, CannotStart), match="readonly"):
        glance(tmp_path, write)


def test_a_glance_sees_what_a_run_has_just_written(
    tmp_path: Path, store: Store, items: list[Item]
) -> None:
    """While a run has the ledger open, its commits are seen and it can go on."""
    bill(store, items[0])
    assert outcomes(tmp_path, items) == [Outcome.INVOICED, None, None]
    bill(store, items[1])
    assert outcomes(tmp_path, items) == [Outcome.INVOICED, Outcome.INVOICED, None]


def test_a_run_that_starts_during_a_glance_is_seen(
    tmp_path: Path, store: Store, items: list[Item]
) -> None:
    """What was read while somebody opened the ledger is read again."""
    store.close()
    opened: list[Store] = []

    def read(ledger: Glance) -> list[bool]:
        found = [held.record is not None for held in ledger.standings(items)]
        if not opened:
            opened.append(open_store(tmp_path))
            bill(opened[0], items[0])
        return found

    assert glance(tmp_path, read) == [True, False, False]
    opened[0].close()


def test_what_cannot_be_read_while_somebody_opens_the_ledger_is_read_again(
    tmp_path: Path, store: Store
) -> None:
    """A state that was never whole on disk is no trouble of the ledger's."""
    store.close()
    opened: list[Store] = []

    def read(ledger: Glance) -> int:
        if not opened:
            opened.append(open_store(tmp_path))
            raise sqlite3.DatabaseError("torn")
        return len(ledger.runs())

    assert glance(tmp_path, read) == 1
    opened[0].close()


def test_a_ledger_that_vanishes_under_a_glance_is_told(tmp_path: Path, store: Store) -> None:
    """What was read of a ledger that is gone by now counts for nothing."""
    store.close()
    with pytest.raises(CannotStart, match="cannot read the ledger"):
        glance(tmp_path, lambda _: (tmp_path / LEDGER_FILE).unlink())


def test_runs_and_what_they_listed(tmp_path: Path, store: Store, items: list[Item]) -> None:
    """Runs are named in the order of their start, with items and plan digest."""
    later = a_plan([*items, item(4)])
    store.start_run(
        "20261230T120000Z-0001", replace(later, digest="2" * 64), NOON.replace(month=12)
    )
    store.close()
    runs = glance(tmp_path, Glance.runs)
    assert runs is not None
    assert [(run.id, run.items, run.plan_digest[0]) for run in runs] == [
        (RUN, 3, "1"),
        ("20261230T120000Z-0001", 4, "2"),
    ]
    listed = glance(tmp_path, lambda ledger: [*ledger.listed("20261230T120000Z-0001")])
    assert listed is not None
    assert [one.account_id for one in listed] == [
        one.identity.account_id for one in (*items, item(4))
    ]
    assert {(one.target_date, one.revision) for one in listed} == {
        (one.identity.target_date, 1) for one in items
    }


def test_the_runs_after_one_are_named(tmp_path: Path, items: list[Item]) -> None:
    """By the second of their IDs, which no clock sets back; of one that is not known, none is.

    Of one second it is by when they began.
    """
    ids = [f"20261130T12000{second}Z-{tail}" for second, tail in ((0, "b"), (0, "a"), (1, "c"))]
    plan = a_plan(items[:1])
    with closing(open_store(tmp_path)) as store:
        for run, minute in zip(ids, (2, 3, 1), strict=True):
            store.start_run(run, plan, NOON.replace(minute=minute))
        assert store.runs_of(plan.digest) == tuple(ids)

    def after(run: str) -> set[str]:
        return set(glance(tmp_path, lambda ledger: ledger.runs_after(run)) or ())

    assert [after(run) for run in (*ids, "z")] == [{*ids[1:]}, {ids[2]}, set(), set()]
    runs = glance(tmp_path, Glance.runs)
    assert runs is not None
    assert [run.id for run in runs] == ids


def test_numbers_that_runs_have_resolved(tmp_path: Path, items: list[Item]) -> None:
    """A number stands for the one account that it was; of two in turn it says nothing."""
    numbered = [
        replace(items[0], account_number="A1"),
        replace(items[1], account_number="A2"),
        replace(items[2], account_number="A2"),
    ]
    with closing(open_store(tmp_path)) as store:
        store.start_run(RUN, a_plan(numbered), NOON)
    assert glance(tmp_path, Glance.numbers) == {"A1": items[0].identity.account_id}


def test_without_a_ledger_there_is_nothing(tmp_path: Path) -> None:
    """No ledger is no trouble, and none is made."""
    assert glance(tmp_path, Glance.runs) is None
    assert not [*tmp_path.iterdir()]


def _older(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 1")


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 1")


def _noise(path: Path) -> None:
    path.write_bytes(b"x" * 5000)


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    os.symlink("elsewhere", path)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_older, "has format 1, .* the next run brings it up to date"),
        (_foreign, "is not a zbatch ledger"),
        (_noise, "cannot read the ledger .*not a database"),
        (_link, "is not a regular file"),
    ],
)
def test_what_cannot_be_read_is_said(
    tmp_path: Path, store: Store, damage: object, said: str
) -> None:
    """A ledger of another format or kind, a damaged one and a link are named as what they are."""
    store.close()
    assert callable(damage)
    damage(tmp_path / LEDGER_FILE)
    with pytest.raises(CannotStart, match=said):
        glance(tmp_path, Glance.runs)


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def test_an_older_format_is_told_from_a_newer_one(tmp_path: Path, store: Store) -> None:
    """The next run mends the one, and no run of this version the other."""
    store.close()
    _older(tmp_path / LEDGER_FILE)
    with pytest.raises(Outdated):
        glance(tmp_path, Glance.runs)
    _newer(tmp_path / LEDGER_FILE)
    with pytest.raises(CannotStart, match=r"has format 99, this zbatch reads format \d+$") as told:
        glance(tmp_path, Glance.runs)
    assert not isinstance(told.value, Outdated)


@pytest.mark.parametrize("empty", [False, True])
def test_damage_in_the_file_is_found(
    tmp_path: Path, store: Store, items: list[Item], empty: bool
) -> None:
    """A page that holds nothing any more is told, and an index of which rows are missing.

    A sound ledger has nothing to tell.
    """
    bill(store, items[0])
    assert glance(tmp_path, Glance.damage) is None
    store.close()
    path = tmp_path / LEDGER_FILE
    with closing(sqlite3.connect(path)) as connection:
        wanted = "SELECT rootpage FROM sqlite_master WHERE name = 'calls_of_item'"
        (page,) = connection.execute(wanted).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    index = b"\x0a\0\0\0\0" + size.to_bytes(2) + b"\0"  # the page of an index without entries
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write((index if empty else b"").ljust(size, b"\0"))
    damage = glance(tmp_path, Glance.damage)
    assert damage is not None
    assert ("missing from index calls_of_item" if empty else str(page)) in damage


def test_a_damaged_row_is_named(tmp_path: Path, store: Store, items: list[Item]) -> None:
    """What zbatch never writes is no outcome."""
    bill(store, items[0])
    store.close()
    with closing(sqlite3.connect(tmp_path / LEDGER_FILE)) as connection, connection:
        connection.execute("UPDATE item SET invoice_ids = 'x'")
    with pytest.raises(CannotStart, match=r"damaged: what it holds of 0{31}1"):
        outcomes(tmp_path, items)


# Whether there is a ledger at all


def test_a_ledger_has_begun_with_its_first_run(tmp_path: Path, store: Store) -> None:
    """With the ledger open and closed; nothing beside it appears."""
    assert has_begun(tmp_path)
    store.close()
    before = state(tmp_path)
    assert has_begun(tmp_path)
    assert state(tmp_path) == before


def test_what_holds_no_run_is_no_ledger(tmp_path: Path) -> None:
    """No file, an empty one, one of something else, one without runs."""
    path = tmp_path / LEDGER_FILE
    assert not has_begun(tmp_path)
    for content in (b"", b"SQLite format 3\x00", b"something else" * 100):
        path.write_bytes(content)
        assert not has_begun(tmp_path)
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE run (id)")
        other.execute("INSERT INTO run VALUES (1)")
        other.commit()
    assert not has_begun(tmp_path)
    path.unlink()
    open_store(tmp_path).close()
    assert not has_begun(tmp_path)


def test_an_older_format_is_a_ledger_all_the_same(tmp_path: Path, store: Store) -> None:
    """The run that is asked about brings it up to date."""
    store.close()
    with closing(sqlite3.connect(tmp_path / LEDGER_FILE)) as older:
        older.execute("PRAGMA user_version = 1")
    assert has_begun(tmp_path)


def test_a_ledger_that_changes_while_it_is_looked_at_is_looked_at_again(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody opened it meanwhile: what was read of it as it stood still is no answer."""
    store.close()
    asked: list[str] = []

    def changing(path: Path, how: str) -> bool:
        asked.append(how)
        os.utime(path, (0, 0))
        return how == "mode=ro"

    monkeypatch.setattr("zbatch.ledger.glance._holds_a_run", changing)
    assert has_begun(tmp_path)
    assert asked == ["immutable=1", "mode=ro"]


def test_what_a_run_has_sent_is_told_in_its_order(
    tmp_path: Path, store: Store, items: list[Item]
) -> None:
    """With the answer where there is one, and nothing of another run."""
    first, second = a_call(items[0]), a_call(items[1])
    store.begin(RUN, [a_send(first), a_send(second)], NOON)
    store.finish(RUN, [settled(first, Outcome.INVOICED)], NOON)
    store.close()
    sends = glance(tmp_path, lambda ledger: list(ledger.sends(RUN)))
    assert sends is not None
    assert [(one.http_status, one.finished_at) for one in sends] == [(None, NOON), (None, None)]
    assert [one.started_at for one in sends] == [NOON, NOON]
    assert glance(tmp_path, lambda ledger: list(ledger.sends("another"))) == []


def test_what_a_run_has_under_way_is_told(tmp_path: Path, store: Store, items: list[Item]) -> None:
    """The items of its calls without an answer, and nothing of another run."""
    first, second = a_call(items[0]), a_call(items[1])
    store.begin(RUN, [a_send(first), a_send(second)], NOON)
    store.finish(RUN, [settled(first, Outcome.INVOICED)], NOON)
    store.close()
    assert glance(tmp_path, lambda ledger: ledger.under_way(RUN)) == frozenset({items[1].identity})
    assert glance(tmp_path, lambda ledger: ledger.under_way("another")) == frozenset()
