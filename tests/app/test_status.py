"""How far a run is, seen from outside: told from its files, and never more than is known."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.runs import Project
from zbatch.app.figures import Figures
from zbatch.app.live import Live
from zbatch.app.live_json import to_json
from zbatch.app.process import Process
from zbatch.app.runs import PastRun, find_run
from zbatch.app.state import State
from zbatch.app.status import LATE, LATE_ELSEWHERE, Life, gone_on_by, run_at_work, status_of
from zbatch.engine.events import InFlight
from zbatch.ledger.lock import locked
from zbatch.model import Outcome
from zbatch.report.lines import timestamp

NOW = datetime(2026, 11, 30, 20, 16, tzinfo=UTC)
RUN = "20261130T201502Z-7f3a"
RECORD = {
    "run_id": RUN,
    "tenant": {"name": "real", "host": "rest.test", "entity_id": None},
    "planned": 40,
    "finished_at": None,
}
NO_PROCESS = Process(2**22 + 1, Process.current().machine, 1)


@pytest.fixture
def run(tmp_path: Path) -> PastRun:
    """Give a run of 40 items that has not written its last word."""
    folder = tmp_path / "runs" / RUN
    folder.mkdir(parents=True)
    return PastRun(RUN, folder, RECORD)


@pytest.fixture
def sign(run: PastRun) -> Callable[..., None]:
    """Write a sign of life of the run."""

    def write(process: Process, age: timedelta = timedelta(0), **fields: Any) -> None:
        live = Live(40, 4)
        live.take(InFlight(3, 5))
        data = {
            "version": 1,
            "run_id": RUN,
            "process": asdict(process),
            "at": timestamp(NOW - age),
            "ended": False,
            "exit_code": None,
            "figures": to_json(live.figures()),
        }
        (run.folder / "live.json").write_text(json.dumps({**data, **fields}))

    return write


def test_a_run_that_shows_signs_of_life_runs(run: PastRun, sign: Callable[..., None]) -> None:
    """With the figures of its last one."""
    sign(Process.current(), timedelta(seconds=2))
    told = status_of(run, NOW)
    assert told.state is Life.RUNNING
    assert told.at == NOW - timedelta(seconds=2)
    assert told.figures is not None
    assert (told.figures.planned, told.figures.done, told.figures.in_flight) == (40, 4, 3)


def test_a_run_whose_process_is_not_there_is_gone(run: PastRun, sign: Callable[..., None]) -> None:
    """However fresh its last sign is; what it has reported counts, a torn line does not."""
    sign(NO_PROCESS)
    lines = [json.dumps({"outcome": name}) for name in ("invoiced", "failed", "invoiced")]
    run.report.write_text("\n".join(lines) + '\n{"outcome": "invo')
    told = status_of(run, NOW)
    assert told.state is Life.GONE
    assert told.figures is not None
    assert told.figures.counts == {Outcome.INVOICED: 2, Outcome.FAILED: 1}
    assert (told.figures.done, told.figures.planned, told.figures.in_flight) == (3, 40, 3)


def test_what_a_killed_run_had_told_is_not_taken_back(
    run: PastRun, sign: Callable[..., None]
) -> None:
    """The line of a success waits for what is read back of it; a failure's may be the newer."""
    told = Figures(planned=40, done=5, counts={Outcome.INVOICED: 4, Outcome.FAILED: 1})
    sign(NO_PROCESS, figures=to_json(told))
    run.report.write_text('{"outcome": "failed"}\n' * 2)
    found = status_of(run, NOW).figures
    assert found is not None
    assert (found.counts, found.done) == ({Outcome.INVOICED: 4, Outcome.FAILED: 2}, 6)


def test_a_later_process_of_the_same_number_is_not_the_run(
    run: PastRun, sign: Callable[..., None]
) -> None:
    """Numbers of processes come again; where no system tells when one began, it is taken for it."""
    ours = Process.current()
    sign(replace(ours, born=(ours.born or 2) - 1))
    told = sys.platform == "linux"
    assert status_of(run, NOW).state is (Life.GONE if told else Life.RUNNING)


def test_a_run_that_has_shown_nothing_for_long_is_silent(
    run: PastRun, sign: Callable[..., None]
) -> None:
    """Suspended, or its disk is full: that is told, and not that it runs, nor that it is gone."""
    sign(Process.current(), LATE)
    assert status_of(run, NOW).state is Life.RUNNING
    sign(Process.current(), LATE + timedelta(seconds=1))
    assert status_of(run, NOW).state is Life.SILENT


def test_nobody_can_tell_whether_a_process_of_another_machine_is_there(
    run: PastRun, sign: Callable[..., None]
) -> None:
    """Only that it shows signs of life, or does not."""
    away = replace(NO_PROCESS, machine="elsewhere")
    sign(away, LATE_ELSEWHERE)
    assert status_of(run, NOW).state is Life.RUNNING
    sign(away, LATE_ELSEWHERE + timedelta(seconds=1))
    assert status_of(run, NOW).state is Life.SILENT


def test_a_run_is_at_work_only_where_that_is_certain(
    run: PastRun, sign: Callable[..., None], tmp_path: Path
) -> None:
    """Whoever is told so looks no further; what is perhaps gone is told as what is gone."""
    (run.folder / "run.json").write_text(json.dumps(RECORD))
    ledger = tmp_path / "rest.test"
    ledger.mkdir()
    assert run_at_work(ledger, NOW) is None
    (ledger / "lock").write_text(f"run {RUN}, process 4711")
    ours, late = Process.current(), LATE_ELSEWHERE + timedelta(seconds=1)
    away = replace(NO_PROCESS, machine="elsewhere")
    for process, age, certain in (
        (ours, timedelta(0), True),
        (ours, late, ours.born is not None),
        (replace(ours, born=None), late, False),
        (NO_PROCESS, timedelta(0), False),
        (away, timedelta(0), True),
        (away, late, False),
    ):
        sign(process, age)
        assert bool(run_at_work(ledger, NOW)) is certain, (process, age)
    sign(ours, ended=True)
    assert run_at_work(ledger, NOW) is None


@pytest.mark.parametrize(
    ("requests", "end", "went_on"),
    [
        (1, {"exit_code": 6, "stop": "the credentials are refused", "calls_sent": 0}, False),
        (0, {"exit_code": None, "stop": None}, False),  # what it came to is not known
        (0, {"exit_code": 6}, False),
        (0, {"exit_code": 0, "stop": None}, True),  # nothing was left, or it has told what is
        (0, {"exit_code": 3, "stop": None}, True),
        (1, {"exit_code": 4, "stop": "interrupted by SIGINT", "calls_sent": 1}, True),
        (1, {"exit_code": None, "stop": None}, True),  # it broke off, and says so
        (0, None, True),  # it is at work
    ],
)
def test_a_run_that_was_stopped_before_a_call_has_gone_on_with_none(
    requests: int, end: dict[str, Any] | None, went_on: bool, tmp_path: Path
) -> None:
    """What the one before it has left is as it was, and is to be gone on with."""
    state, record = State(tmp_path), {**RECORD, "spec": {"path": "specs/k.yaml"}}
    for run_id, more in (("1", {}), ("2", {"finished_at": timestamp(NOW)} if end else {})):
        (state.run_folder(run_id) / "run.json").write_text(json.dumps(record | more | (end or {})))
    live = {
        "version": 1,
        "run_id": "2",
        "process": asdict(Process.current()),
        "at": timestamp(NOW),
        "ended": end is not None,
        "exit_code": None,
        "figures": to_json(replace(Live(40, 4).figures(), requests=requests)),
    }
    (tmp_path / "runs" / "2" / "live.json").write_text(json.dumps(live))
    later = gone_on_by(state, status_of(find_run(state, "1"), NOW), NOW)
    assert (later.run_id if later else None) == ("2" if went_on else None)


@pytest.mark.parametrize("code", [0, None])
def test_a_run_that_says_so_has_ended(
    run: PastRun, sign: Callable[..., None], code: int | None
) -> None:
    """Also one that came to nothing, and has no last word in its record."""
    sign(NO_PROCESS, ended=True, exit_code=code)
    told = status_of(run, NOW)
    assert (told.state, told.exit_code) == (Life.ENDED, code)


@pytest.mark.parametrize(
    "damage",
    ["", "{", "[]", "null", '{"run_id": 1}', json.dumps({"run_id": RUN}), '{"run_id": "another"}'],
)
def test_what_cannot_be_read_is_no_sign_of_life(run: PastRun, damage: str) -> None:
    """Without a sign the lock tells whose process it was, if it still is this run's."""
    (run.folder / "live.json").write_text(damage)
    assert status_of(run, NOW).state is Life.GONE


def test_without_a_sign_the_lock_tells_of_the_process(run: PastRun, tmp_path: Path) -> None:
    """A run that cannot write its figures still holds its lock, which is read and not taken."""
    folder = tmp_path / "rest.test"
    folder.mkdir()
    ours = Process.current().pid
    with locked(folder, f"run {RUN}, process {ours}"):
        told = status_of(run, NOW)
        assert told.state is Life.SILENT
        assert told.process is not None
        assert told.process.pid == ours
        assert told.figures is None
    with locked(folder, f"run {RUN}, process {NO_PROCESS.pid}"):
        assert status_of(run, NOW).state is Life.GONE
    with locked(folder, f"run 20261130T201700Z-aaaa, process {ours}"):
        assert status_of(run, NOW).state is Life.GONE


def test_a_record_that_nobody_can_read_is_no_reason_to_fail(run: PastRun) -> None:
    """What is damaged is told as far as it goes."""
    for record in ({}, {"tenant": 1}, {"tenant": {"host": 1}}, {"tenant": {"host": "away"}}):
        assert status_of(replace(run, record=record), NOW).state is Life.GONE
    odd = {"finished_at": "soon", "outcomes": {"invoiced": "many"}, "exit_code": "x"}
    told = status_of(replace(run, record=odd), NOW)
    assert (told.state, told.exit_code, told.at) == (Life.ENDED, None, None)


def test_a_run_that_is_over_is_told_by_its_record(project: Project) -> None:
    """Its outcomes are those of every planned item, not only of what this run has settled."""
    project.run(project.spec(1, 2))
    second = project.run(project.spec(1, 2, 3))
    told = status_of(find_run(State(project.state), second.result.run_id), NOW)
    assert (told.state, told.exit_code) == (Life.ENDED, 0)
    assert told.figures is not None
    assert (told.figures.done, told.figures.planned) == (3, 3)
    assert told.figures.counts[Outcome.INVOICED] == 3
    assert told.process is not None
    assert told.process.pid == Process.current().pid
