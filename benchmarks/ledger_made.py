"""Write the ledger of a finished run: `python -m benchmarks.ledger_made SPEC`.

By the product's own store and in its own words, in groups, without a tenant.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from zbatch.app.desk import opened
from zbatch.app.loading import Overrides, load_plan
from zbatch.app.state import State
from zbatch.model import (
    Attempt,
    Baseline,
    Effect,
    ExitCode,
    Finding,
    Item,
    ItemRecord,
    KeyState,
    Outcome,
    Plan,
    Result,
    Send,
)
from zbatch.spec import find_project
from zbatch.zuora.request import make_call, track_id

GROUP = 200  # calls in one transaction


def results(plan: Plan, now: datetime) -> Iterator[Result]:
    """Give the answered attempt of each call, all invoiced."""
    for positions in plan.groups:
        items = tuple(plan.items[position] for position in positions)
        call = make_call(plan.tenant, items, 0)
        started = Attempt(1, now, track_id(call.key, "made", 1))
        ended = now + timedelta(milliseconds=400)
        attempt = replace(
            started, answer="rows", finished_at=ended, server_date=ended, http_status=200, token=1,
            request_id="01f5b2c4-0000-4000-8000-000000000001",
        )  # fmt: skip
        effects = (
            Effect(KeyState.SETTLED, "row: success", _record(item, attempt, call.key))
            for item in items
        )
        yield Result(call, attempt, tuple(effects))


def _record(item: Item, attempt: Attempt, key: str) -> ItemRecord:
    invoice = hashlib.md5(item.identity.account_id.encode(), usedforsecurity=False).hexdigest()
    return ItemRecord(
        item, Outcome.INVOICED, invoice, (invoice,), None, 200, 1, key, attempt.track_id,
        attempt.request_id, attempt.started_at, attempt.finished_at,
    )  # fmt: skip


def main() -> None:
    """Plan the spec and record each of its calls as sent and answered."""
    spec = Path(sys.argv[1])
    plan = load_plan(spec, Overrides(warn=print))
    now = datetime.now(UTC)
    with opened(plan.tenant, State.of(find_project(spec).root, None)) as desk:
        desk.store.start_run(desk.run_id, plan, now)
        left = results(plan, now)
        while group := list(islice(left, GROUP)):
            before = [Attempt(1, one.attempt.started_at, one.attempt.track_id) for one in group]
            sends = [Send(one.call, attempt) for one, attempt in zip(group, before, strict=True)]
            desk.store.begin(desk.run_id, sends, now)
            seen = Baseline(now, (), ())
            findings = [Finding(item, baseline=seen) for one in group for item in one.call.items]
            desk.store.finish(desk.run_id, group, now, findings)
        desk.store.finish_run(desk.run_id, ExitCode.OK, now)


if __name__ == "__main__":
    main()
