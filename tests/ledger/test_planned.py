"""What a run planned is told as that run has told it; what it never told, as it is held now."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from support.plans import NOON, a_plan
from zbatch.ledger.glance import Glance, Listed, glance
from zbatch.ledger.planned import Told
from zbatch.ledger.store import Store
from zbatch.model import Charges, Item

RUN, LATER = "20261130T120000Z-0000", "20261130T130000Z-0001"


def told(item: Item, **fields: Any) -> Told:
    """Tell of an item as its run's report does."""
    identity, source = item.identity, item.source
    day, invoice = identity.target_date.isoformat(), item.invoice_date.isoformat()
    of_it = Told(identity.account_id, day, 1, invoice, None, "October", source.file, source.line)
    return of_it._replace(**fields)


def planned(folder: Path, lines: Iterable[Told]) -> list[dict[str, Any]]:
    def read(ledger: Glance) -> list[dict[str, Any]]:
        return [dict(row) for row in ledger.planned(RUN, lines)]

    found = glance(folder, read)
    assert found is not None
    return found


def replanned(store: Store, items: list[Item]) -> None:
    """Let a later run list the same items with other payloads, as it may while none was sent."""
    other = Charges(one_time=False, recurring=True, usage=True)
    changed = [
        replace(one, invoice_date=date(2026, 12, 1), charges=other, account_number="A7", reason="x")
        for one in items
    ]
    store.start_run(LATER, a_plan(changed), NOON.replace(hour=13))
    store.close()


def test_what_a_run_has_told_stands_before_what_is_held_now(
    tmp_path: Path, store: Store, items: list[Item]
) -> None:
    """In the order of the plan, whatever the order of the report; null is told, too."""
    replanned(store, items)
    rows = planned(tmp_path, [told(items[2]), told(items[0], reason=None)])
    assert json.loads(json.dumps(rows)) == rows
    assert [row["account_id"] for row in rows] == [one.identity.account_id for one in items]
    assert [row["ordinal"] for row in rows] == [0, 1, 2]
    assert [row["from"] for row in rows] == ["report", "ledger", "report"]
    assert [row["invoice_date"] for row in rows] == ["2026-11-30", "2026-12-01", "2026-11-30"]
    assert [row["reason"] for row in rows] == [None, "x", "October"]
    assert [row["account_number"] for row in rows] == [None, "A7", None]
    assert (rows[0]["source_file"], rows[0]["source_line"]) == (
        items[0].source.file,
        items[0].source.line,
    )


def test_a_comparison_has_the_dates_that_were_told(
    tmp_path: Path, store: Store, items: list[Item]
) -> None:
    """Account by account; of a run that has told nothing they are those held now."""
    replanned(store, items)

    def read(ledger: Glance) -> tuple[list[Listed], list[Listed]]:
        return [*ledger.listed(RUN, [told(items[1])])], [*ledger.listed(RUN)]

    found = glance(tmp_path, read)
    assert found is not None
    with_told, without = found
    assert [one.invoice_date.day for one in with_told] == [1, 30, 1]
    assert [one.invoice_date.day for one in without] == [1, 1, 1]
    assert [one.account_id for one in with_told] == [one.identity.account_id for one in items]


def test_a_look_leaves_no_table_behind(tmp_path: Path, store: Store, items: list[Item]) -> None:
    """What was told is gone with the look: the ledger's bytes are what they were."""
    replanned(store, items)
    (path,) = tmp_path.glob("*.sqlite3")
    before = path.read_bytes()
    planned(tmp_path, [told(items[0])])
    assert path.read_bytes() == before
    assert [one["from"] for one in planned(tmp_path, [])] == ["ledger"] * 3
