"""A world on virtual time that outlives runs: one emulated tenant, hosts with real ledgers.

What a run does here is what `zbatch run` does, from what is outstanding to the exit code; only
sockets, threads and the report's file are left out. A process may die at any edge; a later run
finds what it left in the ledger, and the tenant goes on with what had reached it.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from support.engine import TENANT, HighRandom
from support.plans import a_plan
from support.world_check import Ledgers, Story, check
from support.world_net import NONE, Remote, Trouble, Wire
from support.world_time import Life, Timeline
from zbatch.app.doubt import doubts
from zbatch.app.ending import Closing, exit_code, final_records
from zbatch.app.outstanding import Outstanding, Wish, open_works, outstanding
from zbatch.emulator import EmulatorConfig, Faults, Modes, SecondGenerate
from zbatch.emulator.book import Book, BookAccount
from zbatch.emulator.exchange import Request as Arrival
from zbatch.emulator.history import Exchange, read_history
from zbatch.emulator.invoices import Execution, Invoice, Order, read_executions, read_invoices
from zbatch.emulator.store import Store as TenantStore
from zbatch.emulator.tenant import Tenant
from zbatch.engine.events import Event, Settled
from zbatch.engine.loop import Engine
from zbatch.engine.ports import Randomness
from zbatch.engine.settings import Accepted, Ending, Ports, Settings
from zbatch.ledger.schema import migrate
from zbatch.ledger.store import LEDGER_FILE, Store
from zbatch.model import (
    Account,
    DatePair,
    ExitCode,
    Finding,
    Identity,
    Item,
    ItemRecord,
    Limits,
    Outcome,
    Plan,
    Rate,
    Result,
    Send,
    Settling,
    Totals,
)
from zbatch.spec.plan import make_plan
from zbatch.zuora.request import make_call

FRIDAY = 1_795_867_200.0  # 2026-11-28 12:00 UTC
UNGUARDED = Modes(second_generate=SecondGenerate.BILLS_AGAIN)
LIMITS = Limits(10, Rate(6000, 60.0), 1, 150.0)
HOUR = 3600.0
DAY = 24 * HOUR

During = Callable[[Engine], Coroutine[Any, Any, None]]


@dataclass(slots=True)
class Host:
    """A machine: its clock, and the folder with its ledger."""

    name: str
    folder: Path
    shift: timedelta = timedelta()
    runs: int = 0

    def open(self) -> Store:
        """Open the ledger with its real tables; the disk itself is another test's matter."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / LEDGER_FILE
        connection = sqlite3.connect(path, isolation_level=None)
        connection.row_factory = sqlite3.Row
        migrate(connection)
        for pragma in ("journal_mode = MEMORY", "synchronous = OFF", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        return Store(connection, path)

    def lose_ledger(self) -> None:
        """Throw the ledger away, as a person, a restore or a RAM disk may."""
        (self.folder / LEDGER_FILE).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Job:
    """What one process is to do; it starts `after` seconds and may die at its n-th edge.

    `die_at` may also name an edge: the first one of that name.
    """

    plan: Plan
    host: str = "one"
    wish: Wish = field(default_factory=Wish)
    read_only: bool = False
    accepted: Mapping[Identity, Accepted] = field(default_factory=dict)
    die_at: int | str | None = None
    after: float = 0.0
    during: During | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """What a ledger holds of one key of an item; `sends` counts those that may have left."""

    key: str
    state: str
    evidence: str
    sends: int


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended; `records` are the lines of its report, `edges` where it could have died."""

    records: dict[Identity, ItemRecord]
    exit_code: ExitCode | None
    ending: Ending | None
    edges: tuple[str, ...]
    strays: tuple[ItemRecord, ...] = ()

    @property
    def died(self) -> bool:
        """Whether the process was gone before it could say anything."""
        return self.exit_code is None

    @property
    def outcomes(self) -> list[str]:
        """The items' outcomes, in the order of their identities."""
        return [self.records[identity].outcome.value for identity in sorted(self.records)]

    @property
    def codes(self) -> list[str]:
        """The items' error codes, in the order of their identities."""
        sorted_ = (self.records[identity] for identity in sorted(self.records))
        return [record.error.code if record.error else "" for record in sorted_]


class _LedgerPort:
    """The engine's ledger over a real store, as durable as the process lives."""

    def __init__(self, store: Store, run_id: str, now: Callable[[], datetime], life: Life) -> None:
        self._store = store
        self._run_id = run_id
        self._now = now
        self._life = life
        self.begun: set[str] = set()

    async def begin(self, sends: Sequence[Send]) -> None:
        self._write("begin", lambda: self._store.begin(self._run_id, sends, self._now()))
        self.begun |= {send.attempt.track_id for send in sends}
        await self._durable("begin")

    async def finish(self, results: Sequence[Result], findings: Sequence[Finding]) -> None:
        self._write(
            "finish",
            lambda: self._store.finish(self._run_id, results, self._now(), findings),
        )
        await self._durable("finish")

    def _write(self, what: str, write: Callable[[], None]) -> None:
        self._life.check()
        self._life.edge(f"{what} not yet durable")
        write()

    async def _durable(self, what: str) -> None:
        await asyncio.sleep(0.001)
        self._life.check()
        self._life.edge(f"{what} durable, untold")


class _HostClock:
    def __init__(self, world: World, host: Host) -> None:
        self._world = world
        self._host = host

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return self._world.clock(self._host)


class World:
    """One tenant and its hosts; `troubles` are by the number of the request, from 1."""

    def __init__(
        self,
        folder: Path,
        modes: Modes = UNGUARDED,
        latency: float = 1.0,
        book: Mapping[str, BookAccount] | None = None,
        config: EmulatorConfig | None = None,
    ) -> None:
        self._folder = folder
        self.timeline = Timeline(FRIDAY)
        self.faults = Faults()
        self.troubles: dict[int, Trouble] = {}
        self.query_troubles: dict[int, Trouble] = {}
        self.chance: Callable[[str], Trouble] | None = None
        self.random: Randomness = HighRandom()
        self.limits = LIMITS
        self.settling = Settling()
        self.max_attempts = 6
        self.hosts: dict[str, Host] = {}
        self.story = Story()
        self._sent: Counter[str] = Counter()
        self._db = sqlite3.connect(":memory:", isolation_level=None)
        self._store = TenantStore(self._db, 0)
        config = config or EmulatorConfig(Path("unused"), modes=modes)
        accounts = Book(book, BookAccount(latency=latency))
        self.tenant = Tenant(config, accounts, self._store, self.faults)
        self.remote = Remote(self.timeline, self.tenant, config.client_secret)
        self.remote.on_arrival = self._arrived
        self._begun: list[_LedgerPort] = []

    def close(self) -> None:
        """Let the tenant go."""
        self._db.close()

    # The hosts' side

    def host(self, name: str = "one") -> Host:
        """Give a machine; a new one has no ledger."""
        return self.hosts.setdefault(name, Host(name, self._folder / name))

    def clock(self, host: Host) -> datetime:
        """Give a machine's wall time."""
        return datetime.fromtimestamp(self.timeline.now, UTC) + host.shift

    def plan(self, items: Sequence[Item]) -> Plan:
        """Make a plan under the world's limits, its groups cut as a spec's are."""
        dates: dict[str, list[DatePair]] = {}
        first = {one.identity.account_id: one for one in reversed(items)}
        for one in items:
            pair = DatePair(one.identity.target_date, one.invoice_date)
            dates.setdefault(one.identity.account_id, []).append(pair)
        accounts = tuple(
            Account(account, first[account].source, tuple(pairs), None, revision_of(first[account]))
            for account, pairs in dates.items()
        )
        spec = replace(
            a_plan(items).spec,
            accounts=accounts,
            limits=self.limits,
            settling=self.settling,
            max_attempts=self.max_attempts,
        )
        return make_plan(spec, TENANT)

    def run(self, items: Iterable[Item] | Plan, **job: Any) -> RunOutcome:
        """Do what `zbatch run` does, and hold what must hold after it."""
        plan = items if isinstance(items, Plan) else self.plan(tuple(items))
        return self.together(Job(plan, **job))[0]

    def reconcile(self, items: Iterable[Item] | None = None, **job: Any) -> RunOutcome:
        """Do what `zbatch reconcile` does, for some items in doubt or for all."""
        plan = self.plan(tuple(items) if items is not None else ())
        return self.together(Job(plan, read_only=True, **job))[0]

    def together(self, *jobs: Job) -> list[RunOutcome]:
        """Run several processes at once; where one dies, so do all."""
        lives = [Life(job.die_at) for job in jobs]

        async def main() -> list[RunOutcome]:
            parts = (self._process(job, life) for job, life in zip(jobs, lives, strict=True))
            return list(await asyncio.gather(*parts))

        outcomes = self.timeline.drive(main(), lives)
        if outcomes is None:
            outcomes = [RunOutcome({}, None, None, tuple(life.edges)) for life in lives]
        for job, outcome in zip(jobs, outcomes, strict=True):
            self.story.add(self.timeline.now, job.host, outcome.records.values())
            self.note(f"{job.host}: {_told(outcome)}")
        self.check()
        return outcomes

    async def _process(self, job: Job, life: Life) -> RunOutcome:
        await asyncio.sleep(job.after)
        host = self.host(job.host)
        store = host.open()
        try:
            return await self._converge(job, host, store, life)
        finally:
            store.close()

    async def _converge(self, job: Job, host: Host, store: Store, life: Life) -> RunOutcome:
        clock = _HostClock(self, host)
        job, todo = self._todo(job, store)
        newest = store.newest_stamp()
        host.runs += 1
        run_id = f"20261128T120000Z-{host.name}{host.runs}"
        life.edge("start_run not yet durable")
        store.start_run(run_id, job.plan, clock.now())
        life.edge("start_run durable")
        told = {
            record.item.identity: record
            for record in todo.records
            if record.outcome is not Outcome.NOT_ATTEMPTED
        }
        closing = Closing(read_only=job.read_only)
        if todo.works:
            ledger = _LedgerPort(store, run_id, clock.now, life)
            self._begun.append(ledger)
            ports = self._ports(clock, ledger, life, told)
            engine = Engine(ports, self._settings(job, run_id, newest), todo.works)
            aside = asyncio.create_task(job.during(engine)) if job.during else None
            closing = replace(closing, ending=await engine.run())
            if aside:
                await aside
        planned = {item.identity for item in job.plan.items}
        strays = [one for one in doubts(store.unsettled()) if one.item.identity not in planned]
        closing = replace(closing, strays=tuple(strays))
        finals = list(final_records(store.standing(job.plan.items), todo.records, closing))
        totals = Totals(len(job.plan.items), Counter(one.outcome for one in finals))
        code = exit_code(totals, closing)
        life.edge("finish_run not yet durable")
        store.finish_run(run_id, code, clock.now())
        life.edge("finish_run durable")
        self.story.compare(told, finals)
        records = {final.item.identity: told.get(final.item.identity, final) for final in finals}
        return RunOutcome(records, code, closing.ending, tuple(life.edges), closing.strays)

    def _todo(self, job: Job, store: Store) -> tuple[Job, Outstanding]:
        if not job.read_only:
            standings = tuple(store.standing(job.plan.items))
            return job, outstanding(job.plan, standings, job.wish)
        listed = {item.identity: item for item in job.plan.items}
        found = [s for s in store.unsettled() if not listed or s.item.identity in listed]
        in_doubt = {record.item.identity for record in doubts(found)}
        standings = tuple(s for s in found if s.item.identity in in_doubt)
        items = tuple(listed.get(s.item.identity, s.item) for s in standings)
        plan = replace(job.plan, items=items, groups=())
        return replace(job, plan=plan), Outstanding(tuple(open_works(standings)), ())

    def _ports(
        self,
        clock: _HostClock,
        ledger: _LedgerPort,
        life: Life,
        told: dict[Identity, ItemRecord],
    ) -> Ports:
        wire = Wire(life, self.remote, TENANT, self.limits.timeout, self._trouble, clock.now)

        def observe(event: Event) -> None:
            if isinstance(event, Settled) and not life.dead:
                told.setdefault(event.record.item.identity, event.record)

        return Ports(clock, self.random, wire, ledger, observe)

    def _settings(self, job: Job, run_id: str, newest: datetime | None) -> Settings:
        spec = job.plan.spec
        return Settings(
            run_id.rpartition("-")[2],
            spec.limits,
            spec.max_attempts,
            lambda items, generation: make_call(TENANT, items, generation),
            newest,
            settling=spec.settling,
            read_only=job.read_only,
            accepted=job.accepted,
        )

    # The tenant's side

    def bill_by_hand(self, one: Item, source: str = "BillRun") -> str:
        """Bill an account as a person does in the tenant, whatever was billed before."""
        identity = one.identity
        order = Order(identity.account_id, one.invoice_date, identity.target_date, None, source)
        with self._store.transaction():
            return self._store.invoices.create(order, 1, self.timeline.now)

    def billed_before(self, one: Item, key: str, invoice_id: str, at: float) -> None:
        """Let the tenant have billed an item by one of our calls before this world began."""
        identity = one.identity
        order = Order(identity.account_id, one.invoice_date, identity.target_date, key)
        with self._store.transaction():
            drawn = self._store.invoices.create(order, 1, at)
            renamed = (invoice_id, drawn)
            self._db.execute("update invoices set id = ? where id = ?", renamed)
            self._db.execute("update billing set invoice_id = ? where invoice_id = ?", renamed)

    def set_status(self, invoice_id: str, status: str) -> None:
        """Post, cancel, … an invoice, as a person does."""
        with self._store.transaction():
            assert self._store.invoices.set_status(invoice_id, status, self.timeline.now)

    def delete(self, invoice_id: str) -> None:
        """Delete an invoice, as a person does."""
        with self._store.transaction():
            assert self._store.invoices.delete(invoice_id)

    def pass_time(self, seconds: float) -> None:
        """Let time pass between runs."""
        self.note(f"{seconds:.0f} s pass")
        self.timeline.pass_time(seconds)

    @property
    def invoices(self) -> list[Invoice]:
        """The invoices that exist."""
        return read_invoices(self._db)

    @property
    def executions(self) -> list[Execution]:
        """Every time that an account was billed."""
        return read_executions(self._db)

    def billed(self, one: Item) -> int:
        """Count how often we billed an item."""
        wanted = (one.identity.account_id, one.identity.target_date)
        return sum(
            e.key is not None and (e.account_id, e.target_date) == wanted for e in self.executions
        )

    @property
    def generates(self) -> list[str]:
        """The keys of the generate calls that arrived, in the order of their answers."""
        paths = (e for e in read_history(self._db) if e.path.endswith("generate"))
        return [exchange.key or "" for exchange in paths]

    @property
    def exchanges(self) -> list[Exchange]:
        """What arrived, each with its answer, in the order of the answers."""
        return read_history(self._db)

    @property
    def sent(self) -> int:
        """How many generate calls left any host."""
        return self._sent["generate"]

    def note(self, line: str) -> None:
        """Add a line to the story, with the hours since it began."""
        self.story.note(f"{(self.timeline.now - FRIDAY) / HOUR:.4f} h {line}")

    def keys(self, one: Item, host: str = "one") -> list[Key]:
        """Read what a host's ledger holds of an item's keys, by generation."""
        identity = one.identity
        found = sqlite3.connect(self.host(host).folder / LEDGER_FILE)
        with closing(found):
            return [
                Key(*row)
                for row in found.execute(
                    "SELECT call.key, call_item.state, coalesce(call_item.evidence, ''),"
                    " (SELECT count(*) FROM attempt WHERE call_id = call.id AND sent)"
                    " FROM call JOIN call_item ON call_item.call_id = call.id"
                    " JOIN item ON item.id = call_item.item_id"
                    " WHERE item.account_id = ? AND item.target_date = ? AND item.revision = ?"
                    " ORDER BY call.generation",
                    (identity.account_id, identity.target_date.isoformat(), identity.revision),
                )
            ]

    def check(self) -> None:
        """Hold what must hold at any time; an AssertionError tells the story."""
        check(self.story, Ledgers(self.executions, self.invoices, read_history(self._db)))

    def _arrived(self, arrival: Arrival) -> None:
        track_id = arrival.headers["zuora-track-id"]
        body = json.loads(gzip.decompress(arrival.body))["objects"]
        named = ", ".join(f"{one['AccountId'][-2:]} {one['TargetDate']}" for one in body)
        self.note(f"{track_id} arrives for {named}")
        if not any(track_id in port.begun for port in self._begun):
            self.story.wrong(f"{track_id} arrived before its intent was durable")

    def _trouble(self, what: str) -> Trouble:
        self._sent[what] += 1
        trouble = self._drawn(what)
        if trouble is not NONE:
            self.note(f"{what} {self._sent[what]}: {trouble}")
        return trouble

    def _drawn(self, what: str) -> Trouble:
        given = self.troubles if what == "generate" else self.query_troubles
        if self._sent[what] in given:
            return given[self._sent[what]]
        return self.chance(what) if self.chance else NONE


def _told(outcome: RunOutcome) -> str:
    if outcome.died:
        return f"died at {len(outcome.edges)}: {outcome.edges[-1]}" if outcome.edges else "died"
    lines = (
        f"{identity.account_id[-2:]} {identity.target_date}: {record.outcome}"
        f" {record.error.code if record.error else ''}"
        for identity, record in sorted(outcome.records.items())
    )
    stop = outcome.ending.stop if outcome.ending else None
    return f"exit {outcome.exit_code}, {stop}, {'; '.join(lines)}"


def revision_of(one: Item) -> int:
    """Give the revision of an item."""
    return one.identity.revision
