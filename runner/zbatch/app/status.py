"""How far a run is, told from the files that it leaves: read-only, without lock and ledger."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from zbatch.app.figures import Figures
from zbatch.app.heartbeat import LIVE_FILE
from zbatch.app.live_json import from_json
from zbatch.app.process import Process
from zbatch.app.runs import PastRun, later_runs, run_in
from zbatch.app.state import State
from zbatch.ledger.lock import signature, signer_of
from zbatch.model import Outcome
from zbatch.model.tenants import folder_of

LATE = timedelta(seconds=10)  # a run that shows no sign of life for so long is told of
LATE_ELSEWHERE = timedelta(seconds=30)  # clocks of two machines differ


class Life(StrEnum):
    """What is known of a run from outside."""

    RUNNING = "running"
    SILENT = "silent"  # it may be there: suspended, on another machine, its disk full
    GONE = "gone"  # it was killed: its process is not there any more
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Status:
    """A run as it stands; `at` is when its figures were true, None where it has told none."""

    run: PastRun
    state: Life
    figures: Figures | None = None
    at: datetime | None = None
    exit_code: int | None = None
    process: Process | None = None

    @property
    def broke_off(self) -> bool:
        """Whether it has sent something and ended without an exit code: by a fault of ours."""
        sent = self.figures is not None and self.figures.requests > 0
        return self.state is Life.ENDED and self.exit_code is None and sent

    @property
    def unfinished(self) -> bool:
        """Whether it has ended without a word of what is left: somebody is to go on with it."""
        return self.state is Life.GONE or self.broke_off


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign of life that a run has left."""

    process: Process
    at: datetime
    ended: bool
    exit_code: int | None
    figures: Figures


def status_of(run: PastRun, now: datetime) -> Status:
    """Tell how a run stands, at a time of the wall clock."""
    sign = read_sign(run.folder / LIVE_FILE, run.run_id)
    told = Status(run, Life.SILENT)
    if sign:
        told = replace(told, figures=sign.figures, at=sign.at, process=sign.process)
        told = replace(told, exit_code=sign.exit_code)
    if run.ended:
        return _ended(run, told)
    if sign and sign.ended:
        return replace(told, state=Life.ENDED)
    process = sign.process if sign else _holder(run)
    state = _state(process, sign, now)
    if state is Life.GONE:
        told = replace(told, figures=_reported(run, told.figures))
    return replace(told, state=state, process=process)


def run_at_work(folder: Path, now: datetime) -> Status | None:
    """Tell of the run that has signed the lock of a ledger, if it lives for certain.

    A silent one may be gone, unless its process is known by more than a number that comes again.
    """
    signed = signature(folder)
    if signed is None:
        return None
    told = status_of(run_in(folder.parent, signed[0]), now)
    known = told.process is not None and told.process.near and told.process.born is not None
    return told if told.state is Life.RUNNING or (told.state is Life.SILENT and known) else None


def gone_on_by(state: State, told: Status, now: datetime) -> PastRun | None:
    """Give the newest run that has gone on with one that is unfinished, None for any other.

    It is none of those that were stopped before a call. One that lives may still go on with it.
    """
    since = later_runs(state, told.run) if told.unfinished else iter(())
    return next((one for one in since if _went_on(status_of(one, now))), None)


def _went_on(told: Status) -> bool:
    if told.state in (Life.RUNNING, Life.SILENT):
        return True
    record = told.run.record
    if told.exit_code is None:
        return told.figures is not None and told.figures.requests > 0
    return record.get("stop", "") is None or bool(record.get("calls_sent"))


def read_sign(path: Path, run_id: str) -> Sign | None:
    """Read the last sign of life of a run, None where there is none that can be read."""
    try:
        data = json.loads(path.read_text("utf-8"))
        if data["run_id"] != run_id:
            return None
        process, code = data["process"], data["exit_code"]
        born = process["born"]
        return Sign(
            Process(
                int(process["pid"]), str(process["machine"]), None if born is None else int(born)
            ),
            datetime.fromisoformat(data["at"]),
            bool(data["ended"]),
            None if code is None else int(code),
            from_json(data["figures"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _state(process: Process | None, sign: Sign | None, now: datetime) -> Life:
    if process is None:
        return Life.GONE
    if process.near and not process.runs:
        return Life.GONE
    late = LATE if process.near else LATE_ELSEWHERE
    return Life.RUNNING if sign and now - sign.at <= late else Life.SILENT


def _holder(run: PastRun) -> Process | None:
    """Name the process that holds the tenant's lock for this run, None where another run has it.

    The lock file is signed by whoever holds it, so it can be read without being locked.
    """
    tenant = run.part("tenant")
    host, entity = tenant.get("host"), tenant.get("entity_id")
    if not isinstance(host, str):
        return None
    root = run.folder.parent.parent
    pid = signer_of(root / folder_of(host, entity), run.run_id)
    return None if pid is None else replace(Process.current(), pid=pid, born=None)


def _ended(run: PastRun, told: Status) -> Status:
    """Take the last figures from the run record, which counts every item of the plan."""
    counts = dict(_counts(run.part("outcomes")))
    code, took = run.record.get("exit_code"), run.record.get("duration_ms")
    figures = replace(
        told.figures or Figures(),
        planned=int(run.record.get("planned") or 0),
        earlier=0,
        done=sum(counts.values()) - counts.get(Outcome.NOT_ATTEMPTED, 0),
        counts=counts,
        in_flight=0,
        elapsed=(took or 0) / 1000,
        left=None,
        deadline=None,
        wait=None,
        oldest=None,
    )
    at = told.at
    with suppress(TypeError, ValueError):
        at = datetime.fromisoformat(str(run.record.get("finished_at")))
    exit_code = code if isinstance(code, int) else told.exit_code
    return replace(told, state=Life.ENDED, figures=figures, at=at, exit_code=exit_code)


def _reported(run: PastRun, figures: Figures | None) -> Figures:
    """Count what a run that was killed has reported, or had told before: neither has it all.

    Its last figures may be older than its last lines, and the line of a success waits for what is
    read back of it.
    """
    counts: Counter[Outcome] = Counter()
    with suppress(OSError), run.report.open("rb") as lines:
        for line in lines:
            with suppress(ValueError, KeyError, TypeError):  # the last one may be torn
                counts[Outcome(json.loads(line)["outcome"])] += 1
    planned = int(run.record.get("planned") or 0)
    known = figures or Figures()
    counts |= Counter(known.counts)  # of each outcome the more
    return replace(
        known,
        planned=planned,
        earlier=0,
        done=counts.total(),
        counts=counts,
        left=None,
        wait=None,
    )


def _counts(outcomes: Mapping[str, Any]) -> Iterator[tuple[Outcome, int]]:
    for outcome in Outcome:
        count = outcomes.get(outcome.value)
        if isinstance(count, int):
            yield outcome, count
