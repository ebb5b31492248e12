"""What durability costs: CPU per call with the ledger, and with one that forgets, side by side.

The whole way of a call is taken: questions, intents, the engine, the HTTP client over loopback,
verdicts, outcomes. Rounds are paired and alternate; see docs/performance.md, which this writes.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import platform
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from zbatch.app.gate import Unattended
from zbatch.engine.events import Event
from zbatch.engine.loop import Engine
from zbatch.engine.order import Work
from zbatch.engine.ports import Ledger
from zbatch.engine.settings import Ending, Ports, Settings
from zbatch.ledger.store import Store, open_store
from zbatch.ledger.writer import LedgerWriter
from zbatch.model import (
    Charges,
    Credentials,
    DatePair,
    Finding,
    Identity,
    Item,
    Limits,
    Plan,
    Rate,
    Result,
    Send,
    Source,
    Spec,
    Tenant,
)
from zbatch.net.secret import Secret
from zbatch.net.sender import Sender
from zbatch.net.token import TokenSource
from zbatch.net.transport import Endpoint
from zbatch.zuora.request import make_call

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
CORE = 0
GOAL = 1.3
RUN = "20261130T220000Z-bench"
TARGET = date(2026, 11, 30)
LIMITS = Limits(concurrency=40, rate=Rate(1_000_000, 1.0), objects_per_call=1, timeout=60.0)
SECRETS = (Secret("bench"), Secret("bench"))
DELAYS = {"answers at once": 0.0, "answers after 48 ms": 0.048}


class SystemClock:
    """The machine's own clocks."""

    def monotonic(self) -> float:
        """Give seconds that never go backwards."""
        return time.monotonic()

    def now(self) -> datetime:
        """Give the wall time in UTC."""
        return datetime.now(UTC)


class Forgetful:
    """A ledger that keeps nothing."""

    async def begin(self, sends: Sequence[Send]) -> None:
        """Forget what is about to leave."""

    async def finish(self, results: Sequence[Result], findings: Sequence[Finding]) -> None:
        """Forget what was answered and seen."""

    async def look(self, stages: str, looked: int) -> None:
        """Forget who has looked."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one round took, in microseconds a call, and its calls a second.

    `cpu` is that of all threads while calls were made, `aside` the part of it off the event
    loop's thread; `books` is the plan written before the first call and read after the last.
    """

    cpu: float
    aside: float
    books: float
    rate: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rounds, one right after the other."""

    durable: Cost
    forgetful: Cost

    @property
    def ratio(self) -> float:
        """How much more the durable round took."""
        return self.durable.cpu / self.forgetful.cpu


@contextmanager
def quick_tenant(delay: float) -> Iterator[Tenant]:
    """Start a tenant in a process of its own, and end it."""
    command = [sys.executable, str(Path(__file__).with_name("quick_server.py")), str(delay)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdout is None or process.stdin is None:
            raise RuntimeError("a process was started without its pipes")
        port = int(process.stdout.readline())
        yield Tenant(
            "bench", f"http://127.0.0.1:{port}", f"127.0.0.1:{port}", Credentials("ID", "SECRET")
        )
        process.stdin.close()


def plan_of(calls: int, tenant: Tenant) -> Plan:
    """Plan one item for each of so many accounts."""
    source = Source("bench.yaml", 1)
    items = tuple(
        Item(Identity(f"{number:032x}", TARGET), TARGET, Charges(), source)
        for number in range(calls)
    )
    dates = (DatePair(TARGET, TARGET),)
    spec = Spec("bench", "bench", (), dates, Charges(), LIMITS, 6, "bench.yaml", "0" * 64)
    return Plan(spec, tenant, items, tuple((n,) for n in range(calls)), "0" * 64)


async def run_engine(plan: Plan, ledger: Ledger) -> Ending:
    """Bill the plan once; raise if anything but success came of it."""
    clock = SystemClock()
    settings = Settings("bench", LIMITS, 6, lambda items, gen: make_call(plan.tenant, items, gen))
    endpoint = Endpoint(plan.tenant, LIMITS.timeout, LIMITS.concurrency, clock.now)
    works = [Work(number, (item,), 0) for number, item in enumerate(plan.items)]
    async with TokenSource(endpoint, SECRETS) as tokens, Sender(endpoint, tokens) as sender:
        jitter = random.Random(0)  # noqa: S311 - jitter only
        ports = Ports(clock, jitter, sender, ledger, _ignore, Unattended())
        ending = await Engine(ports, settings, works).run()
    if ending.stop or ending.sent != len(plan.items):
        raise RuntimeError(f"the benchmark did not run as it should: {ending.stop}")
    return ending


def _ignore(_event: Event) -> None:
    """Watch nothing."""


def forgetful_round(plan: Plan) -> Cost:
    """Bill the plan with a ledger that forgets."""
    return _measured(plan, Forgetful(), books=0.0)


def durable_round(plan: Plan, folder: Path) -> Cost:
    """Bill the plan with the real ledger, new in an empty folder, from the plan to the outcomes."""
    with (
        tempfile.TemporaryDirectory(dir=folder) as place,
        closing(open_store(Path(place))) as store,
    ):
        before = time.process_time()
        store.start_run(RUN, plan, datetime.now(UTC))
        books = time.process_time() - before
        ledger = LedgerWriter(store, RUN, lambda: datetime.now(UTC))
        cost = _measured(plan, ledger, books)
        ledger.close()
        return _with_reading(cost, plan, store)


def _with_reading(cost: Cost, plan: Plan, store: Store) -> Cost:
    before = time.process_time()
    settled = sum(standing.record is not None for standing in store.standing(plan.items))
    reading = (time.process_time() - before) / len(plan.items) * 1e6
    if settled != len(plan.items):
        raise RuntimeError(f"the ledger holds {settled} outcomes of {len(plan.items)}")
    return Cost(cost.cpu, cost.aside, cost.books + reading, cost.rate)


def _measured(plan: Plan, ledger: Ledger, books: float) -> Cost:
    gc.collect()
    wall, cpu, loop = time.perf_counter(), time.process_time(), time.thread_time()
    asyncio.run(run_engine(plan, ledger))
    cpu, loop = time.process_time() - cpu, time.thread_time() - loop
    calls, wall = len(plan.items), time.perf_counter() - wall
    each = 1e6 / calls
    return Cost(cpu * each, (cpu - loop) * each, books * each, calls / wall)


def pairs_of(delay: float, pairs: int, calls: int, folder: Path) -> list[Pair]:
    """Take so many pairs of rounds, each pair in the other order, after one round to warm up."""
    with quick_tenant(delay) as tenant:
        plan = plan_of(calls, tenant)
        durable_round(plan_of(min(calls, 500), tenant), folder)
        taken = []
        for number in range(pairs):
            if number % 2:
                forgetful = forgetful_round(plan)
                taken.append(Pair(durable_round(plan, folder), forgetful))
            else:
                taken.append(Pair(durable_round(plan, folder), forgetful_round(plan)))
        return taken


HEADINGS = (
    "the tenant", "durable", "of it the ledger's thread", "forgetful", "ratio", "pairs from to",
    "durable calls/s", "the plan's own rows",
)  # fmt: skip


def row_of(name: str, pairs: Sequence[Pair]) -> tuple[str, ...]:
    """Tell the medians of a series of pairs, in the order of the headings."""
    ratios = sorted(pair.ratio for pair in pairs)
    durable = [pair.durable for pair in pairs]
    return (
        name,
        f"{median(cost.cpu for cost in durable):.0f} µs",
        f"{median(cost.aside for cost in durable):.0f} µs",
        f"{median(pair.forgetful.cpu for pair in pairs):.0f} µs",
        f"{median(ratios):.2f}",
        f"{ratios[0]:.2f} to {ratios[-1]:.2f}",
        f"{median(cost.rate for cost in durable):.0f}",
        f"{median(cost.books for cost in durable):.0f} µs",
    )


def table_of(rows: Sequence[Sequence[str]]) -> str:
    """Lay out the rows as a Markdown table."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """Tell the kind of machine and the versions, and nothing that names this one."""
    cpu = platform.machine()
    if (info := Path("/proc/cpuinfo")).exists():
        names = [line for line in info.read_text("utf-8").splitlines() if "model name" in line]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    return (
        f"{platform.system()}, {os.cpu_count()} cores ({cpu}); Python {platform.python_version()},"
        f" aiohttp {version('aiohttp')}, SQLite {sqlite3.sqlite_version}"
    )


def page_of(table: str, pairs: int, calls: int) -> str:
    """Write the page for docs/."""
    today = datetime.now(UTC).date().isoformat()
    return f"""\
# What the ledger costs

Written by `make bench` on {today}. {machine()}.

CPU per call, user and system, of all threads: medians of {pairs} pairs of rounds of
{calls} calls with {LIMITS.concurrency} in flight, each pair in the other order. *Durable* is the
real ledger on a real disk, *forgetful* one that keeps nothing; all else is the same: the questions
before the sends, the engine, the HTTP client over loopback against a cheap server in another
process, the verdicts. The ratio is taken pair by pair. Goal: at most {GOAL}.

{table}

*The plan's own rows* are written in one transaction before the first call and read once after the
last one; they are not in the other columns. Read ratios, not microseconds: those move with the
machine and its neighbours. A tenant takes 833 calls a second.
"""


def main() -> int:
    """Measure, print the table, write the page; 1 where the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--no-page", action="store_true", help="leave docs/performance.md alone")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity") and CORE in os.sched_getaffinity(0):
        os.sched_setaffinity(0, {CORE})
    folder = ROOT / "build" / "bench"  # a disk, where a folder for temporary files may be none
    folder.mkdir(parents=True, exist_ok=True)
    taken = {
        name: pairs_of(delay, options.pairs, options.calls, folder)
        for name, delay in DELAYS.items()
    }
    table = table_of([row_of(name, pairs) for name, pairs in taken.items()])
    print(table)
    if not options.no_page:
        PAGE.write_text(page_of(table, options.pairs, options.calls), "utf-8")
    met = all(median(pair.ratio for pair in pairs) <= GOAL for pairs in taken.values())
    print(f"goal, at most {GOAL}: {'met' if met else 'missed'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
