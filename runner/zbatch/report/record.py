"""The run record `run.json`: a run's header and its control totals, written whole."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from zbatch import __version__
from zbatch.errors import ReportFailure
from zbatch.model import AccountFile, ExitCode, Limits, MetRule, Outcome, Plan, Rate, Tenant, Totals
from zbatch.report.files import sync_folder, write_new
from zbatch.report.lines import timestamp

VERSION = 1


@dataclass(frozen=True, slots=True)
class PaceRecord:
    """How a run has used its rate, in seconds from the first request of any sort to the last.

    `gated` of them it was not allowed to send; `closeness` is how much of the rate it has used in
    the others, None where one request shows nothing.
    """

    requests: int
    seconds: float
    gated: float
    per_second: float
    closeness: float | None


@dataclass(frozen=True, slots=True)
class Revision:
    """The git commit that a run's files were at; `whole` if it holds all of them as they were."""

    commit: str
    whole: bool


@dataclass(frozen=True, slots=True)
class ReadBackRecord:
    """What reading back a run's invoices came to; `findings` are counted by their codes.

    Of `unread` items the tenant has not shown the invoices, which says nothing of them.
    """

    questions: int
    unread: int
    findings: Mapping[str, int]

    @property
    def duplicates(self) -> int:
        """How many items have more invoices than one call is proved to have made."""
        return self.findings.get("duplicate", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the command line said beside the spec, as far as the same command again repeats it.

    `document` names the frozen plan that was given in place of a spec, from the project's root, and
    `project` that root from the state folder.
    """

    tenant: str | None = None
    period: str | None = None
    concurrency: int | None = None
    rate: Rate | None = None
    retry_failed: bool = False
    retry_nothing: bool = False
    document: str | None = None
    project: str | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What is to be known of a run as a whole.

    Open until it ends are `finished_at` to `rule`, `slots`, `pace`, `read_back` and
    `settled_earlier`, which counts the outcomes that earlier runs had settled.
    `versions` names what it ran on (python, aiohttp, …) beside zbatch's own version. `approved` is
    the digest of what somebody approved, where the run was held to one. `slots` are how many
    requests were in flight at once, at most, and how many might have been when it ended.
    `spec_path` names the spec from its project's root, `revision` the commit that it was read at.
    """

    run_id: str
    plan: Plan
    started_at: datetime
    versions: Mapping[str, str] = field(default_factory=dict)
    finished_at: datetime | None = None
    exit_code: ExitCode | None = None
    stop: str | None = None
    totals: Totals | None = None
    calls_sent: int | None = None
    rule: MetRule | None = None
    approved: str | None = None
    slots: tuple[int, int] | None = None
    pace: PaceRecord | None = None
    verb: str = "run"
    spec_path: str | None = None
    revision: Revision | None = None
    read_back: ReadBackRecord | None = None
    settled_earlier: int | None = None
    given: Given = Given()


def as_json(record: RunRecord) -> dict[str, Any]:
    """Arrange a run record as the JSON object of `run.json`."""
    plan, totals = record.plan, record.totals
    return {
        "version": VERSION,
        "run_id": record.run_id,
        "verb": record.verb,
        "spec": {
            "name": plan.spec.name,
            "file": plan.spec.file,
            "path": record.spec_path,
            "digest": plan.spec.digest,
            "period": plan.spec.period,
            "files": files_json(plan.spec.files),
            "charges": asdict(plan.spec.charges) if record.verb == "run" else None,
        },
        "git": record.revision
        and {"commit": record.revision.commit, "as_committed": record.revision.whole},
        "plan_digest": plan.digest,
        "approved_digest": record.approved,
        "tenant": tenant_json(plan.tenant),
        "limits": limits_json(plan.spec.limits),
        "given": _given_json(record.given),
        "started_at": timestamp(record.started_at),
        "finished_at": record.finished_at and timestamp(record.finished_at),
        "duration_ms": _duration(record),
        "exit_code": None if record.exit_code is None else int(record.exit_code),
        "stop": record.stop,
        "stop_rule": record.rule and _rule_json(record.rule),
        "planned": len(plan.items),
        "outcomes": totals and {outcome.value: totals[outcome] for outcome in Outcome},
        "settled_earlier": record.settled_earlier,
        "calls_sent": record.calls_sent,
        "slots": record.slots and dict(zip(("peak", "last"), record.slots, strict=True)),
        "pace": record.pace and _pace_json(record.pace),
        "read_back": record.read_back and asdict(record.read_back),
        "versions": {"zbatch": __version__, **record.versions},
    }


def encode(record: RunRecord) -> bytes:
    """Write a run record as the text of `run.json`."""
    return (json.dumps(as_json(record), indent=2, allow_nan=False) + "\n").encode()


def write_record(path: Path, record: RunRecord) -> None:
    """Replace `run.json` by a whole new one; raise `ReportFailure` and leave the old otherwise."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        with suppress(FileNotFoundError):  # of a run that was killed between write and rename
            fresh.unlink()
        write_new(fresh, encode(record), 0o600)
        fresh.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise ReportFailure(f"cannot write the run record {path}: {error.strerror}") from error


def tenant_json(tenant: Tenant) -> dict[str, Any]:
    """Arrange what every document says of a tenant."""
    return {"name": tenant.name, "host": tenant.host, "entity_id": tenant.entity_id}


def limits_json(limits: Limits) -> dict[str, Any]:
    """Arrange limits as in the spec."""
    return {
        "concurrency": limits.concurrency,
        "rate": str(limits.rate),
        "objects_per_call": limits.objects_per_call,
        "timeout": f"{limits.timeout:g}s",
    }


def files_json(files: Iterable[AccountFile]) -> list[dict[str, Any]]:
    """Arrange the lists that a spec names, as in every document of a plan."""
    return [{"path": file.path, "digest": file.digest, "rows": file.rows} for file in files]


def _given_json(given: Given) -> dict[str, Any]:
    return {
        "tenant": given.tenant,
        "period": given.period,
        "concurrency": given.concurrency,
        "rate": given.rate and str(given.rate),
        "retry_failed": given.retry_failed,
        "retry_nothing": given.retry_nothing,
        "document": given.document,
        "project": given.project,
    }


def _rule_json(met: MetRule) -> dict[str, Any]:
    return {
        "rule": met.rule,
        "value": met.value,
        "limit": met.limit,
        "file": met.source and met.source.file,
        "line": met.source and met.source.line,
    }


def _pace_json(pace: PaceRecord) -> dict[str, Any]:
    return {
        "requests": pace.requests,
        "sending_ms": round(pace.seconds * 1000),
        "waited_ms": round(pace.gated * 1000),
        "rate_per_second": round(pace.per_second, 3),
        "used": None if pace.closeness is None else round(pace.closeness, 4),
    }


def _duration(record: RunRecord) -> int | None:
    if record.finished_at is None:
        return None
    return max(0, (record.finished_at - record.started_at) // timedelta(milliseconds=1))
