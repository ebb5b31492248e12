"""What long runs cost: `python -m benchmarks.run_scale`, CPU and peak memory of whole runs.

Two runs are measured, each in a process of its own: one over a ledger in which every item is
invoiced already, and a first one against the tenant of the bench. See docs/scale.md.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from benchmarks.tenant import tenant

from zbatch.app.api import RunHeader, RunOptions, RunResult
from zbatch.app.loading import Overrides, load_plan
from zbatch.app.run import run
from zbatch.app.state import State
from zbatch.engine.events import Event
from zbatch.ledger.store import open_store
from zbatch.model import Attempt, Effect, Item, ItemRecord, KeyState, Outcome, Plan, Result, Send
from zbatch.zuora.request import make_call

RUN = "20261130T220000Z-0001"
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
AT_ONCE = 1000
SPEC = """version: 1
name: scale
tenant: bench
dates: [{target_date: 2026-11-30}]
limits: {concurrency: 40, rate: 50000/min}
"""
TENANTS = """version: 1
tenants:
  bench: {base_url: "http://127.0.0.1:%d"}
"""
KINDS = ("csv", "maps")


def write_project(folder: Path, count: int, kind: str, port: int = 1) -> Path:
    """Write a spec of so many accounts, as a CSV or as maps, and its tenant."""
    (folder / "tenants.yaml").write_text(TENANTS % port)
    path = folder / "spec.yaml"
    with path.open("w") as file:
        file.write(SPEC)
        if kind == "csv":
            file.write("accounts:\n  - {file: accounts.csv}\n")
        else:
            file.write("accounts:\n")
            file.writelines(f'  - {{id: "{one}", reason: moved}}\n' for one in _ids(count))
    if kind == "csv":
        with (folder / "accounts.csv").open("w") as file:
            file.write("account_id\n")
            file.writelines(f"{one}\n" for one in _ids(count))
    return path


def _ids(count: int) -> Iterator[str]:
    chance = random.Random(5)  # noqa: S311 - not secret: the same accounts each time
    return (f"{chance.getrandbits(128):032x}" for _ in range(count))


def finish_all(path: Path) -> None:
    """Write the ledger of a run that has invoiced every item of a spec, as zbatch writes it."""
    plan = plan_of(path)
    folder = State.of(path.parent, None).tenant_folder(plan.tenant)
    with closing(open_store(folder)) as store:
        store.start_run(RUN, plan, NOON)
        items = iter(plan.items)
        while chunk := list(islice(items, AT_ONCE)):
            results = [_invoiced(plan, item) for item in chunk]
            store.begin(RUN, [Send(one.call, one.attempt) for one in results], NOON)
            store.finish(RUN, results, NOON)


def plan_of(path: Path) -> Plan:
    """Plan a spec as zbatch does."""
    return load_plan(path, Overrides())


def _invoiced(plan: Plan, item: Item) -> Result:
    call = make_call(plan.tenant, (item,), 0)
    invoice = item.identity.account_id[::-1]
    track, asked = f"zb-{call.key[4:24]}-0001-1", f"01f5b2c4-{invoice[:12]}"
    answered = {"finished_at": NOON, "http_status": 200, "request_id": asked}
    attempt = Attempt(1, NOON, track, "rows", server_date=NOON, token=1, **answered)  # type: ignore[arg-type]
    record = ItemRecord(
        item,
        Outcome.INVOICED,
        invoice,
        (invoice,),
        attempts=1,
        idempotency_key=call.key,
        track_id=track,
        started_at=NOON,
        **answered,  # type: ignore[arg-type]
    )
    return Result(call, attempt, (Effect(KeyState.SETTLED, "rows", record),))


class Watch:
    """Takes the figures of its own process when the run begins and when it is over."""

    def started(self, header: RunHeader) -> None:
        """Tell what it took to know what is to be sent."""
        print(f"  {header.outstanding:,} to send: {_so_far()}", flush=True)

    def event(self, event: Event) -> None:
        """Look away."""

    def finished(self, result: RunResult) -> None:
        """Tell what all of it took."""
        print(f"  {result.totals[Outcome.INVOICED]:,} invoiced: {_so_far()}", flush=True)


def _so_far() -> str:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_mb = peak * (1 if sys.platform == "darwin" else 1024) / 1e6
    return f"{time.process_time():.2f} s of CPU, {peak_mb:.0f} MB at most"


def run_here(path: Path) -> None:
    """Run a spec in this process."""
    run(RunOptions(path), Watch())


def run_aside(path: Path) -> None:
    """Run a spec in a process of its own, from the interpreter's start to its end."""
    environ = {**os.environ, "ZUORA_CLIENT_ID": "bench", "ZUORA_CLIENT_SECRET": "bench"}
    command = [sys.executable, "-m", "benchmarks.run_scale", "here", str(path)]
    subprocess.run(command, env=environ, check=True)


def again(folder: Path, count: int, kind: str) -> None:
    """Run a spec over a ledger in which each of its items is invoiced."""
    path = write_project(folder, count, kind)
    writer = os.fork()  # so that this process stays small: its size counts for its children
    if not writer:
        finish_all(path)
        os._exit(0)
    os.waitpid(writer, 0)
    run_aside(path)


def first(folder: Path, count: int, kind: str) -> None:
    """Run a spec for the first time."""
    with tenant(1, count) as server:
        run_aside(write_project(folder, count, kind, server.port))


WAYS = {"again": again, "first": first}


def main() -> None:
    """Measure one of the two for so many accounts each time."""
    if sys.argv[1:2] == ["here"]:
        run_here(Path(sys.argv[2]))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("counts", type=int, nargs="+")
    parser.add_argument("--kind", choices=KINDS, default="csv")
    parser.add_argument(
        "--folder", type=Path, help="a disk, where that for temporary files is none"
    )
    options = parser.parse_args()
    for count in options.counts:
        print(f"{options.way}, {options.kind}, {count:,} accounts", flush=True)
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            WAYS[options.way](Path(folder), count, options.kind)


if __name__ == "__main__":
    main()
