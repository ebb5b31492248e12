"""Runs to report on, written by a script: heads, lines, and what a hostile tenant answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from zbatch.app.reporting import explain
from zbatch.app.state import State
from zbatch.app.worth import totals, worth
from zbatch.model import Detail, Outcome, Problem
from zbatch.report.beside import Beside
from zbatch.report.kept import RunHead, read_head
from zbatch.report.lines import Line, as_json
from zbatch.report.since import Change

RUN = "20261130T201502Z-7f3a"
START = datetime(2026, 11, 30, 20, 15, 2, tzinfo=UTC)
HOSTILE = (
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<!-- <script> ]]> &amp; &#0;",
    "\N{RIGHT-TO-LEFT OVERRIDE}fdp.exe\N{ZERO WIDTH SPACE}",
    "a\0b\x1b[31mc\x08\x7f\x9b",
    "line\N{LINE SEPARATOR}and\N{PARAGRAPH SEPARATOR}more\r\nagain",
    '=HYPERLINK("https://example.invalid","pay")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "| a | b | `c` ``` <b> [x](https://example.invalid) @somebody #1",
    "\ufffe\uffff \N{BYTE ORDER MARK}end",
    "x" * 5000,
)


SEEN = {"questions": 1, "unread": 2, "findings": {"duplicate": 1, "tax_failed": 3, "newer": 1}}
SEEN_SAID = "invoices: 1 DUPLICATE, 3 tax failed, 1 newer, 2 items not read back"


def line(number: int = 1, outcome: Outcome = Outcome.INVOICED, **fields: Any) -> Line:
    """Write a line as a run would; `fields` are those of a line."""
    invoice = f"8a{number:030x}" if outcome.success else None
    error = None
    if outcome in (Outcome.FAILED, Outcome.UNKNOWN, Outcome.NOT_ATTEMPTED):
        codes = {Outcome.FAILED: "INVALID_VALUE", Outcome.UNKNOWN: "NO_ANSWER"}
        error = Problem(codes.get(outcome, "RUN_STOPPED"), "The account is not active.")
    sent = outcome is not Outcome.NOT_ATTEMPTED
    began = START + timedelta(milliseconds=90 * number)
    made = Line(
        run_id=RUN,
        account_id=f"2c93808457d787030157e000{number:08x}",
        account_number=None,
        invoice_date=date(2026, 11, 30),
        target_date=date(2026, 11, 30),
        revision=1,
        outcome=outcome,
        invoice_id=invoice,
        invoice_ids=(invoice,) if invoice else (),
        invoices=None,
        error=error,
        http_status=200 if sent else None,
        attempts=int(sent),
        idempotency_key=f"zb1-{number:064x}" if sent else None,
        track_id=f"7f3a-{number:06}-1" if sent else None,
        request_id=f"b6b1f2d0-8f5e-4a53-9d0e-{number:012x}" if sent else None,
        started_at=began if sent else None,
        finished_at=began + timedelta(milliseconds=200 + 37 * number % 900) if sent else None,
        reason=None,
        file="specs/month-end.yaml",
        line=10 + number,
    )
    return replace(made, **fields)


def hostile_lines() -> list[Line]:
    """Give failures whose messages, numbers and reasons are what an attacker would send."""
    return [
        line(
            number,
            Outcome.FAILED,
            error=Problem(text[:60], text),
            account_number=text[:60],
            reason=text,
            request_id=text[:60],
            file=f"specs/{text[:20]}",
        )
        for number, text in enumerate(HOSTILE, 1)
    ]


def detail(number: int = 1, amount: str | None = "574.79", **fields: Any) -> Detail:
    """Show an invoice as a tenant does once it is read back."""
    known = {"number": f"INV{number:08}", "status": "Draft", "currency": "USD", **fields}
    return Detail(f"8a{number:030x}", amount=amount, balance=amount, **known)


def shown(
    number: int, *details: Detail, outcome: Outcome = Outcome.INVOICED, **fields: Any
) -> Line:
    """Write the line of an item whose invoices were read back."""
    ids = tuple(one.id for one in details)
    return line(number, outcome, invoice_id=ids[0], invoice_ids=ids, invoices=details, **fields)


def beside(lines: Iterable[Line], changes: Sequence[Change] = ()) -> Beside:
    """Give what a rendering of these lines is told beside them."""
    return Beside(explain, worth, totals(lines), changes)


def hostile_invoice(text: str) -> Line:
    """Write a success whose invoice says the same of everything."""
    ours = f"8a{99:030x}"
    return shown(99, Detail(ours, text, text, text, text, text, text, text))


def record(lines: Iterable[Line], **fields: Any) -> dict[str, Any]:
    """Write the run record of lines; `fields` take the place of its own."""
    lines = list(lines)
    counts = {one.value: sum(li.outcome is one for li in lines) for one in Outcome}
    return {
        "version": 1,
        "run_id": RUN,
        "verb": "run",
        "spec": {
            "name": "month-end-2026-11",
            "file": "specs/month-end.yaml",
            "path": "specs/month-end.yaml",
            "digest": "a" * 64,
            "period": "2026-11",
            "files": [{"path": "accounts/emea.csv", "digest": "c" * 64, "rows": 1180}],
        },
        "git": {"commit": "d" * 40, "as_committed": True},
        "plan_digest": "b" * 64,
        "approved_digest": None,
        "tenant": {"name": "production", "host": "rest.na.zuora.com", "entity_id": None},
        "limits": {"concurrency": 10, "rate": "600/min", "objects_per_call": 1, "timeout": "150s"},
        "started_at": "2026-11-30T20:15:02.000Z",
        "finished_at": "2026-11-30T20:17:41.000Z",
        "duration_ms": 159000,
        "exit_code": 3 if counts["unknown"] else int(bool(counts["failed"])),
        "stop": None,
        "stop_rule": None,
        "planned": len(lines),
        "outcomes": counts,
        "calls_sent": sum(li.attempts for li in lines),
        "slots": {"peak": 10, "last": 10},
        "pace": None,
        "versions": {"zbatch": "0.1.0", "python": "3.11.9", "aiohttp": "3.14.0"},
        **fields,
    }


def keep(state: State, lines: Iterable[Line], **fields: Any) -> Path:
    """Lay a run into a state folder, as a real one would have left it."""
    lines = list(lines)
    written = record(lines, **fields)
    folder = state.run_folder(written["run_id"])
    (folder / "run.json").write_text(json.dumps(written), "utf-8")
    texts = (json.dumps(as_json(line), separators=(",", ":")) + "\n" for line in lines)
    (folder / "report.jsonl").write_text("".join(texts), "utf-8")
    return folder


def head_of(folder: Path) -> RunHead:
    """Read the head of a run that `keep` has laid down."""
    return read_head(folder / "run.json")


def many(count: int) -> Iterator[Line]:
    """Give a run of many items, most of them invoiced, a few of each other kind."""
    rare = {17: Outcome.FAILED, 29: Outcome.NOTHING_TO_BILL, 43: Outcome.ALREADY_INVOICED}
    for number in range(1, count + 1):
        found = [one for every, one in rare.items() if number % every == 0]
        yield line(number, found[0] if found else Outcome.INVOICED)
