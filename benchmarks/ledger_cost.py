"""What durability costs: CPU per call with the ledger, and with one that forgets, side by side.

`python -m benchmarks.ledger_cost URL`. The whole way of a call is taken: questions, intents, the
engine, the HTTP client over loopback, verdicts, outcomes. Rounds are paired and alternate. It
prints one JSON object for each pair.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.machine import BUILD

from zbatch.app.gate import Unattended
from zbatch.engine.ending import Ending
from zbatch.engine.events import Event
from zbatch.engine.loop import Engine
from zbatch.engine.order import Work
from zbatch.engine.ports import Ledger
from zbatch.engine.settings import Ports, Settings
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

RUN = "20261130T220000Z-bench"
TARGET = date(2026, 11, 30)
SECRETS = (Secret("bench"), Secret("bench"))


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

    async def commit(
        self, sends: Sequence[Send], results: Sequence[Result], findings: Sequence[Finding]
    ) -> None:
        """Forget what is about to leave, what was answered and what was seen."""

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


def plan_of(calls: int, tenant: Tenant, rate: int, number: int = 0) -> Plan:
    """Plan one item for each of so many accounts; each number has accounts of its own.

    What a tenant has billed once it shows.
    """
    limits = Limits(concurrency=40, rate=Rate(rate, 1.0), objects_per_call=1, timeout=60.0)
    source = Source("bench.yaml", 1)
    items = tuple(
        Item(Identity(f"{number:016x}{account:016x}", TARGET), TARGET, Charges(), source)
        for account in range(calls)
    )
    dates = (DatePair(TARGET, TARGET),)
    spec = Spec("bench", "bench", (), dates, Charges(), limits, 6, "bench.yaml", "0" * 64)
    return Plan(spec, tenant, items, tuple((n,) for n in range(calls)), "0" * 64)


async def run_engine(plan: Plan, ledger: Ledger) -> Ending:
    """Bill the plan once; raise if anything but success came of it."""
    clock = SystemClock()
    limits = plan.spec.limits
    settings = Settings("bench", limits, 6, lambda items, gen: make_call(plan.tenant, items, gen))
    endpoint = Endpoint(plan.tenant, limits.timeout, limits.concurrency, clock.now)
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


def main() -> None:
    """Take so many pairs of rounds, each pair in the other order, after one round to warm up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--rate", type=int, default=1_000_000)
    options = parser.parse_args()
    host = urlsplit(options.url).netloc
    tenant = Tenant("bench", options.url, host, Credentials("ID", "SECRET"))
    plans = (plan_of(options.calls, tenant, options.rate, number) for number in count(1))
    durable_round(plan_of(min(options.calls, 500), tenant, options.rate), BUILD)
    for number in range(options.pairs):
        if number % 2:
            forgetful = forgetful_round(next(plans))
            durable = durable_round(next(plans), BUILD)
        else:
            durable = durable_round(next(plans), BUILD)
            forgetful = forgetful_round(next(plans))
        told = {"durable": asdict(durable), "forgetful": asdict(forgetful)}
        sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
