"""Of which tenant of its host a ledger is, by the tokens that were used for it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from support.engine import item
from support.plans import NOON, a_plan
from zbatch.app.home import Home, home_in
from zbatch.ledger.place import LEDGER_FILE
from zbatch.ledger.store import open_store
from zbatch.model import ExitCode

RUN = "20261130T120000Z-0000"


def begun(folder: Path, home: dict[str, str] | None = None) -> None:
    """Leave a ledger of one run in a folder."""
    with closing(open_store(folder)) as store:
        store.keep_home(home or {})
        store.start_run(RUN, a_plan([item(1)]), NOON)
        store.finish_run(RUN, ExitCode.OK, NOON)


def test_the_first_tenant_and_entity_that_are_named_stay() -> None:
    """They are handed on to be kept; any other is refused, and both are named."""
    kept: list[dict[str, str]] = []
    home = Home(Path("state"), {}, lambda named: kept.append(dict(named)))
    for named in ({"tenant": "1"}, {}, {"tenant": "1", "entity": "a"}):
        assert home.why_not(named) is None
    why = home.why_not({"tenant": "2"})
    assert why
    assert "of tenant 2, and the ledger state/ledger.sqlite3 of tenant 1 " in why
    assert home.why_not({"tenant": "1", "entity": "b"})
    assert kept[-1] == {"tenant": "1", "entity": "a"}


def test_a_ledger_that_tells_no_tenant_refuses_none(tmp_path: Path) -> None:
    """Nor does one that is not there, or that an earlier version of zbatch has written."""
    assert home_in(tmp_path).why_not({"tenant": "1"}) is None
    begun(tmp_path)
    assert home_in(tmp_path).why_not({"tenant": "1"}) is None
    with closing(sqlite3.connect(tmp_path / LEDGER_FILE)) as ledger:
        ledger.execute("PRAGMA user_version = 2")
    assert home_in(tmp_path).why_not({"tenant": "1"}) is None


def test_a_ledger_tells_its_tenant_without_its_lock(tmp_path: Path) -> None:
    """As verify and the others ask that only look."""
    begun(tmp_path, {"tenant": "1"})
    assert home_in(tmp_path).why_not({"tenant": "1"}) is None
    assert home_in(tmp_path).why_not({"tenant": "2"})
