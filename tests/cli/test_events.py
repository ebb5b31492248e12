"""What a run tells other programs: events on standard output, and the log."""

from __future__ import annotations

import io
import json
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from zbatch.cli import main
from zbatch.cli.called import Verb
from zbatch.cli.drain import Drain
from zbatch.cli.event_json import logged, told
from zbatch.cli.event_stream import EventStream
from zbatch.cli.log_file import LogFile
from zbatch.cli.paper import Paper, console_for
from zbatch.cli.quiet import Quiet
from zbatch.engine.events import (
    Answered,
    Event,
    Gated,
    Hold,
    InFlight,
    Leaving,
    Limited,
    Paced,
    Resolving,
    Retrying,
    Settled,
    Stopping,
)
from zbatch.engine.pacing import Bound
from zbatch.errors import CannotStart, Refused, ReportFailure
from zbatch.model import Attempt, ExitCode, Outcome, Problem
from zbatch.spec.schema import schema_text

ROOT = Path(__file__).parents[2]
NO = Problem("INVALID_VALUE", "a text of the server: s3rv3r-t3xt")


def validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema_text(kind)))


def lines_of(text: str) -> list[dict[str, Any]]:
    """Read events, each of which the schema knows, and each item as its report line."""
    events, items = validator("events"), validator("report")
    assert text.endswith("\n")
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        events.validate(line)
        if line["event"] == "settled":
            items.validate(line["item"])
    return lines


@pytest.fixture
def every(story: Any) -> list[Event]:
    """Give an event of each kind, all waits among them."""
    item = story.item(7)
    attempt = Attempt(2, story.now, "track-2")
    over = replace(attempt, http_status=200, request_id="r-1", answer="rows", problem=NO)
    holds: list[Event] = [Gated("no", 1.5, hold) for hold in Hold]
    paces: list[Event] = [Paced(2.5, bound) for bound in Bound]
    settled: list[Event] = [Settled(story.record(o, 1, NO)) for o in Outcome]
    return [
        Resolving(3),
        InFlight(1, 5),
        Leaving((item,), "zb1-x", attempt),
        Answered((item,), "zb1-x", replace(over, finished_at=story.now), "again after gate"),
        Answered((item,), "zb1-x", over, "failed"),
        Limited("s3rv3r-t3xt"),
        Retrying((item,), "s3rv3r-t3xt", 1.5),
        Stopping("s3rv3r-t3xt", 2, "a hint"),
        *holds,
        *paces,
        *settled,
    ]


def test_every_event_is_one_that_the_schema_knows(story: Any, every: list[Event]) -> None:
    """From the header to the end, and nothing of single calls, which are for the log."""
    stream = io.StringIO()
    with EventStream(Verb.RUN, stream) as out:
        header = story.header(40, 4)
        out.started(header)
        for event in every:
            header.live.take(event)
            out.event(event)
        out._told_at -= 10  # as if a second had passed
        out.event(InFlight(1, 5))
        out.finished(story.result([story.record(Outcome.FAILED, 1, NO)], ExitCode.FAILURES))
    lines = lines_of(stream.getvalue())
    kinds = json.loads(schema_text("events"))["oneOf"]
    known = {one["properties"]["event"]["const"] for one in kinds}
    assert {line["event"] for line in lines} == known - {"refused"}
    assert lines[0]["event"] == "header"
    assert lines[0]["version"] == 1
    assert lines[-1]["event"] == "finished"
    assert lines[-1]["record"] is None, "there is none in this story"


def test_a_command_that_comes_to_nothing_says_so_as_an_event() -> None:
    """The message and the exit code are those that people get."""
    stream = io.StringIO()
    with pytest.raises(CannotStart), EventStream(Verb.RECONCILE, stream):
        raise CannotStart("another run holds the lock")
    assert [line["event"] for line in lines_of(stream.getvalue())] == ["header", "refused"]
    assert lines_of(stream.getvalue())[-1]["exit_code"] == 6


def test_a_full_disk_behind_standard_output_is_told_at_the_end(story: Any) -> None:
    """The run is not harmed by it, but what was asked for is not there."""

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise ReportFailure("cannot write to standard output: No space left on device")

    out = EventStream(Verb.RUN, Full())
    out.started(story.header(40, 4))
    out.finished(story.result([], ExitCode.OK))
    with pytest.raises(ReportFailure):
        out.__exit__(None, None, None)


def test_who_reads_slowly_holds_nobody_up() -> None:
    """What is put is written in its order by somebody else, however long that takes."""
    may, written = threading.Event(), []

    def write(data: bytes) -> None:
        assert may.wait(20)
        written.append(data)

    drain = Drain[int](lambda value: f"{value}\n".encode(), write)
    for value in range(100):
        drain.put(value)
    assert not drain.end(0.0)
    may.set()
    assert drain.end(20)
    assert b"".join(written).split() == [f"{value}".encode() for value in range(100)]


# The log


def logging(path: Path, story: Any, events: list[Event]) -> tuple[list[dict[str, Any]], str]:
    """Log a story; give the lines, and what was said on the screen."""
    stream = io.StringIO()
    with Quiet(Paper(console_for(stream, {}))) as screen, LogFile(path, screen) as log:
        log.started(story.header(40, 4))
        for event in events:
            log.event(event)
        log.finished(story.result([story.record(Outcome.FAILED, 1, NO)], ExitCode.FAILURES))
    text = path.read_text("utf-8") if path.is_file() else ""
    return [json.loads(line) for line in text.splitlines()], stream.getvalue()


def test_the_log_follows_each_call(story: Any, every: list[Event], tmp_path: Path) -> None:
    """By key, track ID and request ID; with what came of it and how long it took."""
    path = tmp_path / "log.jsonl"
    lines, said = logging(path, story, every)
    assert said == ""
    assert path.stat().st_mode & 0o777 == 0o600
    assert {line["run_id"] for line in lines} == {story.header(1).run_id}
    kinds = [line["event"] for line in lines]
    assert (kinds[0], kinds[-1]) == ("started", "finished")
    assert len(lines) == 1 + len(every) - 1 + 1, "all but the mere count of what is in flight"
    leaving, answered = lines[kinds.index("leaving")], lines[kinds.index("answered")]
    for line in (leaving, answered):
        assert (line["key"], line["track_id"], line["attempt"]) == ("zb1-x", "track-2", 2)
        assert line["items"][0]["account_id"] == story.item(7).identity.account_id
    assert (answered["request_id"], answered["status"]) == ("r-1", 200)
    assert (answered["verdict"], answered["code"]) == ("again after gate", "INVALID_VALUE")
    assert answered["duration_ms"] == 0
    assert lines[kinds.index("retrying")]["wait_ms"] == 1500


def test_the_log_has_no_text_of_a_server(story: Any, every: list[Event], tmp_path: Path) -> None:
    """Messages stand in the report; a log is copied to more places."""
    path = tmp_path / "log.jsonl"
    logging(path, story, every)
    assert "s3rv3r-t3xt" not in path.read_text("utf-8")


def test_the_log_is_appended_to(story: Any, tmp_path: Path) -> None:
    """A second run goes on behind the first."""
    path = tmp_path / "log.jsonl"
    for count in (2, 4):
        lines, _ = logging(path, story, [])
        assert len(lines) == count


def test_a_log_on_a_full_disk_is_told_and_harms_nobody(story: Any, every: list[Event]) -> None:
    """It is said once that the log ends, and the run goes on."""
    _, said = logging(Path("/dev/full"), story, every * 50)
    assert said == (
        "the log /dev/full ends here: No space left on device; the run goes on without it\n"
    )


def test_a_log_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    """Before anything is sent, by its path and the reason."""
    with pytest.raises(Refused, match=r"log\.jsonl: No such file or directory; nothing was sent"):
        LogFile(tmp_path / "missing" / "log.jsonl", Quiet(Paper(console_for(io.StringIO(), {}))))


@pytest.mark.parametrize("content", [b"version: 1\n", b"SQLite format 3\0"])
def test_a_log_is_appended_to_no_spec_and_no_ledger(tmp_path: Path, content: bytes) -> None:
    """A file in which something else stands stays as it is; one that a run has begun goes on."""
    path = tmp_path / "month-end.yaml"
    path.write_bytes(content)
    screen = Quiet(Paper(console_for(io.StringIO(), {})))
    with pytest.raises(Refused, match="is no log"):
        LogFile(path, screen)
    assert path.read_bytes() == content
    for begun in (b"", b'{"at":"2026-11-30"}\n'):
        path.write_bytes(begun)
        with LogFile(path, screen):
            pass
        assert path.read_bytes() == begun


def test_a_log_whose_disk_hangs_does_not_hold_the_end_up(
    story: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a moment it is said, and the process ends."""
    monkeypatch.setattr("zbatch.cli.log_file.PATIENCE", 0.02)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    events: list[Event] = [Leaving((story.item(7),), "k" * 500, Attempt(1, story.now, "t"))]
    _, said = logging(path, story, events * 500)
    assert "ends here: the disk does not answer" in said
    os.close(reader)


# Both, of a whole run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("specs", "emulator"):
        ignored = shutil.ignore_patterns("rehearsals")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    shutil.copy(ROOT / "tenants.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_run_tells_all_of_it(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The events on standard output, the log beside them, people on standard error."""
    words = ["run", "specs/with-failures.yaml", "--json", "--log-file", "log.jsonl"]
    assert main(words) == 1
    out, err = capfd.readouterr()
    lines = lines_of(out)
    assert sum(line["event"] == "settled" for line in lines) == 5
    end = lines[-1]
    record = json.loads((Path(end["report"]).with_name("run.json")).read_text("utf-8"))
    assert (end["exit_code"], end["record"]) == (1, record)
    assert lines[-2]["figures"]["done"] == 5
    assert err.splitlines()[-1].endswith("(exit 1)")
    log = [json.loads(line) for line in (project / "log.jsonl").read_text().splitlines()]
    assert sum(line["event"] == "answered" for line in log) == 5


def test_a_refusal_is_an_event_too(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A program that reads events needs no other source for why nothing came of it."""
    assert main(["reconcile", "missing.yaml", "--json"]) == 2
    out, err = capfd.readouterr()
    why = "the file cannot be read: No such file or directory"
    assert why in err
    assert why in lines_of(out)[-1]["message"]
    assert told(InFlight(1, 5)) is logged(InFlight(1, 5)) is None
