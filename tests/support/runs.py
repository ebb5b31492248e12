"""Whole runs through the use cases: a project on disk, a tenant to bill in, and what both hold.

Every run is held against report, run record, ledger and tenant before a test sees it.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from support.accounts import account
from support.beside import beside
from support.checker import check
from support.evidence_reading import state_evidence
from zbatch.app.api import (
    Acceptance,
    ReconcileOptions,
    RunHeader,
    RunOptions,
    RunResult,
)
from zbatch.app.doubt import in_doubt
from zbatch.app.reconcile import reconcile
from zbatch.app.run import run
from zbatch.emulator import (
    EmulatorConfig,
    Exchange,
    Execution,
    Invoice,
    Modes,
    Order,
    RunningEmulator,
    SecondGenerate,
    bill_by_hand,
    executions,
    history,
    invoices,
    running,
)
from zbatch.engine.events import Event, Resolving, Settled
from zbatch.ledger import rows
from zbatch.ledger.store import LEDGER_FILE, open_store
from zbatch.model import Identity, Outcome, Standing
from zbatch.spec.schema import schema_text

TARGET = "2026-11-30"
FAST = {"rate": "50000/min", "timeout": "5s"}
GENERATE = "/v1/action/generate"
QUERY = "/v1/action/query"
UNGUARDED = Modes(second_generate=SecondGenerate.BILLS_AGAIN)
IMPATIENT = -1.0  # seconds: give an unreachable host up at its first failure


@dataclass
class Watch:
    """Keeps what a run tells, in order."""

    header: RunHeader | None = None
    events: list[Event] = field(default_factory=list)
    result: RunResult | None = None
    order: list[str] = field(default_factory=list)

    def started(self, header: RunHeader) -> None:
        self.order.append("started")
        self.header = header

    def event(self, event: Event) -> None:
        self.order.append("event")
        self.events.append(event)

    def finished(self, result: RunResult) -> None:
        self.order.append("finished")
        self.result = result


@dataclass(frozen=True)
class Told:
    """What a run has told, and the lines of its report."""

    result: RunResult
    header: RunHeader
    events: tuple[Event, ...]
    lines: tuple[dict[str, Any], ...]

    @property
    def code(self) -> int:
        return int(self.result.exit_code)

    @property
    def outcomes(self) -> dict[str, int]:
        """Count the report's lines by outcome."""
        return dict(Counter(line["outcome"] for line in self.lines))

    def line(self, number: int, target: str = TARGET) -> dict[str, Any]:
        """Give the line of an account."""
        (line,) = [
            line
            for line in self.lines
            if (line["account_id"], line["target_date"]) == (account(number), target)
        ]
        return line

    def error(self, number: int, target: str = TARGET) -> str:
        """Give the error code of an account's line, or an empty text."""
        error = self.line(number, target)["error"]
        return error["code"] if error else ""


@dataclass
class Billing:
    """What the tenant holds: nothing else counts as the truth of what was billed."""

    folder: Path

    @property
    def invoices(self) -> list[Invoice]:
        return invoices(self.folder) if self._exists else []

    @property
    def executions(self) -> list[Execution]:
        return executions(self.folder) if self._exists else []

    @property
    def _exists(self) -> bool:
        return (self.folder / "emulator.sqlite3").exists()

    def exchanges(self, path: str = GENERATE) -> list[Exchange]:
        """Give the exchanges at this path, in the order of the answers."""
        if not self._exists:
            return []
        return [one for one in history(self.folder) if one.path == path]

    def of(self, number: int, target: str = TARGET) -> list[str]:
        """Give the invoice IDs of an account and target date."""
        wanted = (account(number), date.fromisoformat(target))
        return [one.id for one in self.invoices if (one.account_id, one.target_date) == wanted]

    def by_hand(
        self, number: int, target: str = TARGET, source: str | None = "BillRun", at: float = 0.0
    ) -> str:
        """Let somebody bill an account in the tenant itself, `at` by the clock or just now."""
        when = date.fromisoformat(target)
        order = Order(account(number), when, when, source=source)
        return bill_by_hand(self.folder, order, at or datetime.now().timestamp())  # noqa: DTZ005 - a timestamp


@dataclass
class Project:
    """A project in a folder of its own."""

    root: Path

    @property
    def state(self) -> Path:
        return self.root / ".zbatch"

    def tenants(self, text: str = "tenants: {}", **base_urls: str) -> Path:
        """Write the tenants file; `base_urls` names tenants that need no more than that."""
        path = self.root / "tenants.yaml"
        named = {name: {"base_url": url} for name, url in base_urls.items()}
        body = yaml.safe_dump({"tenants": named}) if named else text
        path.write_text(f"version: 1\nemulator: {{accounts: book.csv}}\n{body}\n", "utf-8")
        if not (self.root / "book.csv").exists():
            self.book()
        return path

    def book(self, **accounts: str) -> None:
        """Write the account book: `a1="Canceled,due,1,0s"` is account 1; all else is active."""
        lines = dict.fromkeys(range(1, 30), "Active,due,1,0s")
        lines |= {int(name[1:]): fields for name, fields in accounts.items()}
        body = "".join(f"{account(number)},{text}\n" for number, text in lines.items())
        (self.root / "book.csv").write_text(f"account_id,status,charges,invoices,latency\n{body}")

    def spec(
        self,
        *accounts: int | dict[str, Any],
        tenant: str = "emulator",
        name: str = "month-end",
        dates: Iterable[str | dict[str, str]] = (TARGET,),
        limits: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Path:
        """Write a spec; an account is its number, or a map where `id` may be that."""
        entries = [_entry(one) for one in accounts]
        pairs = [one if isinstance(one, dict) else {"target_date": one} for one in dates]
        values = {
            "version": 1,
            "name": name,
            "tenant": tenant,
            "dates": pairs,
            "accounts": entries,
            "limits": {**FAST, **(limits or {})},
            **more,
        }
        path = self.root / "specs" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(values, sort_keys=False), "utf-8")
        return path

    def run(self, spec: Path, **options: Any) -> Told:
        """Run a spec, and hold the run against all that it left behind."""
        watch = Watch()
        result = run(RunOptions(spec, **options), watch)
        return self._checked(watch, result)

    def reconcile(self, spec: Path | None = None, **options: Any) -> Told:
        """Reconcile, and hold that against all that it left behind."""
        watch = Watch()
        result = reconcile(ReconcileOptions(spec, self.root, **options), watch)
        return self._checked(watch, result)

    def let_pass(self, result: RunResult, billing: Billing, hours: float) -> None:
        """Let hours pass after a run, for this project and for the tenant."""
        let_pass(self.state / result.plan.tenant.folder, billing.folder, hours)

    def runs(self) -> list[Path]:
        """Give the folders of all runs so far."""
        folder = self.state / "runs"
        return sorted(folder.iterdir()) if folder.exists() else []

    def standings(self, result: RunResult, state: Path | None = None) -> list[Standing]:
        """Read what the ledger holds of a run's items."""
        with closing(open_store((state or self.state) / result.plan.tenant.folder)) as store:
            return list(store.standing(result.plan.items))

    def _checked(self, watch: Watch, result: RunResult) -> Told:
        assert watch.header is not None
        assert watch.result is result
        begun = watch.order.index("started")
        assert begun == 0 or isinstance(watch.events[0], Resolving)
        assert watch.order[-1] == "finished"
        assert {*watch.order[:begun], *watch.order[begun + 1 : -1]} <= {"event"}
        lines = lines_of(result.report)
        told = Told(result, watch.header, tuple(watch.events), lines)
        _check_report(told)
        _check_record(told)
        state = result.report.parents[2]
        for line, standing in zip(_by_item(told), self.standings(result, state), strict=True):
            _check_against_ledger(line, standing)
        _check_history(result, state)
        return told


def lines_of(report: Path) -> tuple[dict[str, Any], ...]:
    """Read a report; it ends with a line break."""
    content = report.read_bytes()
    assert content == b"" or content.endswith(b"\n")
    return tuple(json.loads(line) for line in content.split(b"\n")[:-1])


def accepting(number: int, invoice_id: str, target: str = TARGET) -> Acceptance:
    """Make a person's decision on an item."""
    identity = Identity(account(number), date.fromisoformat(target))
    return Acceptance(identity, invoice_id, "looked it up, FIN-1")


def _entry(one: int | dict[str, Any]) -> str | dict[str, Any]:
    if isinstance(one, int):
        return account(one)
    return {**one, "id": account(one["id"])} if "id" in one else one


@cache
def _validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema_text(kind)))


def _check_report(told: Told) -> None:
    for line in told.lines:
        _validator("report").validate(line)
        assert line["run_id"]
    planned = Counter(str(item.identity) for item in told.result.plan.items)
    assert Counter(_identity(line) for line in told.lines) == planned
    settled = {
        str(event.record.item.identity): event.record
        for event in told.events
        if isinstance(event, Settled)
    }
    lines = {_identity(line): line for line in told.lines}
    for identity, record in settled.items():
        if identity in lines:
            assert lines[identity]["outcome"] == record.outcome


def _check_record(told: Told) -> None:
    result = told.result
    record = json.loads(result.run_record.read_text("utf-8"))
    _validator("run").validate(record)
    assert record["run_id"] == result.run_id
    assert record["exit_code"] == told.code
    assert told.code == 3 or not result.strays
    assert record["planned"] == len(told.lines) == sum(record["outcomes"].values())
    assert {name: n for name, n in record["outcomes"].items() if n} == told.outcomes
    assert record["calls_sent"] == result.sent
    assert {o.value: n for o, n in result.totals.counts.items() if n} == told.outcomes
    assert result.totals.add_up


def _by_item(told: Told) -> list[dict[str, Any]]:
    lines = {_identity(line): line for line in told.lines}
    return [lines[str(item.identity)] for item in told.result.plan.items]


def _identity(line: dict[str, Any]) -> str:
    revision = f" revision {line['revision']}" if line["revision"] > 1 else ""
    return f"{line['account_id']} {line['target_date']}{revision}"


def _check_against_ledger(line: dict[str, Any], standing: Standing) -> None:
    """No success without an ID, no failure while in doubt, and what is settled as it is held."""
    record = standing.record
    if record is not None:
        held = (record.outcome.value, record.invoice_id, list(record.invoice_ids))
        assert (line["outcome"], line["invoice_id"], line["invoice_ids"]) == held
        assert line["success"] == record.outcome.success
        assert line["attempts"] == record.attempts
    elif in_doubt(standing):
        assert line["outcome"] == Outcome.UNKNOWN
    else:
        assert line["outcome"] in (Outcome.UNKNOWN, Outcome.NOT_ATTEMPTED)


def _check_history(result: RunResult, state: Path) -> None:
    """Hold all that this state folder's runs have done against what their tenant holds."""
    tenant = result.plan.tenant
    data = state / tenant.folder if tenant.embedded else _SERVED.get(tenant.base_url)
    store = data / "emulator.sqlite3" if data else None
    if store and store.exists():
        found = check(state_evidence(store, [state], tenant.folder))
        assert not found, "\n".join(found)


# A tenant that is somewhere else

_SERVED: dict[str, Path | None] = {}  # the folders of tenants by the URLs that lead to them


def judge_by(url: str, folder: Path | None) -> None:
    """Hold runs against this URL against the tenant in a folder, or against none."""
    _SERVED[url] = folder


@dataclass
class Away:
    """An emulator that a run reaches as it would any real tenant."""

    emulator: RunningEmulator
    billing: Billing

    @property
    def url(self) -> str:
        return self.emulator.base_url

    @property
    def faults(self) -> Any:
        return self.emulator.faults


@contextmanager
def away(folder: Path, **settings: Any) -> Iterator[Away]:
    """Run an emulator beside the test, unguarded unless `modes` says otherwise."""
    values = {"latency": 0.0, "modes": UNGUARDED, **settings}
    config = EmulatorConfig(folder, **values)
    with beside(lambda: running(config)) as emulator:
        judge_by(emulator.base_url, folder)
        yield Away(emulator, Billing(folder))


# Time


def let_pass(ledger_folder: Path, tenant_folder: Path, hours: float) -> None:
    """Let hours pass: all that ledger and tenant have stamped is that much older."""
    ago = timedelta(hours=hours)
    with closing(sqlite3.connect(ledger_folder / LEDGER_FILE)) as ledger, ledger:
        ledger.create_function("older", 1, lambda text: text and _older(text, ago))
        ledger.create_function("older_baseline", 1, lambda text: text and _aged(text, ago))
        ledger.execute("UPDATE meta SET value = older(value) WHERE name = 'newest'")
        ledger.execute(
            "UPDATE attempt SET started_at = older(started_at),"
            " finished_at = older(finished_at), server_date = older(server_date)"
        )
        ledger.execute("UPDATE item SET baseline = older_baseline(baseline)")
    with closing(sqlite3.connect(tenant_folder / "emulator.sqlite3")) as tenant, tenant:
        for change in (
            "update invoices set created_at = created_at - :s, updated_at = updated_at - :s",
            "update billing set at = at - :s",
            "update items set at = at - :s",
            "update keys set set_at = set_at - :s",
        ):
            tenant.execute(change, {"s": ago.total_seconds()})


def _aged(text: str, ago: timedelta) -> str:
    baseline = rows.baseline_of(text)
    assert baseline is not None
    drafts = tuple(
        replace(draft, updated_at=draft.updated_at and draft.updated_at - ago)
        for draft in baseline.drafts
    )
    return rows.baseline_text(replace(baseline, asked_at=baseline.asked_at - ago, drafts=drafts))


def _older(text: str, ago: timedelta) -> str:
    return (datetime.fromisoformat(text) - ago).isoformat(timespec="microseconds")
