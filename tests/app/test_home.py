"""Of which tenant of its host a ledger is, by the tokens that were used for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from support.engine import item
from support.plans import NOON, a_call, a_plan, a_send
from zbatch.app.home import Home, home_in
from zbatch.ledger.place import LEDGER_FILE
from zbatch.ledger.store import open_store

RUN = "20261130T120000Z-0000"


def begun(folder: Path, home: dict[str, str] | None = None) -> None:
    """Leave a ledger of one call in a folder."""
    with closing(open_store(folder)) as store:
        store.start_run(RUN, a_plan([item(1)]), NOON)
        store.keep_home(home or {})
        store.begin(RUN, [a_send(a_call(item(1)))], NOON)


def test_the_first_tenant_and_entity_that_are_named_stay() -> None:
    """They are handed on to be kept; any other is refused, and both are named."""
    kept: list[Mapping[str, str]] = []
    home = Home(Path("state"), {}, kept.append)
    for named in ({"tenant": "1"}, {}, {"tenant": "1", "entity": "a"}):
        assert home.why_not(named) is None
    why = home.why_not({"tenant": "2"})
    assert why
    assert "of tenant 2, and the ledger state/ledger.sqlite3 of tenant 1 " in why
    assert home.why_not({"tenant": "1", "entity": "b"})
    assert kept[-1] == {"tenant": "1", "entity": "a"}


def test_a_token_that_is_refused_leaves_nothing_behind() -> None:
    """Neither an entity that it names beside another tenant, nor in what was handed on before."""
    kept: list[Mapping[str, str]] = []
    home = Home(Path("state"), {}, kept.append)
    assert home.why_not({"tenant": "1"}) is None
    assert home.why_not({"entity": "b", "tenant": "2"})
    assert home.why_not({"entity": "a", "tenant": "1"}) is None
    assert kept == [{"tenant": "1"}, {"tenant": "1", "entity": "a"}]


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
