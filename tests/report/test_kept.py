"""What a run has left behind is read back as it was written, or refused."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from support import told
from zbatch.app.state import State
from zbatch.model import Outcome
from zbatch.report.kept import NotKept, read_head, read_lines

CHARGES = {"one_time": True, "recurring": False, "usage": True}
ALL = [told.line(number, outcome) for number, outcome in enumerate(Outcome, 1)]


def test_lines_and_record_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Every field of every outcome comes back, hostile text unchanged."""
    lines = [*ALL, *told.hostile_lines()]
    folder = told.keep(State(tmp_path), lines)
    assert list(read_lines(folder / "report.jsonl")) == lines
    head = told.head_of(folder)
    assert head.outcomes == {one: sum(li.outcome is one for li in lines) for one in Outcome}
    assert (head.planned, head.exit_code, head.verb) == (len(lines), 3, "run")


def test_the_line_that_is_being_written_is_passed_over(tmp_path: Path) -> None:
    """A run may be at work, or was killed in the middle of a line."""
    folder = told.keep(State(tmp_path), ALL)
    report = folder / "report.jsonl"
    report.write_bytes(report.read_bytes()[:-9])
    assert list(read_lines(report)) == ALL[:-1]


def test_an_open_record_has_no_end(tmp_path: Path) -> None:
    """Of a run under way start and plan are known; of an old one no verb and no path."""
    folder = told.keep(
        State(tmp_path), ALL, finished_at=None, exit_code=None, outcomes=None, calls_sent=None
    )
    record = json.loads((folder / "run.json").read_text())
    del record["verb"], record["spec"]["path"], record["git"]
    (folder / "run.json").write_text(json.dumps(record))
    head = told.head_of(folder)
    assert (head.finished_at, head.exit_code, head.outcomes, head.verb) == (None, None, None, "run")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "there is no run.json"),
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not what this version"),
        ('{"version": 2}', "not what this version"),
        ('{"version": 1}', "lacks something"),
    ],
)
def test_another_record_is_refused(tmp_path: Path, text: str | None, why: str) -> None:
    """No report is made of half a record."""
    path = tmp_path / "run.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(NotKept, match=why):
        read_head(path)


def test_a_record_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A folder in its place, for one."""
    with pytest.raises(NotKept, match="cannot be read"):
        read_head(tmp_path)
    with pytest.raises(NotKept, match="cannot be read"):
        list(read_lines(tmp_path))


@pytest.mark.parametrize(
    "change",
    [{"planned": "7"}, {"planned": True}, {"tenant": None}, {"started_at": "yesterday"}],
)
def test_a_record_of_other_kinds_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    """A number is a number, and a time a time."""
    folder = told.keep(State(tmp_path), ALL, **change)
    with pytest.raises(NotKept, match="lacks something"):
        told.head_of(folder)


@pytest.mark.parametrize("wrong", ["{}", "[]", "no", '{"outcome": "billed"}'])
def test_a_wrong_line_is_named(tmp_path: Path, wrong: str) -> None:
    """Nothing is left out silently in the middle of a report."""
    folder = told.keep(State(tmp_path), ALL)
    with (folder / "report.jsonl").open("a") as file:
        file.write(wrong + "\n")
    with pytest.raises(NotKept, match=r"^line 7 of report.jsonl"):
        list(read_lines(folder / "report.jsonl"))


@pytest.mark.parametrize("wrong", [{"questions": 1}, {**told.SEEN, "findings": {"x": "1"}}, 7])
def test_what_was_read_back_is_read_or_refused(tmp_path: Path, wrong: object) -> None:
    """A count that is none must not pass for nothing seen."""
    head = told.head_of(told.keep(State(tmp_path / "good"), ALL, read_back=told.SEEN))
    assert head.read_back is not None
    assert asdict(head.read_back) == told.SEEN
    with pytest.raises(NotKept, match="lacks something"):
        told.head_of(told.keep(State(tmp_path / "bad"), ALL, read_back=wrong))


@pytest.mark.parametrize("wrong", [{"usage": True}, {**CHARGES, "usage": 1}, 7])
def test_charges_are_read_or_refused(tmp_path: Path, wrong: object) -> None:
    """Which of them were billed is evidence; an older record and a reconciliation tell none."""
    for number, charges in enumerate((None, CHARGES)):
        head = told.head_of(told.keep(State(tmp_path / str(number)), ALL, **_charging(charges)))
        assert (head.charges and asdict(head.charges)) == charges
    with pytest.raises(NotKept, match="lacks something"):
        told.head_of(told.keep(State(tmp_path / "bad"), ALL, **_charging(wrong)))


def _charging(charges: object) -> dict[str, Any]:
    return {"spec": {**told.record(ALL)["spec"], "charges": charges}}
