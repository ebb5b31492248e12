"""What a ledger gives out of a run: its own rows, and those of its items' other runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.plans import NOON, a_call, a_plan, a_send, settled
from zbatch.ledger.extract import TABLES
from zbatch.ledger.glance import Glance, glance
from zbatch.ledger.store import Store
from zbatch.model import Item, Outcome

RUN, LATER = "20261130T120000Z-0000", "20261130T130000Z-0001"


def extracted(folder: Path, run_id: str) -> dict[str, list[dict[str, Any]]]:
    def read(ledger: Glance) -> dict[str, list[dict[str, Any]]]:
        return {table: [dict(row) for row in ledger.extract(table, run_id)] for table in TABLES}

    found = glance(folder, read)
    assert found is not None
    return found


def test_a_run_is_told_with_keys_attempts_and_bodies_by_digest(
    tmp_path: Path, store: Store, items: list[Item]
) -> None:
    """All of it is JSON; a later run that only lists the items has them from the earlier one."""
    first, second = a_call(items[0]), a_call(items[1])
    store.begin(RUN, [a_send(first), a_send(second)], NOON)
    store.finish(RUN, [settled(first, Outcome.INVOICED)], NOON)
    store.start_run(LATER, a_plan([items[0]]), NOON.replace(hour=13))
    store.close()
    found = extracted(tmp_path, RUN)
    assert json.loads(json.dumps(found)) == found
    assert [row["outcome"] for row in found["items"]] == ["invoiced", None, None]
    assert [row["state"] for row in found["keys"]] == ["settled", "live"]
    assert {len(row["wire_sha256"]) for row in found["keys"]} == {64}
    assert [row["answer"] for row in found["attempts"]] == ["rows", None]
    assert [row["id"] for row in found["runs"]] == [RUN]
    later = extracted(tmp_path, LATER)
    assert [len(later[table]) for table in TABLES] == [1, 1, 1, 2]
    assert later["attempts"][0]["run_id"] == RUN
