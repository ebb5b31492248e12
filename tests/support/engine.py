"""A run on virtual time: the real engine over a scripted server and a ledger in memory."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from math import inf
from typing import Any, TypeVar

from support.in_hand import TokenInHand
from zbatch.app.gate import Unattended
from zbatch.engine.ending import Ending
from zbatch.engine.events import Event, Settled
from zbatch.engine.loop import Engine
from zbatch.engine.order import NOTHING_LATER, Later, Work
from zbatch.engine.pacing import Pace
from zbatch.engine.ports import Gate, Observer, Randomness
from zbatch.engine.settings import Acceptance, Ports, Settings, Staging
from zbatch.errors import LedgerFailure
from zbatch.model import (
    Charges,
    Credentials,
    Finding,
    Identity,
    Item,
    ItemRecord,
    KeyState,
    Limits,
    Rate,
    Result,
    Send,
    Settling,
    Source,
    StopRules,
    Tenant,
)
from zbatch.zuora.request import make_call
from zbatch.zuora.wire import Ask, Fault, FaultKind, Reply, Request

T = TypeVar("T")
ASKED_LATELY = 601.0  # ten minutes, and what the disk takes
START = datetime(2026, 11, 30, 22, 0, tzinfo=UTC)
TENANT = Tenant("t", "https://rest.test", "rest.test", Credentials("ID", "SECRET"))


class _VirtualSelector:
    """Never wait: move the clock on by what the loop would have slept, up to a time."""

    def __init__(self, until: float) -> None:
        self.now = 0.0
        self._until = until

    def select(self, timeout: float | None) -> tuple[()]:
        if timeout is None:
            raise RuntimeError("deadlock: every task waits and no time is set")
        if timeout > 0.0:
            self.now += timeout
            if self.now > self._until:
                raise RuntimeError(f"no end: tasks go on after {self._until / 3600.0:g} hours")
        return ()


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop without sockets and threads, whose time passes only while everybody waits."""

    def __init__(self, until: float = inf) -> None:
        super().__init__()
        self._selector = _VirtualSelector(until)  # where asyncio's own loop looks for it

    def time(self) -> float:
        return self._selector.now

    def _process_events(self, event_list: object) -> None:
        """Have nothing to do: no socket is ever ready."""


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


class VirtualClock:
    """The loop's time, and a wall clock that a test may shift."""

    def __init__(self) -> None:
        self.shift = timedelta()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.monotonic()) + self.shift


class HighRandom:
    """Jitter without chance: always the longest wait."""

    def uniform(self, low: float, high: float) -> float:
        return high


class MemoryLedger:
    """Keeps what it was told, in order; can be made to fail at its n-th write."""

    def __init__(self) -> None:
        self.log: list[tuple[str, object]] = []
        self.looks_of: list[str] = []  # the name of the stages, of each look
        self.fail_at: int | None = None

    async def commit(
        self, sends: Sequence[Send], results: Sequence[Result], findings: Sequence[Finding]
    ) -> None:
        await self._write()
        self.log.extend(("finish", result) for result in results)
        self.log.extend(("note", finding) for finding in findings)
        self.log.extend(("begin", send) for send in sends)

    async def look(self, stages: str, looked: int) -> None:
        await self._write()
        self.looks_of.append(stages)
        self.log.append(("look", looked))

    async def _write(self) -> None:
        await asyncio.sleep(0.001)
        if self.fail_at is not None:
            self.fail_at -= 1
            if self.fail_at <= 0:
                raise LedgerFailure("the disk is full")

    @property
    def tracked(self) -> set[str]:
        return {send.attempt.track_id for send in self.begun}

    @property
    def begun(self) -> list[Send]:
        return [entry for kind, entry in self.log if kind == "begin" and isinstance(entry, Send)]

    @property
    def finished(self) -> list[Result]:
        return [e for kind, e in self.log if kind == "finish" and isinstance(e, Result)]

    @property
    def looked(self) -> list[object]:
        return [entry for kind, entry in self.log if kind == "look"]

    @property
    def noted(self) -> list[Finding]:
        return [e for kind, e in self.log if kind == "note" and isinstance(e, Finding)]


Answerer = Callable[[Request, int], Reply | Fault | Exception]
Respondent = Callable[[Ask, int], Reply | Fault]
BRANCH = re.compile(r"AccountId = '([0-9a-f]{32})' and TargetDate = '([0-9-]{10})'")


@dataclass
class ScriptedServer(TokenInHand):
    """Answers each request by a function of it and of how often its key came before.

    `undurable` are the requests that came before their own attempt was in the ledger, `unasked`
    those for an item that no question of the last ten minutes had named and been answered,
    `overlapping` the accounts for which two requests were under way at once.
    """

    answer: Answerer
    latency: float = 0.1
    ledger: MemoryLedger | None = None
    answer_question: Respondent = lambda ask, before: found()
    ask_latency: float = 0.1
    ask_life: float = ASKED_LATELY
    requests: list[tuple[float, Request]] = field(default_factory=list)
    questions: list[tuple[float, Ask]] = field(default_factory=list)
    asked_about: dict[tuple[str, str], float] = field(default_factory=dict)
    unasked: list[Request] = field(default_factory=list)
    undurable: list[Request] = field(default_factory=list)
    busy: set[int] = field(default_factory=set)
    overlapping: set[int] = field(default_factory=set)
    in_flight: int = 0
    peak: int = 0

    async def send(self, request: Request) -> Reply | Fault:
        loop = asyncio.get_running_loop()
        before = sum(earlier.key == request.key for _, earlier in self.requests)
        self.requests.append((loop.time(), request))
        if self.ledger is not None and request.track_id not in self.ledger.tracked:
            self.undurable.append(request)
        if not all(self._asked_lately(entry) for entry in objects_of(request)):
            self.unasked.append(request)
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        self.overlapping |= self.busy & accounts_of(request)
        self.busy |= accounts_of(request)
        try:
            await asyncio.sleep(self.latency)
        finally:
            self.in_flight -= 1
            self.busy.difference_update(accounts_of(request))
        answer = self.answer(request, before)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def ask(self, ask: Ask) -> Reply | Fault:
        """Answer a question: there is nothing, unless the test says otherwise."""
        asked_at = asyncio.get_running_loop().time()
        before = len(self.questions)
        self.questions.append((asked_at, ask))
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            await asyncio.sleep(self.ask_latency)
        finally:
            self.in_flight -= 1
        answer = self.answer_question(ask, before)
        if isinstance(answer, Reply) and answer.status == 200:
            self.asked_about.update(dict.fromkeys(BRANCH.findall(text_of(ask)), asked_at))
        return answer

    def _asked_lately(self, entry: dict[str, str]) -> bool:
        asked_at = self.asked_about.get((entry["AccountId"], entry["TargetDate"]))
        return (
            asked_at is not None and asyncio.get_running_loop().time() - asked_at <= self.ask_life
        )

    @property
    def keys(self) -> list[str]:
        return [request.key for _, request in self.requests]

    @property
    def times(self) -> list[float]:
        return [time for time, _ in self.requests]


@dataclass
class Run:
    """What a test looks at afterwards."""

    ending: Ending
    server: ScriptedServer
    ledger: MemoryLedger
    events: list[Event]
    elapsed: float

    @property
    def records(self) -> dict[str, ItemRecord]:
        settled = [event.record for event in self.events if isinstance(event, Settled)]
        return {str(record.item.identity): record for record in settled}


def objects_of(request: Request) -> list[dict[str, str]]:
    """Read the objects of a request's body."""
    objects: list[dict[str, str]] = json.loads(gzip.decompress(request.wire))["objects"]
    return objects


def text_of(ask: Ask) -> str:
    """Read the ZOQL text of a question, or the locator of a further page."""
    body = json.loads(gzip.decompress(ask.wire))
    text: str = body.get("queryString") or body["queryLocator"]
    return text


def accounts_of(request: Request) -> set[int]:
    """Tell the numbers of the accounts that a request is for."""
    return {int(entry["AccountId"], 16) for entry in objects_of(request)}


def item(number: int, day: int = 30) -> Item:
    """Make an item of the account with this number."""
    target = date(2026, 11, day)
    return Item(Identity(f"{number:032x}", target), target, Charges(), Source("s.yaml", number + 1))


def works_of(items: Sequence[Item]) -> list[Work]:
    """Make one new work an item, in order."""
    return [Work(ordinal, (one,), 0) for ordinal, one in enumerate(items)]


def rows(*entries: dict[str, object], status: int = 200, **headers: str) -> Reply:
    """Make a reply that holds rows."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, named, json.dumps(list(entries)).encode(), token=1)


def found(*records: dict[str, object]) -> Reply:
    """Make the reply to a question that finds these invoices."""
    body: dict[str, object] = {"size": len(records), "done": True}
    if records:
        body["records"] = list(records)
    return Reply(200, {}, json.dumps(body).encode(), token=1)


def showing(*records: dict[str, object]) -> Respondent:
    """Answer each question with those of these invoices that it asks for."""

    def answer(ask: Ask, before: int) -> Reply:
        wanted = set(BRANCH.findall(text_of(ask)))
        return found(*(one for one in records if (one["AccountId"], one["TargetDate"]) in wanted))

    return answer


def shown(one: Item, created: datetime = START, **fields: object) -> dict[str, object]:
    """Make the record of an invoice as a question's answer shows it."""
    record: dict[str, object] = {
        "Id": "f" * 32,
        "AccountId": one.identity.account_id,
        "TargetDate": one.identity.target_date.isoformat(),
        "Status": "Posted",
        "Source": "API",
        "CreatedDate": created.isoformat(),
    }
    return {**record, **fields}


def success(number: int = 1) -> Reply:
    """Make the reply of one created invoice."""
    return rows({"Success": True, "Id": f"{number:032x}"})


def failure(code: str, message: str = "no") -> Reply:
    """Make the reply of one failed row."""
    return rows({"Success": False, "Errors": [{"Code": code, "Message": message}]})


def status(code: int, body: bytes = b"", token: int = 1, **headers: str) -> Reply:
    """Make a reply without rows."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(code, named, body, token=token)


LOST = Fault(FaultKind.TIMEOUT, True, "no answer")
REFUSED_CONNECTION = Fault(FaultKind.CONNECT, False, "connection refused")


@dataclass
class Bench:
    """Runs an engine on virtual time."""

    limits: Limits = field(default_factory=lambda: Limits(10, Rate(600, 60.0), 1, 150.0))
    max_attempts: int = 6
    patience: float = 120.0
    newest: datetime | None = None
    latency: float = 0.1
    fail_at: int | None = None
    observer: Observer | None = None
    random: Randomness = field(default_factory=HighRandom)
    answer_question: Respondent = lambda ask, before: found()
    ask_latency: float = 0.1
    ask_life: float = ASKED_LATELY
    settling: Settling = field(default_factory=Settling)
    read_only: bool = False
    accepted: Mapping[Identity, Acceptance] = field(default_factory=dict)
    rules: StopRules = field(default_factory=StopRules)
    stages: Staging = field(default_factory=Staging)
    pace: Pace | None = None
    began: float | None = None
    gate: Gate = field(default_factory=Unattended)
    during: Callable[[Engine, VirtualClock], Coroutine[Any, Any, None]] | None = None
    make_ledger: Callable[[], MemoryLedger] = MemoryLedger
    later: Later = NOTHING_LATER
    make_server: type[ScriptedServer] = ScriptedServer

    def run(self, works: Sequence[Work], answer: Answerer) -> Run:
        return run_virtually(self._run(works, answer))

    async def _run(self, works: Sequence[Work], answer: Answerer) -> Run:
        ledger = self.make_ledger()
        ledger.fail_at = self.fail_at
        server = self.make_server(
            answer,
            self.latency,
            ledger,
            self.answer_question,
            self.ask_latency,
            self.ask_life,
        )
        held = {
            str(one.identity): work.call.key for work in works if work.call for one in work.items
        }
        kept = [work.held for work in works if work.held]
        events: list[Event] = []
        clock = VirtualClock()
        settings = Settings(
            "tail",
            self.limits,
            self.max_attempts,
            lambda items, generation: make_call(TENANT, items, generation),
            self.newest,
            self.patience,
            self.settling,
            self.read_only,
            self.accepted,
            self.rules,
            self.stages,
            pace=self.pace,
            began=self.began,
        )
        ports = Ports(clock, self.random, server, ledger, self.observer or events.append, self.gate)
        engine = Engine(ports, settings, works, self.later)
        loop = asyncio.get_running_loop()
        aside = loop.create_task(self.during(engine, clock)) if self.during else None
        ending = await engine.run()
        if aside:
            await aside
        run = Run(ending, server, ledger, events, loop.time())
        check(run, held, kept)
        return run


def check(run: Run, held: Mapping[str, str], kept: Sequence[ItemRecord]) -> None:
    """Hold what any run must keep: durable intents, questions first, one live key, one outcome.

    `held` are the keys that items had before the run, `kept` outcomes that were only asked about.
    """
    assert not run.server.undurable, "a request left before its intent was in the ledger"
    assert not run.server.unasked, "a request left without a question of the last ten minutes"
    assert not run.server.overlapping, "two requests of one account were under way at once"
    bytes_of = {request.key: request.wire for _, request in run.server.requests}
    assert all(bytes_of[request.key] == request.wire for _, request in run.server.requests)
    check_keys(run.ledger, held)
    told = [event.record for event in run.events if isinstance(event, Settled)]
    assert len({record.item.identity for record in told}) == len(told)
    durable = [effect.record for result in run.ledger.finished for effect in result.effects]
    durable += [finding.effect.record for finding in run.ledger.noted if finding.effect]
    settled = [record for record in told if record.outcome.settled]
    unseen = [record for record in settled if record.error and record.error.code == "PERHAPS_GONE"]
    left = [record for record in told if not record.outcome.settled or record in unseen]
    assert set(run.ending.left) == set(left)
    assert all(record in durable or record in kept for record in told if record not in left)
    as_kept = [replace(record, error=None) for record in kept]
    assert all(replace(record, error=None) in as_kept for record in unseen)


def check_keys(ledger: MemoryLedger, held: Mapping[str, str]) -> None:
    """Hold that no item has a second key before its first is settled, and no burnt key is sent."""
    live = dict(held)
    burnt: set[str] = set()

    def settle(one: Item, key: str, state: KeyState) -> None:
        if state is KeyState.SETTLED:
            live.pop(str(one.identity), None)
        elif state is KeyState.BURNT:
            burnt.add(key)

    for _, entry in ledger.log:
        if isinstance(entry, Send):
            assert entry.call.key not in burnt, "a burnt key is sent again"
            for one in entry.call.items:
                key = live.setdefault(str(one.identity), entry.call.key)
                assert key == entry.call.key, "a second key while the first is not settled"
        elif isinstance(entry, Result):
            for one, effect in zip(entry.call.items, entry.effects, strict=True):
                settle(one, entry.call.key, effect.state)
        elif isinstance(entry, Finding) and entry.effect and entry.key:
            settle(entry.item, entry.key, entry.effect.state)
