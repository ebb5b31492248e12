"""Whole runs of zbatch, from the interpreter's start to its end, against a tenant of the bench."""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.inputs import CREDENTIALS, Sheet, write_project
from benchmarks.machine import ZBATCH, Cost, compiled, folder, measured, scratch
from benchmarks.tenant import Latency, Traffic, tenant


@dataclass(frozen=True, slots=True)
class Run:
    """What a run took, and what the tenant saw of it.

    `syncs` are the moments at which something was brought to the disk, and whether the event loop
    waited for it; they are there only where they were asked for.
    """

    cost: Cost
    traffic: Traffic
    syncs: tuple[tuple[float, bool], ...] = ()

    @property
    def syncs_sending(self) -> list[tuple[float, bool]]:
        """Those within the sending phase."""
        traffic = self.traffic
        return [one for one in self.syncs if traffic.begun <= one[0] <= traffic.ended]


def whole_run(
    sheet: Sheet,
    latency: Latency | None = None,
    *,
    syncs: bool = False,
    shown: Sequence[str] = (),
    terminal: Path | None = None,
) -> Run:
    """Run zbatch on a new project and a new ledger; raise unless every account is invoiced.

    `shown` are further words of the command, `terminal` is where it shows what goes on.
    """
    calls = -(-sheet.accounts // sheet.objects)
    with folder("run") as place, tenant(sheet.objects, calls, latency) as server:
        spec = write_project(place, sheet, server.url)
        log = scratch("syncs")
        log.unlink(missing_ok=True)
        environ = dict(CREDENTIALS)
        if syncs:
            counter = str(compiled("syncs.c", "-shared", "-fPIC", "-ldl"))
            environ |= {"LD_PRELOAD": counter, "SYNC_LOG": str(log)}
        cost = measured([*run_words(spec), *shown], environ, terminal=terminal)
        check_run(place, sheet.accounts)
        return Run(cost, Traffic(server.seen()), _read(log) if syncs else ())


def run_words(spec: Path) -> list[str]:
    """Give the command of a run, its ledger in the project's own state folder."""
    return [ZBATCH, "run", str(spec)]


def check_run(place: Path, invoiced: int) -> None:
    """Raise unless the last run of a project has, or has found, so many accounts invoiced.

    What it has sent it must have read back, and found as it ought to be.
    """
    records = sorted(place.glob(".zbatch/runs/*/run.json"))
    record = json.loads(records[-1].read_text("utf-8"))
    outcomes, read = record["outcomes"], record["read_back"]
    if outcomes["invoiced"] != invoiced or (read and (read["unread"] or read["findings"])):
        raise RuntimeError(f"the run did not go as it should: {outcomes}, {read}")


def _read(log: Path) -> tuple[tuple[float, bool], ...]:
    numbers = array("d", log.read_bytes() if log.exists() else b"")
    step = iter(numbers)
    return tuple((moment, bool(first)) for moment, first in zip(step, step, strict=True))
