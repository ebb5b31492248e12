"""How a run stands, as people read it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from zbatch.app.figures import Figures, LimitBy, Oldest, Wait
from zbatch.app.process import Process
from zbatch.app.runs import PastRun
from zbatch.app.status import Life, Status
from zbatch.cli.called import Called
from zbatch.cli.status_words import one_run, table
from zbatch.engine.events import Hold
from zbatch.model import ExitCode, Outcome

RUN = "20261130T201502Z-7f3a"
FIGURES = Figures(
    planned=1249,
    earlier=100,
    done=412,
    counts={Outcome.INVOICED: 305, Outcome.FAILED: 7},
    in_flight=16,
    allowed=16,
    rate=18.72,
    limit=20.0,
    limit_by=LimitBy.TENANT,
    limited=2,
    waited=24.0,
    elapsed=159.0,
    left=45.0,
    oldest=Oldest("A00017733", 41.0),
)
ENDED = replace(FIGURES, planned=412, earlier=0, left=None)


@pytest.fixture
def run() -> PastRun:
    """Give the run of a spec."""
    record = {
        "verb": "run",
        "spec": {"name": "month-end", "file": "specs/month-end.yaml"},
        "tenant": {"name": "production"},
    }
    return PastRun(RUN, Path(".zbatch/runs") / RUN, record)


@pytest.fixture
def running(run: PastRun, story: Any) -> Status:
    """Give how it stands while it runs."""
    here = Process.current()
    return Status(run, Life.RUNNING, FIGURES, story.now, None, replace(here, pid=4711))


def text_of(status: Status, story: Any) -> str:
    now = story.now + timedelta(seconds=1)
    lines = one_run(status, now, Path.cwd(), Called(state_dir=Path("state")))
    return "".join(f"{line.plain}\n" for line in lines)


def test_a_run_that_runs_shows_what_its_block_shows(running: Status, story: Any) -> None:
    """How far it is, what has come of it, how fast and by whose word, and what takes longest."""
    assert text_of(running, story) == (
        f"production · month-end · run {RUN} · running for 2 min 39 s, as of 1 s ago,"
        " process 4711\n"
        "  412/1,249  32%   about 45 s left, until 20:15:48Z\n"
        "  earlier 100   invoiced 305   nothing to bill 0   failed 7   unknown 0\n"
        "  in flight 16 of 16   18.7/s of 20/s by the tenant   limits met 2, waited 24 s\n"
        "  oldest in flight 41 s: A00017733\n"
        f"  report .zbatch/runs/{RUN}/report.jsonl\n"
    )


def test_a_rest_beyond_the_deadline_is_told(running: Status, story: Any) -> None:
    """Hours before the run ends itself by it, somebody can act."""
    late = replace(running, figures=replace(FIGURES, deadline=44.0))
    assert " left, until 20:15:48Z, past the deadline\n" in text_of(late, story)
    timely = replace(running, figures=replace(FIGURES, deadline=46.0))
    assert " left, until 20:15:48Z\n" in text_of(timely, story)


def test_items_that_are_open_are_told(running: Status, story: Any) -> None:
    """Whoever thinks of stopping the run sees what that would leave in doubt."""
    lost = replace(running, figures=replace(FIGURES, open=12))
    assert "   unknown 0   open 12\n" in text_of(lost, story)


def test_a_rest_of_no_time_is_no_more_than_that(running: Status, story: Any) -> None:
    """What is under a second is not about a second."""
    soon = replace(running, figures=replace(FIGURES, left=0.2))
    assert "  32%   under 1 s left, until " in text_of(soon, story)


def test_why_nothing_is_sent_is_said(running: Status, story: Any) -> None:
    """A wait, or that the run stops."""
    waits = replace(FIGURES, wait=Wait(30.0, "too many requests", Hold.LIMIT))
    assert "  waiting 30 s: too many requests\n" in text_of(replace(running, figures=waits), story)
    stops = replace(waits, stopping="interrupted by SIGINT")
    text = text_of(replace(running, figures=stops), story)
    assert "  stopping: interrupted by SIGINT\n" in text
    assert "waiting" not in text


def test_a_silent_run_is_not_said_to_run(running: Status, story: Any) -> None:
    """Nor to be gone: it may be suspended, or on a machine that nobody sees from here."""
    silent = replace(running, state=Life.SILENT)
    assert "· silent: last sign of life 2026-11-30 20:15:02Z\n" in text_of(silent, story)
    away = replace(silent, process=Process(4711, "elsewhere"))
    assert "20:15:02Z, process 4711 on elsewhere\n" in text_of(away, story)
    nothing = Status(running.run, Life.SILENT)
    assert "· silent: no sign of life\n" in text_of(nothing, story)


def test_a_run_that_is_gone_has_a_next_step(running: Status, story: Any) -> None:
    """What was in flight is in doubt, and the same command settles it."""
    text = text_of(replace(running, state=Life.GONE), story)
    assert "· GONE: process 4711 is not there any more, last sign of life 2026-11-30 20:15" in text
    assert "  16 requests in flight at the last sign of life\n" in text
    assert "not reported 937\n" in text
    assert text.endswith(
        "next: zbatch run specs/month-end.yaml --tenant production --state-dir state   settles what"
        " was in flight, and goes on\n"
    )


def test_a_run_that_is_gone_is_gone_on_with_once(running: Status, story: Any) -> None:
    """Where a later run of its spec has begun since, that one tells what is left."""
    later = replace(running.run, run_id="20261130T202100Z-0001")
    gone = replace(running, state=Life.GONE)
    *_, line = one_run(gone, story.now, Path.cwd(), Called(state_dir=Path("state")), later=later)
    assert line.plain == (
        f"next: zbatch status {later.run_id} --state-dir state   a later run of it has gone on"
    )


NOTHING = {"tenant": None, "period": None, "rate": None, "concurrency": None, "document": None}
DIGEST = "d" * 64


@pytest.mark.parametrize(
    ("record", "command"),
    [
        ({"given": NOTHING}, "zbatch run specs/month-end.yaml   settles"),
        (
            {"given": NOTHING | {"tenant": "emulator", "period": "2026-11", "retry_failed": True}},
            "zbatch run specs/month-end.yaml --period 2026-11 --tenant emulator --retry-failed  ",
        ),
        (
            {"given": NOTHING | {"rate": "5/s", "concurrency": 4}, "approved_digest": DIGEST},
            f"zbatch run specs/month-end.yaml --concurrency 4 --rate 5/s --plan-digest {DIGEST}  ",
        ),
        (
            {"given": NOTHING | {"document": "plans/p.json"}, "approved_digest": DIGEST},
            "zbatch run plans/p.json   settles",
        ),
        (
            {"given": NOTHING | {"document": "gone.json"}, "approved_digest": DIGEST},
            "the same command again, with the plan or the digest that it was held to   settles",
        ),
        (
            {"approved_digest": DIGEST},
            "the same command again, with the plan or the digest that it was held to   settles",
        ),
        (
            {"verb": "reconcile", "spec": {"name": "reconcile", "file": ""}, "given": NOTHING},
            "zbatch reconcile --tenant production   settles",
        ),
        (
            {"verb": "reconcile", "given": NOTHING | {"tenant": "emulator"}},
            "zbatch reconcile specs/month-end.yaml --tenant emulator   settles",
        ),
        (
            {"spec": {"name": "month-end", "file": "month-end.yaml", "period": "2026-11"}},
            "zbatch run month-end.yaml --period 2026-11 --tenant production   settles",
        ),
        ({"spec": 7, "tenant": 7}, "zbatch run SPEC   settles"),
    ],
)
def test_the_next_step_is_the_command_that_was_given(
    record: dict[str, Any], command: str, running: Status, story: Any, tmp_path: Path
) -> None:
    """Another tenant, another month or no approval would bill what nobody meant to be billed.

    The record of an older version does not tell what was given, but where was billed.
    """
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "p.json").touch()
    run = replace(running.run, record={**running.run.record, **record})
    run = replace(run, folder=tmp_path / run.folder)
    gone = replace(running, run=run, state=Life.GONE)
    *_, line = one_run(gone, story.now, tmp_path, Called(), tmp_path)
    assert line.plain.startswith(f"next: {command}")


def test_the_next_step_names_the_spec_from_here(
    running: Status, story: Any, tmp_path: Path
) -> None:
    """From another folder than it was run in, what was typed there is another spec, or none."""
    spec = {"name": "eu-books", "file": "month-end.yaml", "path": "specs/eu/month-end.yaml"}
    run = replace(running.run, record={**running.run.record, "spec": spec, "given": NOTHING})
    run = replace(run, folder=tmp_path / run.folder)
    gone = replace(running, run=run, state=Life.GONE)

    def named(here: Path) -> str:
        *_, line = one_run(gone, story.now, here, Called(), tmp_path)
        return line.plain

    assert "next: zbatch run month-end.yaml   settles" in named(tmp_path)  # it is not there now
    (tmp_path / "month-end.yaml").touch()
    assert "next: zbatch run SPEC   settles" in named(tmp_path)  # and this is another one
    path = tmp_path / "specs" / "eu" / "month-end.yaml"
    path.parent.mkdir(parents=True)
    path.touch()
    assert "next: zbatch run specs/eu/month-end.yaml   settles" in named(tmp_path)
    assert "next: zbatch run month-end.yaml   settles" in named(path.parent)
    assert f"next: zbatch run {path}   settles" in named(tmp_path / "elsewhere")
    path.rename(path.with_name("my  k.yaml"))
    spec["path"] = "specs/eu/my  k.yaml"
    assert "next: zbatch run 'specs/eu/my  k.yaml'   settles" in named(tmp_path)


def test_nobody_is_sent_into_a_project_that_is_gone(
    running: Status, story: Any, tmp_path: Path
) -> None:
    """A reconciliation of a whole ledger is for the project of the folder that it is called in."""
    record = {**running.run.record, "verb": "reconcile", "spec": {"file": ""}}
    for there, told in (
        ("", f"cd {tmp_path} && zbatch reconcile --tenant production"),
        ("gone", "the same command again, in its own project"),
    ):
        given = NOTHING | {"project": f"../{there}"}
        run = PastRun(RUN, tmp_path / ".zbatch" / "runs" / RUN, record | {"given": given})
        gone = replace(running, run=run, state=Life.GONE)
        *_, line = one_run(gone, story.now, Path.cwd(), Called(), Path.cwd())
        assert line.plain.startswith(f"next: {told}")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (0, "exit 0, everything settled"),
        (1, "exit 1, some items failed"),
        (3, "exit 3, an outcome is unknown"),
        (130, "exit 130, interrupted"),
        (99, "exit 99"),
        (None, "it came to nothing"),
    ],
)
def test_a_run_that_is_over_says_how_it_ended(
    code: int | None, told: str, running: Status, story: Any
) -> None:
    """By its exit code and what that means; nothing of in-flight calls any more."""
    text = text_of(replace(running, state=Life.ENDED, figures=ENDED, exit_code=code), story)
    assert f"· ended after 2 min 39 s: {told}\n" in text
    assert "in flight" not in text
    assert "next" not in text


def test_exit_1_without_failures_is_said_to_be_a_second_invoice(
    running: Status, story: Any
) -> None:
    """What failed was not billed; where nothing has, something was seen twice."""
    all_well = replace(ENDED, counts={Outcome.INVOICED: 412})
    ended = replace(running, state=Life.ENDED, figures=all_well, exit_code=1)
    said = ": exit 1, an item may be billed twice: zbatch verify tells which\n"
    assert said in text_of(ended, story)


def test_exit_4_of_a_run_that_nothing_stopped_is_no_stop(running: Status, story: Any) -> None:
    """Items wait for something else; a reconciliation leaves to a run what it has disproved."""
    ended = replace(running, state=Life.ENDED, figures=ENDED, exit_code=4)
    assert ": exit 4, stopped early\n" in text_of(ended, story)  # its record tells no reason
    for verb, stop, said in (
        ("run", "interrupted by SIGINT", "stopped early"),
        ("run", None, "some items wait"),
        ("reconcile", None, "left to a run"),
    ):
        run = replace(running.run, record={**running.run.record, "verb": verb, "stop": stop})
        assert f": exit 4, {said}\n" in text_of(replace(ended, run=run), story)


def test_exit_0_of_a_reconciliation_is_only_that_nothing_is_in_doubt(
    running: Status, story: Any
) -> None:
    """What failed, or was never sent, is none of its items."""
    run = replace(running.run, record={**running.run.record, "verb": "reconcile"})
    ended = replace(running, state=Life.ENDED, figures=ENDED, exit_code=0, run=run)
    assert ": exit 0, nothing left in doubt\n" in text_of(ended, story)


def test_exit_3_of_a_disk_that_failed_is_said_to_be_that(running: Status, story: Any) -> None:
    """No item is told as unknown: what stopped the run says what may be so."""
    full = "the report cannot be written: No space left on device"
    told = f": exit 3, an outcome may be unknown: {full}\n"
    run = replace(running.run, record={**running.run.record, "stop": full})
    ended = replace(running, run=run, state=Life.ENDED, figures=ENDED, exit_code=3)
    assert told in text_of(ended, story)
    live = replace(ended, run=running.run, figures=replace(ENDED, stopping=full))
    assert told in text_of(live, story)
    doubt = replace(ended, figures=replace(ENDED, counts={Outcome.UNKNOWN: 1}))
    assert ": exit 3, an outcome is unknown\n" in text_of(doubt, story)
    assert ": exit 3, an outcome is unknown\n" in text_of(replace(doubt, run=running.run), story)


def test_a_run_that_broke_off_is_not_said_to_have_come_to_nothing(
    running: Status, story: Any
) -> None:
    """It has sent requests and has no exit code: what was in flight is to be settled."""
    sent = replace(running, state=Life.ENDED, figures=replace(ENDED, requests=1))
    text = text_of(sent, story)
    assert "· ended after 2 min 39 s: it broke off\n" in text
    assert "next: zbatch run specs/month-end.yaml --tenant production --state-dir state  " in text
    (line,) = table([sent], story.now)
    assert line.plain.endswith("  412/412  it broke off")


def test_every_exit_code_has_a_meaning() -> None:
    """But the one of a selection that matches nothing, with which no run begins."""
    from zbatch.cli.status_words import _MEANS

    assert set(_MEANS) == set(ExitCode) - {ExitCode.NO_MATCH}


def test_runs_stand_in_a_table(running: Status, story: Any) -> None:
    """A line each, the states under one another, what is serious said."""
    doubt = replace(ENDED, counts={Outcome.UNKNOWN: 2}, done=412)
    asked = replace(running.run, record={**running.run.record, "verb": "reconcile"})
    nameless = PastRun("x", Path("x"), {})
    statuses = [
        running,
        replace(running, state=Life.ENDED, figures=doubt, exit_code=3, run=asked),
        Status(nameless, Life.GONE),
    ]
    assert [line.plain for line in table(statuses, story.now)] == [
        f"{RUN}  production  month-end              running  412/1,249 32%"
        "  about 45 s left, until 20:15:47Z",
        f"{RUN}  production  month-end (reconcile)  ended    412/412"
        "  exit 3, an outcome is unknown  unknown 2",
        "x                      ?           ?                      GONE",
    ]
    assert list(table([], story.now)) == []
