"""The run record: whole at any time, with totals that can be checked."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from zbatch import __version__
from zbatch.errors import ReportFailure
from zbatch.model import ExitCode, Outcome, Plan, Rate, Totals
from zbatch.report.record import Given, PaceRecord, ReadBackRecord, RunRecord, write_record
from zbatch.spec.schema import schema_text

START = datetime(2026, 11, 30, 20, 15, 2, tzinfo=UTC)


def test_record_of_a_finished_run(tmp_path: Path, plan: Plan) -> None:
    """A finished run leaves its header, all six outcomes, and what it ran on."""
    path = tmp_path / "run.json"
    write_record(
        path,
        RunRecord(
            "20261130T201502Z-7f3a",
            plan,
            START,
            {"python": "3.11.9"},
            START + timedelta(seconds=2.5),
            ExitCode.FAILURES,
            None,
            Totals(2, {Outcome.INVOICED: 1, Outcome.FAILED: 1}),
            3,
            slots=(7, 5),
            pace=PaceRecord(4, 2.0, 1.7, 10.0, 0.999949),
            read_back=ReadBackRecord(2, 1, {"tax_failed": 3}),
            settled_earlier=1,
            given=Given(tenant="uat", rate=Rate(5, 1.0), retry_failed=True, project=".."),
        ),
    )
    assert json.loads(path.read_text()) == {
        "version": 1,
        "run_id": "20261130T201502Z-7f3a",
        "verb": "run",
        "spec": {
            "name": "month-end-2026-11",
            "file": "specs/month-end.yaml",
            "path": None,
            "digest": "a" * 64,
            "period": None,
            "files": [],
            "charges": {"one_time": True, "recurring": True, "usage": True},
        },
        "git": None,
        "plan_digest": "b" * 64,
        "approved_digest": None,
        "tenant": {"name": "production", "host": "rest.na.zuora.com", "entity_id": None},
        "limits": {
            "concurrency": 10,
            "rate": "600/min",
            "objects_per_call": 1,
            "timeout": "150s",
        },
        "given": {
            "tenant": "uat",
            "period": None,
            "concurrency": None,
            "rate": "5/s",
            "retry_failed": True,
            "retry_nothing": False,
            "document": None,
            "project": "..",
        },
        "started_at": "2026-11-30T20:15:02.000Z",
        "finished_at": "2026-11-30T20:15:04.500Z",
        "duration_ms": 2500,
        "exit_code": 1,
        "stop": None,
        "stop_rule": None,
        "planned": 2,
        "outcomes": {
            "invoiced": 1,
            "already_invoiced": 0,
            "nothing_to_bill": 0,
            "failed": 1,
            "unknown": 0,
            "not_attempted": 0,
        },
        "settled_earlier": 1,
        "calls_sent": 3,
        "slots": {"peak": 7, "last": 5},
        "pace": {
            "requests": 4,
            "sending_ms": 2000,
            "waited_ms": 1700,
            "rate_per_second": 10.0,
            "used": 0.9999,
        },
        "read_back": {"questions": 2, "unread": 1, "findings": {"tax_failed": 3}},
        "versions": {"zbatch": __version__, "python": "3.11.9"},
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_f103_record_of_a_live_run_is_replaced_whole(tmp_path: Path, plan: Plan) -> None:
    """While a run goes on its end is open; whoever has opened that record reads it to its end."""
    path = tmp_path / "run.json"
    (tmp_path / ".run.json.new").write_text("half of a record, left by a ki")
    write_record(path, RunRecord("r", plan, START))
    live = json.loads(path.read_text())
    assert (live["finished_at"], live["exit_code"], live["outcomes"]) == (None, None, None)
    assert live["slots"] is None
    with path.open() as reader:
        write_record(path, RunRecord("r", plan, START, {}, START, ExitCode.OK))
        assert json.loads(reader.read()) == live
    assert json.loads(path.read_text())["exit_code"] == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]


def test_record_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, plan: Plan) -> None:
    """When the new record fails, the old one is still whole."""
    path = tmp_path / "run.json"
    write_record(path, RunRecord("r", plan, START))
    before = path.read_bytes()
    (tmp_path / ".run.json.new").mkdir()
    with pytest.raises(ReportFailure):
        write_record(path, RunRecord("r", plan, START, {}, START, ExitCode.OK))
    assert path.read_bytes() == before


def test_a_record_keeps_to_its_schema(tmp_path: Path, plan: Plan) -> None:
    """At the start, without an end, as well; it has all that is written, and its examples hold."""
    schema = json.loads(schema_text("run"))
    Draft202012Validator.check_schema(schema)
    path = tmp_path / "run.json"
    write_record(path, RunRecord("20261130T201502Z-7f3a", plan, START, {"python": "3.11.9"}))
    written = json.loads(path.read_text())
    assert set(written) == set(schema["properties"])
    Draft202012Validator(schema).validate(written)
    for name, property_ in schema["properties"].items():
        if "$ref" not in property_:
            found = {"$defs": schema["$defs"], **property_}
            for example in property_.get("examples", ()):
                assert Draft202012Validator(found).is_valid(example), name


def test_a_reconciliation_claims_no_charges(tmp_path: Path, plan: Plan) -> None:
    """What was in doubt may be of several specs, each with charges of its own."""
    path = tmp_path / "run.json"
    write_record(path, RunRecord("20261130T201502Z-7f3a", plan, START, verb="reconcile"))
    written = json.loads(path.read_text())
    assert written["spec"]["charges"] is None
    Draft202012Validator(json.loads(schema_text("run"))).validate(written)
