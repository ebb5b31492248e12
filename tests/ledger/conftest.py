"""Fixtures of the ledger's tests: a folder, and a ledger in it with one run begun."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.engine import item
from support.plans import NOON, a_plan
from zbatch.ledger.store import Store, open_store
from zbatch.model import Item

RUN = "20261130T120000Z-0000"


@pytest.fixture
def items() -> list[Item]:
    """Give three items of three accounts."""
    return [item(1), item(2), item(3)]


@pytest.fixture
def store(tmp_path: Path, items: list[Item]) -> Iterator[Store]:
    """Give a ledger in which a run of the three items has begun."""
    store = open_store(tmp_path)
    store.start_run(RUN, a_plan(items), NOON)
    yield store
    store.close()
