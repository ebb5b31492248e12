"""A world on virtual time that outlives runs: one emulated tenant, hosts with real ledgers.

What a run does here is what `zbatch run` does, from what is outstanding to report and exit code,
since it is the same code; only sockets, threads, signals and files are left out. A process may
die at any edge; a later run finds what it left in the ledger, and the tenant goes on with what had
reached it.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cache
from math import inf
from pathlib import Path
from typing import Any

from support.checker import check
from support.engine import TENANT, HighRandom
from support.evidence import GENERATE, Evidence, Pressure, Run, Trip
from support.evidence import Item as Named
from support.evidence_reading import lines_of, tenant_evidence
from support.plans import a_plan
from support.story import Story
from support.world_host import (
    Host,
    HostFiles,
    HostKeeper,
    HostRecorder,
    HostStore,
    Looks,
    Nobody,
    named,
)
from support.world_net import AT_ONCE, NONE, Remote, Trouble, Wire
from support.world_time import Event, Life, Timeline
from zbatch.app.api import RunResult
from zbatch.app.execution import Execution
from zbatch.app.outside import Outside
from zbatch.app.outstanding import Wish
from zbatch.app.signals import Interruptions
from zbatch.app.task import Task, to_converge, to_settle
from zbatch.emulator import EmulatorConfig, Faults, Modes, SecondGenerate, SourceField
from zbatch.emulator.book import AccountStatus, Book, BookAccount
from zbatch.emulator.history import Exchange, read_history
from zbatch.emulator.invoices import Execution as Billed
from zbatch.emulator.invoices import Invoice, Order, read_executions, read_invoices
from zbatch.emulator.schema import prepare
from zbatch.emulator.store import Store as TenantStore
from zbatch.emulator.tenant import Tenant
from zbatch.engine.loop import Engine
from zbatch.engine.ports import Randomness
from zbatch.engine.settings import Acceptance
from zbatch.engine.stages import Choice
from zbatch.model import (
    Account,
    Charges,
    DatePair,
    ExitCode,
    Identity,
    Item,
    ItemRecord,
    Limits,
    Plan,
    Rate,
    Settling,
    StopRules,
)
from zbatch.report.record import RunRecord
from zbatch.spec.plan import make_plan

FRIDAY = 1_795_867_200.0  # 2026-11-28 12:00 UTC
UNGUARDED = Modes(second_generate=SecondGenerate.BILLS_AGAIN)
LIMITS = Limits(10, Rate(6000, 60.0), 1, 150.0)
PART = 3  # items that a plan is worked out by, so that short ones are cut as long ones are
MOST_AT_ONCE = 40
HOUR = 3600.0
DAY = 24 * HOUR

During = Callable[[Engine], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Job:
    """What one process is to do; it starts `after` seconds and may die at its n-th edge.

    `die_at` may also name an edge: the first one of that name. Signals come so many seconds after
    the first call may leave.
    """

    plan: Plan
    host: str = "one"
    wish: Wish = field(default_factory=Wish)
    read_only: bool = False
    accepted: Mapping[Identity, Acceptance] = field(default_factory=dict)
    die_at: int | str | None = None
    after: float = 0.0
    during: During | None = None
    signals: tuple[tuple[float, int], ...] = ()


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
    edges: tuple[str, ...]
    result: RunResult | None

    @property
    def died(self) -> bool:
        """Whether the process was gone before it could say anything."""
        return self.result is None

    @property
    def exit_code(self) -> ExitCode | None:
        """The exit code of a process that has lived to give one."""
        return self.result.exit_code if self.result else None

    @property
    def stop(self) -> str:
        """Why the run ended early, or an empty text."""
        return (self.result.stop or "") if self.result else ""

    @property
    def strays(self) -> tuple[ItemRecord, ...]:
        """Items in doubt beyond the plan."""
        return self.result.strays if self.result else ()

    @property
    def outcomes(self) -> list[str]:
        """The items' outcomes, in the order of their identities."""
        return [self.records[identity].outcome.value for identity in sorted(self.records)]

    @property
    def codes(self) -> list[str]:
        """The items' error codes, in the order of their identities."""
        sorted_ = (self.records[identity] for identity in sorted(self.records))
        return [record.error.code if record.error else "" for record in sorted_]


@dataclass(slots=True)
class _Process:
    """One process of the history, as evidence of it grows."""

    job: Job
    life: Life
    ledger: str
    plan: Plan
    started: float
    recorder: HostRecorder
    files: HostFiles
    ended: float = 0.0
    code: ExitCode | None = None

    @property
    def outcome(self) -> RunOutcome:
        """How it ended, as long as it has said nothing."""
        return RunOutcome(dict(self.recorder.told), tuple(self.life.edges), None)

    def evidence(self, contents: Mapping[str, bytes]) -> Run:
        """What it leaves behind; `contents` are its files."""
        limits = self.plan.spec.limits
        return Run(
            self.ledger,
            self.started,
            self.ended,
            tuple(named(item.identity) for item in self.plan.items),
            lines_of(contents["report"]),
            json.loads(contents["record"]),
            None if self.code is None else int(self.code),
            Pressure(min(limits.concurrency, MOST_AT_ONCE), limits.rate.calls, limits.rate.seconds),
        )


class World:
    """One tenant and its hosts; `troubles` are by the number of the request, from 1."""

    def __init__(
        self,
        modes: Modes = UNGUARDED,
        latency: float = 1.0,
        book: Mapping[str, BookAccount] | None = None,
        config: EmulatorConfig | None = None,
        seed: int = 0,
    ) -> None:
        self.timeline = Timeline(FRIDAY)
        self.faults = Faults(seed=seed)
        self.troubles: dict[int, Trouble] = {}
        self.query_troubles: dict[int, Trouble] = {}
        self.chance: Callable[[str], Trouble] | None = None
        self.random: Randomness = HighRandom()
        self.limits = LIMITS
        self.settling = Settling()
        self.max_attempts = 6
        self.stop = StopRules()
        self.stages: tuple[int | None, ...] = ()
        self.looks: deque[Choice] = deque()
        self.windows: tuple[Rate, ...] = ()
        self.windows_end = inf
        self.hosts: dict[str, Host] = {}
        self.allowed: dict[Named, int] = {}
        self.story = Story(FRIDAY)
        self._sent: Counter[str] = Counter()
        self._processes: list[_Process] = []
        self._trips: list[Trip] = []
        self.config = config or EmulatorConfig(Path("unused"), modes=modes)
        self._db = sqlite3.connect(":memory:", isolation_level=None)
        _blank_tenant().backup(self._db)
        self._store = TenantStore(self._db, 0)
        self._book = Book(book, BookAccount(latency=latency))
        self.tenant = Tenant(self.config, self._book, self._store, self.faults)
        self.remote = Remote(self.timeline, self.tenant, self.config)

    def close(self) -> None:
        """Let tenant and hosts go."""
        self._db.close()
        for host in self.hosts.values():
            host.close()

    # The hosts' side

    def host(self, name: str = "one") -> Host:
        """Give a machine; a new one has no ledger."""
        if name not in self.hosts:
            self.hosts[name] = Host(name, self.timeline)
        return self.hosts[name]

    def plan(self, items: Sequence[Item]) -> Plan:
        """Make a plan under the world's limits, its groups cut as a spec's are."""
        dates: dict[str, list[DatePair]] = {}
        first = {one.identity.account_id: one for one in reversed(items)}
        for one in items:
            pair = DatePair(one.identity.target_date, one.invoice_date)
            dates.setdefault(one.identity.account_id, []).append(pair)
        accounts = tuple(
            Account(
                account,
                first[account].source,
                tuple(pairs),
                None,
                first[account].identity.revision,
            )
            for account, pairs in dates.items()
        )
        spec = replace(
            a_plan(items).spec,
            accounts=accounts,
            limits=self.limits,
            settling=self.settling,
            max_attempts=self.max_attempts,
            stop=self.stop,
            stages=self.stages,
            charges=items[0].charges if items else Charges(),
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
        """Run several processes at once, and hold what must hold after them."""
        outcomes = self.play(*jobs)
        self.check()
        return outcomes

    def play(self, *jobs: Job) -> list[RunOutcome]:
        """Run several processes at once; each dies alone."""

        async def main() -> list[RunOutcome]:
            return list(await asyncio.gather(*map(self._process, jobs)))

        return self.timeline.drive(main())

    async def _process(self, job: Job) -> RunOutcome:
        await asyncio.sleep(job.after)
        life = Life(job.die_at)
        host = self.host(job.host)
        store = host.open(life)
        task = _task(job, store)
        host.runs += 1
        run_id = f"20261128T120000Z-{host.name}{host.runs}"
        verb = "reconcile" if task.read_only else "run"
        record = RunRecord(run_id, task.plan, host.now(), verb=verb)
        files = HostFiles(Path(host.name) / run_id)
        files.keep(record)
        process = _Process(
            *(job, life, host.ledger, task.plan, self.timeline.now),
            HostRecorder(files, task.plan, run_id),
            files,
        )
        self._processes.append(process)
        self.story.began(self.timeline.now, run_id, job)
        try:
            return await self._live(process, task, store, record, host)
        finally:
            process.ended = self.timeline.now
            self.story.ended(self.timeline.now, run_id, process.code, life.edges)

    async def _live(
        self,
        process: _Process,
        task: Task,
        store: HostStore,
        record: RunRecord,
        host: Host,
    ) -> RunOutcome:
        life = process.life

        @contextmanager
        def interruptible(engine: Engine, timeout: float) -> Iterator[Interruptions]:
            interruptions = Interruptions(engine, timeout)
            aside = [_signal(interruptions, *one) for one in process.job.signals]
            if process.job.during:
                aside.append(process.job.during(engine))
            tasks = [asyncio.create_task(one) for one in aside]
            yield interruptions
            for one in tasks:
                one.cancel()

        outside = Outside(
            host,
            self.random,
            lambda store, run_id, now: HostKeeper(store, run_id, now, life),
            interruptible,
            Looks(self.looks),
        )
        way = nullcontext(self._wire(process, host)) if task.todo.work else None
        run = Execution(record, store, process.recorder, process.files, Nobody(), outside)
        result = await life.live(run.converge(task, way))
        if result is None:
            return process.outcome
        process.code = result.exit_code
        return replace(process.outcome, result=result)

    def _wire(self, process: _Process, host: Host) -> Wire:
        number = len(self._processes) - 1

        def trip(left: float, wait: float | None) -> None:
            self._trips.append(Trip(number, left, self.timeline.now, wait))

        timeout = process.plan.spec.limits.timeout
        tail = process.recorder.run_id.rpartition("-")[2]
        return Wire(process.life, self.remote, TENANT, timeout, self._trouble, host.now, trip, tail)

    # The tenant's side

    def bill_by_hand(self, one: Item, source: str = "BillRun") -> str:
        """Bill an account as a person does in the tenant, whatever was billed before."""
        identity = one.identity
        order = Order(identity.account_id, one.invoice_date, identity.target_date, source=source)
        now = self.timeline.now
        with self._store.transaction():
            made = self._store.invoices.create(order, 1, now)
        self.story.by_hand(now, identity.account_id, identity.target_date, made)
        return made

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

    def narrow(self, limits: Iterable[tuple[float, int]], *, told: bool) -> None:
        """Let the tenant take so many requests at once, from so many seconds on; tell or not."""
        self.remote.untold = frozenset() if told else AT_ONCE
        for after, number in limits:
            self.timeline.at(self.timeline.now + after, self._admitting(number))

    def _admitting(self, number: int) -> Event:
        return lambda now: self.tenant.admit(number)

    def pass_time(self, seconds: float) -> None:
        """Let time pass between runs."""
        self.timeline.pass_time(seconds)

    @property
    def invoices(self) -> list[Invoice]:
        """The invoices that exist."""
        return read_invoices(self._db)

    @property
    def executions(self) -> list[Billed]:
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
        """The keys of the generate calls that were answered, in the order of their answers."""
        rows = self._db.execute(
            "select key from replies r join arrivals a on a.n = r.arrival where path = ?"
            " order by r.n",
            (GENERATE,),
        )
        return [key or "" for (key,) in rows]

    @property
    def exchanges(self) -> list[Exchange]:
        """What arrived, each with its answer, in the order of the answers."""
        return read_history(self._db)

    @property
    def sent(self) -> int:
        """How many generate calls left any host."""
        return self._sent["generate"]

    @property
    def asked(self) -> int:
        """How many questions did."""
        return self._sent["query"]

    def keys(self, one: Item, host: str = "one") -> list[Key]:
        """Read what a host's ledger holds of an item's keys, by generation."""
        rows = self.host(host).disk.execute(
            "SELECT call.key, call_item.state, coalesce(call_item.evidence, ''),"
            " (SELECT count(*) FROM attempt WHERE call_id = call.id AND sent)"
            " FROM call JOIN call_item ON call_item.call_id = call.id"
            " JOIN item ON item.id = call_item.item_id"
            " WHERE item.account_id = ? AND item.target_date = ? AND item.revision = ?"
            " ORDER BY call.generation",
            named(one.identity),
        )
        return [Key(*row) for row in rows]

    # What holds

    def allow(self, one: Item, times: int) -> None:
        """Let our calls bill an item more than once: what no client can rule out."""
        self.allowed[named(one.identity)] = times

    def evidence(self) -> Evidence:
        """Gather all that tenant, hosts and runs hold."""
        files = [process.files.contents for process in self._processes]
        outputs = {f"{name} {n}": one[name] for n, one in enumerate(files) for name in one}
        outputs |= {f"ledger of {host.name}": host.backup() for host in self.hosts.values()}
        return replace(
            tenant_evidence(self._db),
            ledgers=tuple(one for host in self.hosts.values() for one in host.ledgers),
            runs=tuple(
                process.evidence(contents)
                for process, contents in zip(self._processes, files, strict=True)
            ),
            trips=tuple(self._trips),
            windows=tuple((one.calls, one.seconds, self.windows_end) for one in self.windows),
            lag=self.config.modes.read_lag,
            anonymous=self.config.modes.source_field is SourceField.ABSENT,
            allowed=dict(self.allowed),
            due=self._due(),
            outputs=outputs,
            secrets=(self.config.client_secret.encode(), *map(str.encode, self.remote.tokens)),
        )

    def _due(self) -> set[str]:
        """Name the planned accounts that the tenant bills whenever it is asked to."""
        planned = {item.identity.account_id for one in self._processes for item in one.plan.items}
        found = {account: self._book.find(account) for account in planned}
        return {
            account
            for account, one in found.items()
            if one and one.charges_due and one.status is AccountStatus.ACTIVE
        }

    def told(self) -> list[str]:
        """Tell what has happened so far, a line each."""
        return self.story.tell(self.evidence())

    def check(self) -> None:
        """Hold what must hold at any time; an AssertionError tells the story."""
        evidence = self.evidence()
        found = check(evidence)
        assert not found, "\n".join([*found, "after:", *self.story.tell(evidence)])

    def _trouble(self, what: str) -> Trouble:
        self._sent[what] += 1
        trouble = self._drawn(what)
        if trouble is not NONE:
            self.story.note(self.timeline.now, "{} {}: {}", what, self._sent[what], trouble)
        return trouble

    def _drawn(self, what: str) -> Trouble:
        given = self.troubles if what == "generate" else self.query_troubles
        if self._sent[what] in given:
            return given[self._sent[what]]
        return self.chance(what) if self.chance else NONE


@cache
def _blank_tenant() -> sqlite3.Connection:
    """Give the tables of a new tenant to copy: that is faster than making them anew."""
    fresh = sqlite3.connect(":memory:", isolation_level=None)
    prepare(fresh)
    return fresh


def _task(job: Job, store: HostStore) -> Task:
    if not job.read_only:
        return to_converge(job.plan, store, job.wish, PART)
    return to_settle(job.plan, store, [*job.accepted.values()], every=not job.plan.items)


async def _signal(interruptions: Interruptions, after: float, number: int) -> None:
    await asyncio.sleep(after)
    interruptions.take(number)
