"""A run to show, told by a script rather than by an engine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.summaries import summarise
from zbatch.app.api import RunHeader, RunResult
from zbatch.app.live import Live
from zbatch.model import (
    Account,
    Charges,
    Credentials,
    DatePair,
    ExitCode,
    Identity,
    Item,
    ItemRecord,
    Limits,
    Outcome,
    Plan,
    Problem,
    Rate,
    Source,
    Spec,
    Tenant,
)

ROOT = Path(__file__).parents[2]
REHEARSALS = shutil.ignore_patterns("rehearsals")  # they bring an emulator along
END_OF_MONTH = date(2026, 11, 30)
START = datetime(2026, 11, 30, 20, 15, 2, tzinfo=UTC)
RUN = "20261130T201502Z-7f3a"


@dataclass
class Story:
    """Builds what a run would tell, with one plan and one clock."""

    now: datetime = START
    names: dict[str, str] = field(default_factory=dict)

    def clock(self) -> datetime:
        return self.now

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def item(self, number: int, reason: str | None = None, revision: int = 1) -> Item:
        identity = Identity(f"2c93808457d787030157e0306be5{number:04x}", END_OF_MONTH, revision)
        source = Source(self.names.get("file", "specs/month-end.yaml"), 10 + number)
        return Item(identity, END_OF_MONTH, Charges(), source, reason)

    def plan(self, count: int, objects: int = 1) -> Plan:
        items = tuple(self.item(number) for number in range(1, count + 1))
        spec = Spec(
            name=self.names.get("spec", "month-end-2026-11"),
            tenant="production",
            accounts=tuple(Account(item.identity.account_id, item.source) for item in items),
            dates=(DatePair(END_OF_MONTH, END_OF_MONTH),),
            charges=Charges(),
            limits=Limits(10, Rate(600, 60.0), objects, 150.0),
            max_attempts=6,
            file=self.names.get("file", "specs/month-end.yaml"),
            digest="a" * 64,
        )
        credentials = Credentials("ZUORA_CLIENT_ID", "ZUORA_CLIENT_SECRET")
        host = "rest.na.zuora.com"
        tenant = Tenant(
            self.names.get("tenant", "production"), f"https://{host}", host, credentials
        )
        groups = tuple(
            tuple(range(start, min(start + objects, count))) for start in range(0, count, objects)
        )
        return Plan(spec, tenant, items, groups, "b" * 64)

    def record(
        self, outcome: Outcome, number: int = 1, problem: Problem | None = None, run: str = RUN
    ) -> ItemRecord:
        invoice = f"{number:032x}" if outcome.success else None
        return ItemRecord(
            item=self.item(number),
            outcome=outcome,
            invoice_id=invoice,
            invoice_ids=(invoice,) if invoice else (),
            error=problem,
            attempts=1,
            started_at=START + timedelta(seconds=39),
            finished_at=START + timedelta(seconds=40),
            run_id=run,
        )

    def header(self, planned: int, settled: int = 0) -> RunHeader:
        plan = self.plan(planned)
        live = Live.of(plan, settled, RUN, lambda: self.now.timestamp())
        return RunHeader(RUN, plan, planned - settled, settled, self.report, live=live)

    @property
    def report(self) -> Path:
        return Path(".zbatch/runs") / RUN / "report.jsonl"

    def result(
        self,
        records: Sequence[ItemRecord],
        code: ExitCode,
        sent: int | None = None,
        stop: str | None = None,
        **rest: Any,
    ) -> RunResult:
        summary = summarise(records, len(records), RUN)
        return RunResult(
            run_id=RUN,
            plan=self.plan(len(records)),
            totals=summary.totals,
            exit_code=code,
            stop=stop,
            report=self.report,
            run_record=self.report.with_name("run.json"),
            started_at=START,
            finished_at=START + timedelta(seconds=159),
            sent=len(records) if sent is None else sent,
            failures=summary.failures,
            unknown=summary.unknown,
            settled_by=summary.settled_by,
            settled_earlier=sum(r.outcome.settled and r.run_id != RUN for r in records),
            nothing_since=summary.nothing_since,
            waiting=summary.waiting,
            unseen=summary.unseen,
            **rest,
        )


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with a file beside the tests."""

    def compare(name: str, text: str) -> None:
        expected = request.path.with_name("golden") / f"{name}.txt"
        assert text == expected.read_text("utf-8")

    return compare


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a copy of the sample project and work in it."""
    for name in ("specs", "emulator"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=REHEARSALS)
    shutil.copy(ROOT / "tenants.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path
