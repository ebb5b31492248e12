"""Read evidence from where it lies: the tenant's tables, ledgers, and the folders of runs."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from support.casebook import tail_of
from support.evidence import (
    GENERATE,
    Arrival,
    Attempt,
    Evidence,
    Execution,
    Invoice,
    Item,
    Key,
    Ledger,
    Line,
    Run,
)
from zbatch.emulator.gateway import sign_in_first
from zbatch.emulator.keys import REPLAYED

_ARRIVALS = """
select a.n, arrived_at, path, key, track_id, content,
    (select max(at) from replies where arrival = a.n), exists (select * from replies r
    where r.arrival = a.n and r.body = ? and r.note not like ? and r.note not like ?)
from arrivals a order by a.n"""
_TURNED_AWAY = (sign_in_first().body, f"%{REPLAYED}%", "%status 401 instead%")
_EXECUTIONS = """
select at, key, account_id, target_date, invoice_id, appended, arrival from billing order by n"""
_INVOICES = "select id, account_id, target_date, status, key, created_at from invoices"
_KEYS = """
SELECT call.key, account_id, target_date, revision, generation, state, evidence, wire
FROM call_item JOIN call ON call.id = call_id JOIN item ON item.id = item_id
ORDER BY call.id, position"""
_ATTEMPTS = """
SELECT key, track_id FROM attempt JOIN call ON call.id = call_id ORDER BY call.id, number"""
_OUTCOMES = """
SELECT account_id, target_date, revision, outcome, invoice_id FROM item
WHERE outcome IS NOT NULL"""
_PLANNED = """
SELECT account_id, target_date, revision FROM run_item JOIN item ON item.id = item_id
WHERE run_id = ? ORDER BY ordinal"""
VOID = ("Canceled", "Error")
_RUNS = "SELECT id FROM run"


@dataclass(frozen=True, slots=True)
class Times:
    """When intents, by track ID, and settlements became durable, where somebody saw it."""

    durable: Mapping[str, float] = field(default_factory=dict)
    settled: Mapping[tuple[str, Item], float] = field(default_factory=dict)


def tenant_evidence(tenant: sqlite3.Connection) -> Evidence:
    """Read what the tenant tells: arrivals, executions, invoices."""
    executions = tuple(Execution(*row) for row in tenant.execute(_EXECUTIONS))
    there = {
        Invoice(invoice_id, account, target, status not in VOID, (key, at))
        for invoice_id, account, target, status, key, at in tenant.execute(_INVOICES)
    }
    known = {one.id for one in there}
    gone = {
        Invoice(one.invoice, one.account, one.target, stands=False)
        for one in executions
        if one.invoice not in known and not one.appended
    }
    return Evidence(
        arrivals=tuple(
            Arrival(number, at, path, key, track, content or b"", done, bool(turned_away))
            for number, at, path, key, track, content, done, turned_away in tenant.execute(
                _ARRIVALS, _TURNED_AWAY
            )
        ),
        executions=executions,
        invoices=tuple(sorted(there | gone, key=lambda invoice: invoice.id)),
    )


def ledger_evidence(ledger: sqlite3.Connection, name: str, times: Times | None = None) -> Ledger:
    """Read a ledger."""
    seen = times or Times()
    bodies: dict[str, bytes] = {}
    keys = []
    for key, account, target, revision, generation, state, evidence, wire in ledger.execute(_KEYS):
        item = (account, target, revision)
        content = bodies.get(key) or bodies.setdefault(key, gzip.decompress(wire))
        settled = seen.settled.get((key, item))
        keys.append(Key(key, item, generation, state, evidence, content, settled))
    return Ledger(
        name,
        tuple(keys),
        tuple(
            Attempt(key, track, seen.durable.get(track)) for key, track in ledger.execute(_ATTEMPTS)
        ),
        {(a, t, r): (outcome, invoice) for a, t, r, outcome, invoice in ledger.execute(_OUTCOMES)},
    )


def lines_of(content: bytes) -> tuple[Line, ...]:
    """Read the lines of a report; what is torn at its end is no line."""
    return tuple(json.loads(line) for line in content.decode().split("\n")[:-1])


def run_evidence(ledger: str, planned: Sequence[Item], report: bytes, record: bytes) -> Run:
    """Read a run from its files; its times are those of its own machine."""
    told = json.loads(record)
    started, finished = (
        datetime.fromisoformat(told[name]).timestamp() if told[name] else None
        for name in ("started_at", "finished_at")
    )
    started = started or 0.0
    ended = float("inf") if finished is None else finished + 0.001  # told in whole milliseconds
    return Run(ledger, started, ended, planned, lines_of(report), told, told["exit_code"])


def state_evidence(tenant: Path, states: Iterable[Path], folder: str) -> Evidence:
    """Read a tenant's file, and of each state folder the ledger in `folder` and its runs.

    What reached the tenant from elsewhere, a deleted ledger among them, is left out: nobody
    holds the intents behind it.
    """
    with closing(sqlite3.connect(f"{tenant.absolute().as_uri()}?mode=ro", uri=True)) as open_:
        evidence = tenant_evidence(open_)
    ledgers: list[Ledger] = []
    runs: list[Run] = []
    for state in states:
        path = (state / folder / "ledger.sqlite3").absolute()
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as open_:
            ledgers.append(ledger_evidence(open_, str(state)))
            for run_id in _in_order(state / "runs", open_.execute(_RUNS).fetchall()):
                files = state / "runs" / run_id
                planned = [tuple(row) for row in open_.execute(_PLANNED, (run_id,))]
                report, record = (files / name for name in ("report.jsonl", "run.json"))
                if record.exists() and report.exists():
                    runs.append(
                        run_evidence(str(state), planned, report.read_bytes(), record.read_bytes())
                    )
    return _without_others(replace(evidence, ledgers=tuple(ledgers), runs=tuple(runs)))


def _in_order(folder: Path, found: Sequence[tuple[str]]) -> list[str]:
    """Put runs in the order in which they ended, by the kernel's clock: theirs may be wrong."""
    there = [run_id for (run_id,) in found if (folder / run_id).exists()]
    return sorted(there, key=lambda run_id: (folder / run_id).stat().st_ctime_ns)


def _without_others(evidence: Evidence) -> Evidence:
    """Leave out what was sent by runs that none of the ledgers knows.

    Runs are known by the end of their ID, which two of some hundreds may share: a call by such a
    run that is neither held here nor for an account that was planned here is another one's.
    """
    tails = {tail_of(one.record["run_id"]) for one in evidence.runs}
    keys = {key.key for ledger in evidence.ledgers for key in ledger.keys}
    accounts = {item[0].encode() for run in evidence.runs for item in run.planned}

    def ours(one: Arrival) -> bool:
        if one.track is None or tail_of(one.track) not in tails:
            return one.track is None
        held = one.path != GENERATE or one.key in keys
        return held or any(account in one.content for account in accounts)

    mine = tuple(one for one in evidence.arrivals if ours(one))
    numbers = {one.number for one in mine}
    executions = tuple(
        one if one.arrival in numbers or one.key in keys else replace(one, key=None)
        for one in evidence.executions
    )
    return replace(evidence, arrivals=mine, executions=executions)
