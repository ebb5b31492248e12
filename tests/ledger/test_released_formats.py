"""F91: a ledger that any released zbatch has written is taken up by this one."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from support.accounts import account
from support.world import HOUR, World
from zbatch.emulator.book import BookAccount
from zbatch.errors import CannotStart
from zbatch.ledger.schema import STEPS, migrate
from zbatch.ledger.store import LEDGER_FILE, open_store
from zbatch.model import Charges, Credentials, Identity, IfAbsent, Item, Source, Tenant
from zbatch.spec.schema import schema_text
from zbatch.zuora.request import make_call

RELEASED = sorted((Path(__file__).parent / "released").glob("format-*"))
TARGET = date(2026, 11, 30)
SETTLED = {1: "invoiced", 2: "failed", 3: "nothing_to_bill", 21: "invoiced", 22: "failed"}
IN_DOUBT = (4, 5, 6, 7, 11, 12, 13, 23, 31)


@dataclass(frozen=True)
class Left:
    """What a zbatch of an earlier time left behind, and what its tenant had billed."""

    folder: Path

    @property
    def tenant(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.folder / "tenant.json").read_text("utf-8"))
        return told

    def restore(self, folder: Path) -> Path:
        """Write the ledger into a folder, and give its path."""
        folder.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(folder / LEDGER_FILE)) as ledger:
            ledger.executescript((self.folder / "ledger.sql").read_text("utf-8"))
            ledger.execute("PRAGMA journal_mode = WAL")
        return folder / LEDGER_FILE

    def content(self) -> bytes:
        """Give the ledger as this zbatch has taken it up."""
        with closing(sqlite3.connect(":memory:")) as ledger:
            ledger.executescript((self.folder / "ledger.sql").read_text("utf-8"))
            migrate(ledger)
            return ledger.serialize()

    @property
    def format(self) -> int:
        """The number that the ledger carries."""
        (line,) = (
            line
            for line in (self.folder / "ledger.sql").read_text("utf-8").splitlines()
            if line.startswith("PRAGMA user_version")
        )
        return int(line.rstrip(";").rpartition(" ")[2])


def an_item(number: int) -> Item:
    identity = Identity(account(number), TARGET)
    return Item(identity, TARGET, Charges(), Source("resumed.yaml", number))


@pytest.fixture(params=RELEASED, ids=lambda folder: folder.name)
def left(request: pytest.FixtureRequest) -> Left:
    """Give what each released format has left behind."""
    return Left(request.param)


@pytest.fixture
def world() -> Iterator[World]:
    """Give a tenant that bills again on every second generate, but for who had nothing to bill."""
    book = {
        account(number): BookAccount(charges_due=SETTLED.get(number) != "nothing_to_bill")
        for number in (*SETTLED, *IN_DOUBT)
    }
    world = World(book=book)
    yield world
    world.close()


@pytest.mark.parametrize("hours", [2, 30])
def test_f91_a_run_resumes_a_released_ledger_exactly_once(
    left: Left, world: World, hours: int
) -> None:
    """What was settled stays so unsent; each key in doubt, young or old, comes to one invoice."""
    world.host().restore(left.content())
    items = {number: an_item(number) for number in sorted([*SETTLED, *IN_DOUBT])}
    by_account = {one.identity.account_id: one for one in items.values()}
    executions = left.tenant["executions"]
    for done in executions:
        one = by_account[done["account_id"]]
        world.billed_before(one, done["key"], done["invoice_id"], done["at"])
    world.pass_time(executions[-1]["at"] + hours * HOUR - world.timeline.now)

    resumed = world.run(items.values())
    expected = {n: SETTLED.get(n, "invoiced") for n in items}
    found = {n: resumed.records[one.identity].outcome.value for n, one in items.items()}
    assert found == expected
    assert resumed.exit_code == 1
    told = {done["account_id"]: done["invoice_id"] for done in executions}
    for number, one in items.items():
        record = resumed.records[one.identity]
        assert world.billed(one) == (expected[number] == "invoiced")
        if one.identity.account_id in told:
            assert record.invoice_id == told[one.identity.account_id]
    # what the tenant had never executed: a lost call and two rows that did not say
    assert world.sent == 3
    world.pass_time(25 * HOUR)
    world.run(items.values())
    assert world.sent == 3


def test_f91_a_released_ledger_holds_doubt_as_doubt(left: Left, tmp_path: Path) -> None:
    """Right after it is opened, settled items have their outcome and all others an open key."""
    left.restore(tmp_path)
    with closing(open_store(tmp_path)) as store:
        standings = store.standing([an_item(number) for number in [*SETTLED, *IN_DOUBT]])
        for number, standing in zip([*SETTLED, *IN_DOUBT], standings, strict=True):
            outcome = standing.record.outcome.value if standing.record else None
            assert (outcome, standing.call is None) == (SETTLED.get(number), number in SETTLED)


def test_f91_tables_are_those_of_a_new_ledger(left: Left, tmp_path: Path) -> None:
    """However old a ledger is, nothing tells it from a new one once it is open."""
    left.restore(tmp_path / "old")
    (tmp_path / "new").mkdir()
    for name in ("old", "new"):
        open_store(tmp_path / name).close()
    assert _shape(tmp_path / "old") == _shape(tmp_path / "new")


def test_keys_of_a_released_ledger_are_still_minted(left: Left, tmp_path: Path) -> None:
    """The same item gets the key that it got then, under which the tenant remembers it."""
    path = left.restore(tmp_path)
    host = left.tenant["host"]
    tenant = Tenant("scripted", f"http://{host}", host, Credentials("I", "S"))
    with closing(sqlite3.connect(path)) as ledger:
        held = {key for (key,) in ledger.execute("SELECT key FROM call WHERE generation = 0")}
    calls = [(1,), (2,), (3,), (4,), (5,), (6,), (7,), (11, 12, 13), (21, 22, 23), (31,)]
    minted = {make_call(tenant, [an_item(number) for number in call], 0).key for call in calls}
    assert minted == held


def test_reports_of_a_released_zbatch_still_keep_to_the_schema(left: Left) -> None:
    """Who reads reports by today's schema reads those of then."""
    validator = Draft202012Validator(json.loads(schema_text("report")))
    lines = (left.folder / "report.jsonl").read_text("utf-8").splitlines()
    for line in lines:
        validator.validate(json.loads(line))
    record = json.loads((left.folder / "run.json").read_text("utf-8"))
    assert (record["version"], record["planned"]) == (1, len(lines))


@pytest.mark.parametrize(
    ("evidence", "then"),
    [
        ("row: TRANSACTION_TERMINATED, effect not known", IfAbsent.FAIL),
        ("row: UNKNOWN_ERROR, effect not known", IfAbsent.RENEW_TWICE),
        ("server_error, effect not known", IfAbsent.RENEW),
    ],
)
def test_what_follows_a_key_burnt_in_format_1_is_read_from_why_it_was(
    tmp_path: Path, evidence: str, then: IfAbsent
) -> None:
    """Format 1 did not keep it, and a key that asks not to be repeated must not be."""
    path = Left(RELEASED[0]).restore(tmp_path)
    with closing(sqlite3.connect(path)) as ledger, ledger:
        ledger.execute("UPDATE call_item SET evidence = ? WHERE state = 'burnt'", (evidence,))
    with closing(open_store(tmp_path)) as store:
        (burnt, live) = store.standing([an_item(7), an_item(5)])
    assert burnt.call is not None
    assert live.call is not None
    assert [trail.if_absent for trail in burnt.call.trails] == [then]
    assert [trail.if_absent for trail in live.call.trails] == [None]


def test_a_change_that_fails_half_way_leaves_the_old_ledger(tmp_path: Path) -> None:
    """A ledger of no release, neither the one nor the other, is refused and untouched."""
    path = Left(RELEASED[0]).restore(tmp_path)
    with closing(sqlite3.connect(path)) as ledger:
        ledger.execute("ALTER TABLE item ADD COLUMN rests_until TEXT")
        before = "\n".join(ledger.iterdump())
    with pytest.raises(CannotStart, match="duplicate column"):
        open_store(tmp_path)
    with closing(sqlite3.connect(path)) as ledger:
        assert "\n".join(ledger.iterdump()) == before
        assert ledger.execute("PRAGMA user_version").fetchone() == (1,)


def test_every_format_has_a_released_ledger() -> None:
    """Whoever changes the tables keeps a ledger of them; released/README.md says how."""
    assert {Left(folder).format for folder in RELEASED} == set(range(1, len(STEPS) + 1))


def test_the_tables_are_those_of_the_newest_released_ledger() -> None:
    """A table that changes without a new format number would be read wrongly by both sides."""
    newest = [Left(folder) for folder in RELEASED if Left(folder).format == len(STEPS)]
    with closing(sqlite3.connect(":memory:")) as ledger:
        migrate(ledger)
        now = _tables(ledger)
    for left in newest:
        with closing(sqlite3.connect(":memory:")) as ledger:
            ledger.executescript((left.folder / "ledger.sql").read_text("utf-8"))
            assert _tables(ledger) == now


def _shape(folder: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(folder / LEDGER_FILE)) as ledger:
        return _tables(ledger)


def _tables(ledger: sqlite3.Connection) -> dict[str, Any]:
    """Tell the columns of each table, whatever their order, and the text of each index."""
    made = ledger.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {name: _columns(ledger, name) if kind == "table" else sql for kind, name, sql in made}


def _columns(ledger: sqlite3.Connection, table: str) -> set[tuple[Any, ...]]:
    columns = ledger.execute(f"PRAGMA table_info ({table})").fetchall()
    return {(name, kind, not_null, key) for _, name, kind, not_null, _, key in columns}
