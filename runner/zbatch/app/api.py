"""What is asked of a run and what it tells: the values between the use case and its callers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import SystemRandom
from typing import Protocol

from zbatch.app.gate import Gate, Unattended
from zbatch.app.live import Live
from zbatch.app.loading import Overrides, Warn, unheard
from zbatch.app.protection import UNCONFIRMED, Confirmation
from zbatch.app.review.frozen import Document
from zbatch.engine.ending import StopReason
from zbatch.engine.events import Event
from zbatch.engine.outage import PROBE_SECONDS
from zbatch.engine.ports import Randomness
from zbatch.engine.settings import PATIENCE, Acceptance
from zbatch.model import ExitCode, ItemRecord, Plan, Rate, Totals
from zbatch.report.amounts import Amount
from zbatch.report.record import ReadBackRecord
from zbatch.report.summary import FailureGroup

READ_BACK = 30.0  # seconds at the end for invoices that are not finished, or cannot be read yet

__all__ = [
    "READ_BACK",
    "Acceptance",
    "Approval",
    "Confirmation",
    "FailureGroup",
    "ReconcileOptions",
    "RunHeader",
    "RunOptions",
    "RunResult",
    "Watcher",
]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a person asks for beside the spec; None leaves it to the spec and its tenant.

    `spec` may be a frozen plan instead, or its path; it, or what has the `plan_digest`, is run and
    nothing else.
    `report` is where an extra copy of the report goes. `concurrency` and `rate` only tighten.
    `strict` refuses a spec for its warnings; without it `warn` is told of them.
    `patience` is how long an unreachable host is tried, `probe` how far apart requests are to a
    tenant that is out of order, `read_back` how long invoices that are not finished are waited for
    at the end, in seconds; `chance` draws the jitter of waits, and nothing else;
    `gate` looks between the spec's stages. No flag sets `patience`, `probe` and `chance`: a person
    has no use for other ones, and who calls this from a program, as tests do, may not wait so long.
    """

    spec: Path | Document
    tenant: str | None = None
    report: Path | None = None
    state_dir: Path | None = None
    concurrency: int | None = None
    rate: Rate | None = None
    period: str | None = None
    plan_digest: str | None = None
    retry_failed: bool = False
    retry_nothing: bool = False
    strict: bool = False
    warn: Warn = unheard
    confirmation: Confirmation = UNCONFIRMED
    patience: float = PATIENCE
    probe: float = PROBE_SECONDS
    read_back: float = READ_BACK
    chance: Randomness = field(default_factory=SystemRandom)
    gate: Gate = field(default_factory=Unattended)

    @property
    def overrides(self) -> Overrides:
        """What of it changes the spec."""
        return Overrides(
            tenant=self.tenant,
            concurrency=self.concurrency,
            rate=self.rate,
            strict=self.strict,
            warn=self.warn,
            period=self.period,
        )


@dataclass(frozen=True, slots=True)
class ReconcileOptions:
    """What is to be settled by question: the items of a spec, or all of a tenant's ledger.

    Without a `spec`, `folder` says from where the project is looked for, and `tenant` names the
    tenant where the project has more than one with a ledger. `patience` is as in `RunOptions`.
    """

    spec: Path | None = None
    folder: Path = Path()
    tenant: str | None = None
    period: str | None = None
    report: Path | None = None
    state_dir: Path | None = None
    accept: tuple[Acceptance, ...] = ()
    confirmation: Confirmation = UNCONFIRMED
    patience: float = PATIENCE


@dataclass(frozen=True, slots=True)
class Approval:
    """What a run is held to: the digest of what was approved, and the frozen plan it stands in.

    `earlier` are the runs that have carried out the same plan in this ledger, the latest last.
    """

    digest: str
    document: Path | None = None
    earlier: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunHeader:
    """What is known before the first call: the plan, and how much of it was settled earlier.

    `live` gives the figures while the run goes on. Of the `outstanding` items those `in_doubt` are
    to be settled: a question may show what came of them, and then nothing is sent.
    """

    run_id: str
    plan: Plan
    outstanding: int
    settled: int
    report: Path
    approval: Approval | None = None
    in_doubt: int = 0
    live: Live = field(default_factory=Live, compare=False)


@dataclass(frozen=True, slots=True)
class ToRun:
    """A spec to run, with the `period` that it needs and does not have itself.

    One of another project than was asked for has the `tenant` by the name that it knows, and one
    whose ledger is not in its project's own state folder the `state_dir`.
    """

    file: str
    period: str | None = None
    tenant: str | None = None
    state_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended; `stop` says why it ended early, `sent` how many calls left.

    `failures`, `unknown`, `settled_by`, `nothing_since`, `waiting` and `unseen` are those of
    `zbatch.report.summary.Summary`. `asked` counts the questions, `strays` are items in doubt that
    the spec does not list (any more), and `unread` is why there may be more of them: the ledger
    could not be read to its end. `settled_earlier` counts the outcomes of earlier runs.
    From `settles_at` on all can be settled that the plan's items leave in doubt, and from
    `strays_settle_at` on the strays; None where nothing has to rest. `amounts` is what the invoices
    come to of the items that this run has settled as invoiced. `specs` are those by which it was
    sent what a whole ledger held in doubt, as far as they are still there.
    """

    run_id: str
    plan: Plan
    totals: Totals
    exit_code: ExitCode
    stop: str | None
    report: Path
    run_record: Path
    started_at: datetime
    finished_at: datetime
    sent: int
    failures: tuple[FailureGroup, ...] = ()
    unknown: tuple[ItemRecord, ...] = ()
    settled_by: tuple[str, ...] = ()
    settled_earlier: int = 0
    asked: int = 0
    strays: tuple[ItemRecord, ...] = ()
    unread: str | None = None
    nothing_since: datetime | None = None
    stop_reason: StopReason | None = None
    waiting: tuple[ItemRecord, ...] = ()
    unseen: tuple[ItemRecord, ...] = ()
    settles_at: datetime | None = None
    strays_settle_at: datetime | None = None
    read_back: ReadBackRecord | None = None
    amounts: tuple[Amount, ...] = ()
    specs: tuple[ToRun, ...] = ()


class Watcher(Protocol):
    """Whoever watches a run: told in this order, and never asked anything."""

    def started(self, header: RunHeader) -> None:
        """Take in that the run begins; nothing was sent yet."""

    def event(self, event: Event) -> None:
        """Take in what the engine tells; what is asked before the run comes before its start."""

    def finished(self, result: RunResult) -> None:
        """Take in that the run is over and the report complete."""
