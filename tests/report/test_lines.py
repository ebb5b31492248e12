"""The lines of the report: readable by every reader, equal to what was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from zbatch.model import ItemRecord, Outcome, Problem
from zbatch.report.lines import as_json, line_of, timestamp, to_line

RUN = "20261130T201502Z-7f3a"
SCHEMA = json.loads(files("zbatch.schemas").joinpath("report.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)


def test_schema_is_valid_and_so_is_its_example() -> None:
    """The schema is a schema, and its example is a line."""
    Draft202012Validator.check_schema(SCHEMA)
    VALIDATOR.validate(SCHEMA["examples"][0])


def test_schema_explains_every_property() -> None:
    """Each property, nested ones too, has a description and examples."""
    properties = SCHEMA["properties"]
    nested = [properties["error"]["properties"], properties["source"]["properties"]]
    for name, schema in (pair for group in [properties, *nested] for pair in group.items()):
        assert schema.get("description"), name
        assert schema.get("examples"), name


@given(data=st.data())
def test_any_record_comes_back_from_its_line(
    any_records: st.SearchStrategy[ItemRecord], data: st.DataObject
) -> None:
    """Whatever the ledger holds, its line validates, is one line, and reads back equal."""
    record = data.draw(any_records)
    line = to_line(record, RUN)
    VALIDATOR.validate(json.loads(line))
    assert line.isascii()
    assert line.decode().splitlines(keepends=True) == [line.decode()]
    assert json.loads(line) == as_json(line_of(record, RUN))


def test_fields_stand_in_the_order_of_the_schema(make_record: Callable[..., ItemRecord]) -> None:
    """Every line has all fields, in one order, so that lines can be compared as text."""
    for outcome in Outcome:
        assert list(as_json(line_of(make_record(outcome), RUN))) == list(SCHEMA["properties"])
    later = {"invoices"}  # than the first reports of this version, which lack it
    assert [name for name in SCHEMA["properties"] if name not in later] == SCHEMA["required"]


def test_line_is_exactly_so(make_record: Callable[..., ItemRecord]) -> None:
    """The bytes of a line are pinned: other programs read them."""
    record = make_record(Outcome.INVOICED, idempotency_key="zb1-k", track_id="t-1", request_id="r")
    assert to_line(record, RUN) == (
        b'{"version":1,"run_id":"20261130T201502Z-7f3a",'
        b'"account_id":"2c93808457d787030157e0306be53a01","account_number":null,'
        b'"invoice_date":"2026-11-30","target_date":"2026-11-30","revision":1,'
        b'"outcome":"invoiced","success":true,"invoice_id":"ffffffffffffffffffffffffffffffff",'
        b'"invoice_ids":["ffffffffffffffffffffffffffffffff"],"invoices":null,"error":null,'
        b'"http_status":200,"attempts":1,"idempotency_key":"zb1-k","track_id":"t-1","request_id":"r",'
        b'"started_at":"2026-11-30T20:15:02.118Z","finished_at":"2026-11-30T20:15:02.431Z",'
        b'"duration_ms":313,"reason":null,"source":{"file":"specs/month-end.yaml","line":12}}\n'
    )


def test_separators_of_unicode_do_not_cut_a_line(make_record: Callable[..., ItemRecord]) -> None:
    """U+2028, U+2029, U+0085 and friends in a server's message stay inside one line."""
    message = "a\u2028b\u2029c\x85d\x0be\x0cf\x1c\x1d\x1eg\r\nh\x1b[2J"
    line = to_line(make_record(Outcome.FAILED, error=Problem("X", message)), RUN)
    assert len(line.decode().splitlines()) == 1
    assert json.loads(line)["error"] == {"code": "X", "message": message}


def test_no_part_of_a_line_passes_for_a_line(make_record: Callable[..., ItemRecord]) -> None:
    """A line cut at any byte is no JSON, or lacks just its newline."""
    line = to_line(make_record(Outcome.FAILED), RUN)
    for end in range(len(line) - 1):
        with pytest.raises(json.JSONDecodeError):
            json.loads(line[:end])
    assert line.endswith(b"}\n")


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.UNKNOWN, Outcome.NOT_ATTEMPTED])
def test_no_invoice_without_a_reason(
    outcome: Outcome, make_record: Callable[..., ItemRecord]
) -> None:
    """An outcome that people must act on says why, even where the ledger does not know."""
    line = json.loads(to_line(make_record(outcome, error=None), RUN))
    VALIDATOR.validate(line)
    assert line["error"]["message"]


@pytest.mark.parametrize("outcome", [Outcome.INVOICED, Outcome.ALREADY_INVOICED])
def test_success_may_say_what_is_not_proved(
    outcome: Outcome, make_record: Callable[..., ItemRecord]
) -> None:
    """An invoice whose author is not proved, or that a person decided on, says so in its line."""
    problem = Problem("AUTHOR_NOT_PROVED", "one invoice is there")
    line = json.loads(to_line(make_record(outcome, error=problem), RUN))
    VALIDATOR.validate(line)
    assert line["success"] is True
    assert line["error"] == {"code": "AUTHOR_NOT_PROVED", "message": "one invoice is there"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"outcome": "invoiced", "success": False},
        {"outcome": "invoiced", "success": True, "invoice_id": None},
        {"outcome": "already_invoiced", "success": True, "invoice_id": ""},
        {"outcome": "nothing_to_bill", "success": True},
        {"outcome": "failed", "success": True, "error": {"code": "X", "message": ""}},
        {"outcome": "failed", "success": False, "error": None},
        {"outcome": "unknown", "success": False, "error": None},
        {"outcome": "not_attempted", "success": False, "error": None},
        {"started_at": "2026-11-30T20:15:02.118+00:00"},
        {"account_id": "2C93808457D787030157E0306BE53A75"},
        {"unforeseen": 1},
    ],
)
def test_schema_refuses_contradictions(wrong: dict[str, Any]) -> None:
    """A success without an ID, and a failure without a reason, are no lines of a report."""
    assert not VALIDATOR.is_valid({**SCHEMA["examples"][0], **wrong})


def test_times_are_utc_with_milliseconds() -> None:
    """A time in another zone is written in UTC, cut to milliseconds."""
    east = timezone(timedelta(hours=5, minutes=30))
    moment = datetime(2026, 12, 1, 1, 45, 2, 118_999, tzinfo=east)
    assert timestamp(moment) == "2026-11-30T20:15:02.118Z"


def test_clock_set_back_is_no_negative_duration(make_record: Callable[..., ItemRecord]) -> None:
    """A clock that was set back during a call yields a duration of zero."""
    late = datetime(2026, 11, 30, 21, tzinfo=UTC)
    record = make_record(Outcome.INVOICED, started_at=late)
    assert line_of(record, RUN).duration_ms == 0
