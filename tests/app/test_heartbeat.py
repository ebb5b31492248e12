"""A run's signs of life: there while it runs, harmless whatever the disk does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.runs import Project
from zbatch.app.heartbeat import Heartbeat, write_aside
from zbatch.app.live import Live
from zbatch.app.process import Process

LIMIT = 20.0


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def read(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return data


def test_signs_of_life_come_again_and_again_and_end_with_the_run(tmp_path: Path) -> None:
    """Each is whole, tells whose it is, and the last one that it has ended, and how."""
    path = tmp_path / "live.json"
    beats = Heartbeat(path, "run-1", every=0.005)
    beats.begin(Live(7))
    until(path.exists)
    first = read(path)
    assert (first["run_id"], first["process"]["pid"], first["ended"]) == (
        "run-1",
        os.getpid(),
        False,
    )
    assert first["figures"]["planned"] == 7
    until(lambda: read(path)["figures"]["elapsed_ms"] > first["figures"]["elapsed_ms"])
    beats.end(4)
    beats.end(0)
    last = read(path)
    assert (last["ended"], last["exit_code"]) == (True, 4)
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_disk_that_fails_harms_nobody(tmp_path: Path) -> None:
    """Where the file cannot be written the thread goes on, and ends when it is told to."""
    beats = Heartbeat(tmp_path / "missing" / "live.json", "run-1", every=0.005)
    beats.begin(Live())
    until(lambda: any(thread.name == "heartbeat" for thread in threading.enumerate()))
    beats.end()
    assert not any(thread.name == "heartbeat" for thread in threading.enumerate())


def test_a_machine_without_threads_runs_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signs of life are a luxury."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    beats = Heartbeat(tmp_path / "live.json", "run-1")
    beats.begin(Live())
    beats.end(0)
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    """Who can write to the folder cannot lead the run to another file."""
    target = tmp_path / "precious"
    target.write_text("mine")
    (tmp_path / ".live.json.new").symlink_to(target)
    with pytest.raises(OSError, match="symbolic"):
        write_aside(tmp_path / "live.json", {})
    assert target.read_text() == "mine"


def test_a_process_is_known_while_it_runs_and_not_after() -> None:
    """Neither a dead one nor a later one with its number is taken for it."""
    ours = Process.current()
    assert ours.runs
    assert ours.near
    assert (ours.born is not None) == (sys.platform == "linux")
    assert replace(ours, born=1).runs == (ours.born is None)
    assert not replace(ours, machine="elsewhere").near
    with subprocess.Popen([sys.executable, "-c", "pass"]) as child:
        child.wait()
    assert not Process(child.pid, ours.machine).runs


def test_a_run_leaves_its_last_figures_behind(project: Project) -> None:
    """Beside report and record, with the exit code."""
    told = project.run(project.spec(1, 2, 3))
    assert told.code == 0
    (path,) = project.state.glob("runs/*/live.json")
    last = read(path)
    assert (last["ended"], last["exit_code"]) == (True, 0)
    assert last["figures"]["outcomes"]["invoiced"] == 3
    assert last["figures"]["done"] == 3


def test_what_is_held_back_is_not_settled_earlier(project: Project) -> None:
    """An earlier date of another spec failed: the item has no outcome when the run is over."""
    project.book(a1="Canceled,due,1,0s")
    project.run(project.spec(1, name="early", dates=["2026-10-31"]))
    project.book()
    project.run(project.spec(3, name="before"))
    told = project.run(project.spec(1, 2, 3, name="late"))
    assert told.outcomes == {"invoiced": 2, "not_attempted": 1}
    figures = told.header.live.figures()
    assert (figures.earlier, figures.done, figures.planned, figures.percent) == (1, 2, 3, 66)
