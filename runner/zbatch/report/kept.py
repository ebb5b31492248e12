"""Read back what a run has left behind: its record, and its report line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

from zbatch.model import Charges, Detail, Outcome, Problem
from zbatch.report.lines import Line
from zbatch.report.record import VERSION, ReadBackRecord

Value = TypeVar("Value")

_DETAIL = tuple(one.name for one in fields(Detail))


class NotKept(ValueError):
    """A file of a run cannot be read as what zbatch writes; says in a clause why."""


@dataclass(frozen=True, slots=True)
class RunHead:
    """What `run.json` says of a run; fields that older versions did not write are None.

    `finished_at`, `exit_code` and `outcomes` are None of a run that is under way, or was killed.
    `spec_path` names the spec from its project's root, `raw` is the whole object as read.
    """

    run_id: str
    verb: str
    spec_name: str
    spec_file: str
    spec_path: str | None
    spec_digest: str
    period: str | None
    charges: Charges | None
    plan_digest: str
    tenant: str
    host: str
    entity_id: str | None
    started_at: datetime
    finished_at: datetime | None
    exit_code: int | None
    stop: str | None
    planned: int
    outcomes: Mapping[Outcome, int] | None
    calls_sent: int | None
    read_back: ReadBackRecord | None
    settled_earlier: int | None
    raw: Mapping[str, Any] = field(repr=False, compare=False)


def read_head(path: Path) -> RunHead:
    """Read `run.json`; raise `NotKept` for one that cannot be read or is something else."""
    try:
        return head_in(path.read_bytes())
    except FileNotFoundError as error:
        raise NotKept("there is no run.json in it") from error
    except OSError as error:
        raise NotKept(f"run.json cannot be read: {error.strerror}") from error


def head_in(text: bytes) -> RunHead:
    """Read the content of a `run.json`; raise `NotKept` for something else."""
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotKept("run.json is not JSON") from error
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise NotKept("run.json is not what this version of zbatch writes")
    try:
        return _head(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotKept("run.json lacks something that zbatch writes") from error


def _head(found: dict[str, Any]) -> RunHead:
    spec, tenant, outcomes = found["spec"], found["tenant"], found["outcomes"]
    return RunHead(
        run_id=_a(str, found["run_id"]),
        verb=_a(str, found.get("verb", "run")),
        spec_name=_a(str, spec["name"]),
        spec_file=_a(str, spec["file"]),
        spec_path=_perhaps(str, spec.get("path")),
        spec_digest=_a(str, spec["digest"]),
        period=_perhaps(str, spec["period"]),
        charges=_charges(spec.get("charges")),
        plan_digest=_a(str, found["plan_digest"]),
        tenant=_a(str, tenant["name"]),
        host=_a(str, tenant["host"]),
        entity_id=_perhaps(str, tenant["entity_id"]),
        started_at=datetime.fromisoformat(found["started_at"]),
        finished_at=_moment(found["finished_at"]),
        exit_code=_perhaps(int, found["exit_code"]),
        stop=_perhaps(str, found["stop"]),
        planned=_a(int, found["planned"]),
        outcomes=outcomes and {one: _a(int, outcomes[one.value]) for one in Outcome},
        calls_sent=_perhaps(int, found.get("calls_sent")),
        read_back=_read_back(found.get("read_back")),
        settled_earlier=_perhaps(int, found.get("settled_earlier")),
        raw=found,
    )


def _charges(found: Any) -> Charges | None:
    """Read which charges were billed; an older run has not told it, nor does a reconciliation."""
    if found is None:
        return None
    return Charges(**{one.name: _flag(found[one.name]) for one in fields(Charges)})


def _read_back(found: Any) -> ReadBackRecord | None:
    """Read what reading back came to; an older run has none of it, nor one that sent nothing."""
    if found is None:
        return None
    findings = {_a(str, code): _a(int, count) for code, count in found["findings"].items()}
    return ReadBackRecord(_a(int, found["questions"]), _a(int, found["unread"]), findings)


def read_lines(path: Path) -> Iterator[Line]:
    """Read `report.jsonl` line by line; raise `NotKept` for what is no line of a report."""
    return (line for line, _ in read_both(path))


def read_both(path: Path) -> Iterator[tuple[Line, bytes]]:
    """Read `report.jsonl` like `read_lines`, each line with its own text.

    A last line without its end is one that is being written, or that a killed run was writing: it
    is passed over.
    """
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file, 1):
                if text.endswith(b"\n"):
                    yield _line(text, number), text
    except OSError as error:
        raise NotKept(f"the report {path} cannot be read: {error.strerror}") from error


def _line(text: bytes, number: int) -> Line:
    try:
        return _parsed(json.loads(text))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise NotKept(f"line {number} of report.jsonl is not what zbatch writes") from error


def _parsed(found: dict[str, Any]) -> Line:
    error, source = found["error"], found["source"]
    return Line(
        run_id=_a(str, found["run_id"]),
        account_id=_a(str, found["account_id"]),
        account_number=_perhaps(str, found["account_number"]),
        invoice_date=date.fromisoformat(found["invoice_date"]),
        target_date=date.fromisoformat(found["target_date"]),
        revision=_a(int, found["revision"]),
        outcome=Outcome(found["outcome"]),
        invoice_id=_perhaps(str, found["invoice_id"]),
        invoice_ids=tuple(_a(str, one) for one in found["invoice_ids"]),
        invoices=_details(found.get("invoices")),
        error=error and Problem(_a(str, error["code"]), _a(str, error["message"])),
        http_status=_perhaps(int, found["http_status"]),
        attempts=_a(int, found["attempts"]),
        idempotency_key=_perhaps(str, found["idempotency_key"]),
        track_id=_perhaps(str, found["track_id"]),
        request_id=_perhaps(str, found["request_id"]),
        started_at=_moment(found["started_at"]),
        finished_at=_moment(found["finished_at"]),
        reason=_perhaps(str, found["reason"]),
        file=_a(str, source["file"]),
        line=_a(int, source["line"]),
    )


def _details(found: Any) -> tuple[Detail, ...] | None:
    """Read what was read back of an item's invoices; older reports have none of it."""
    if found is None:
        return None
    return tuple(Detail(**{name: one[name] for name in _DETAIL}) for one in found)


def _a(kind: type[Value], value: object) -> Value:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"not of type {kind.__name__}")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("not of type bool")
    return value


def _perhaps(kind: type[Value], value: object) -> Value | None:
    return None if value is None else _a(kind, value)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
