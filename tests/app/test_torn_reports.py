"""Reports that are not what their runs wrote: cut off at the end, taken away, or changed since."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from support.mishaps import DROP_AFTER
from support.runs import Away, Project, Watch
from zbatch.app.api import RunOptions
from zbatch.app.reporting import explain, past_run
from zbatch.app.run import run
from zbatch.emulator import Scheduled
from zbatch.engine.events import Answered, Event
from zbatch.errors import CannotStart
from zbatch.report.digest import NOT_WHOLE, digest_of
from zbatch.report.junit import junit
from zbatch.report.page import page
from zbatch.report.page_parts import header

Start = Callable[..., Away]


def test_f95_a_report_cut_at_any_byte(project: Project) -> None:
    """F95, L11: a torn report is never continued, and that of the next run is whole."""
    spec = project.spec(1)
    told = project.run(spec)
    whole = told.result.report.read_bytes()
    record = json.loads(told.result.run_record.read_bytes())
    unended = {**record, "finished_at": None, "exit_code": None}
    told.result.run_record.write_text(json.dumps(unended), "utf-8")
    for length in range(0, len(whole), 7):
        told.result.report.write_bytes(whole[:length])
        again = project.run(spec)
        assert (again.code, again.result.sent, again.outcomes) == (0, 0, {"invoiced": 1})
        assert told.result.report.read_bytes() == whole[:length]


class Taker(Watch):
    """Takes the report of a run away once something is answered."""

    def __init__(self, project: Project) -> None:
        super().__init__()
        self._project = project

    def event(self, event: Event) -> None:
        super().event(event)
        if isinstance(event, Answered):
            (self._project.runs()[-1] / "report.jsonl").unlink(missing_ok=True)


def test_f99_a_run_whose_report_is_gone_is_no_good_one(project: Project) -> None:
    """F99: all is settled, and nobody could read it; the record says so."""
    spec = project.spec(1, 2)
    result = run(RunOptions(spec), Taker(project))
    assert (int(result.exit_code), result.totals.planned) == (3, 2)
    for told in (result.stop, json.loads(result.run_record.read_text("utf-8"))["stop"]):
        assert told is not None
        assert told.startswith(f"cannot write the report {result.report}: No such file")
    again = project.run(spec)
    assert (again.code, again.result.sent, again.outcomes) == (0, 0, {"invoiced": 2})


def _without_failures(lines: list[str]) -> list[str]:
    return [line for line in lines if '"failed"' not in line]


def _with_another_outcome(lines: list[str]) -> list[str]:
    return [line.replace('"failed"', '"nothing_to_bill"') for line in lines]


@pytest.mark.parametrize("change", [_without_failures, _with_another_outcome])
def test_a_report_that_was_changed_since_says_so(
    project: Project, change: Callable[[list[str]], list[str]]
) -> None:
    """Its lines do not come to the totals of the run: page, Markdown and JUnit are no good news."""
    project.book(a2="Canceled,due,1,0s")
    told = project.run(project.spec(1, 2, 3))
    past = past_run(told.result.run_id, project.root, None)
    assert not digest_of(past.head, past.lines()).verdict.startswith(NOT_WHOLE)
    lines = told.result.report.read_text("utf-8").splitlines(keepends=True)
    told.result.report.write_text("".join(change(lines)), "utf-8")
    past = past_run(told.result.run_id, project.root, None)
    said = digest_of(past.head, past.lines()).verdict
    assert said == f"{NOT_WHOLE} The run itself: Some items failed; none of them was billed."
    text = "".join(page(past.head, past.lines, past.sends(), past.beside()))
    assert '<header class="doubt">' in text
    assert '<error type="RUN"' in "".join(junit(past.head, past.counts, past.lines(), explain))


def test_what_is_in_doubt_beyond_a_spec_is_named_by_the_report(
    project: Project, tenant: Start
) -> None:
    """R14: none of its lines is unknown, and the run has ended with 3."""
    tenant(faults=(Scheduled(DROP_AFTER, at=1),))
    first = project.run(project.spec(1, tenant="real", retry={"max_attempts": 1}))
    told = project.run(project.spec(2, tenant="real", name="other"))
    assert (first.code, told.code, told.outcomes) == (3, 3, {"invoiced": 1})
    past = past_run(told.result.run_id, project.root, None)
    stray = f"in doubt, and not in this spec: {first.line(1)['account_id']} 2026-11-30"
    assert past.head.stop is not None
    assert past.head.stop.startswith(stray)
    text = "".join(junit(past.head, past.counts, past.lines(), explain))
    assert f"exit 3: {stray}" in text
    shown = header(past.head, digest_of(past.head, past.lines()))
    assert f"Not as planned: {stray}" in shown, "nothing has stopped it"


def test_a_run_that_the_ledger_did_not_take_is_none(project: Project, tmp_path: Path) -> None:
    """Somebody has it open in another program: no run is found, and no copy is in the way."""
    spec, copy = project.spec(1), tmp_path / "copy.jsonl"
    told = project.run(spec)
    ledger = project.state / told.result.plan.tenant.folder / "ledger.sqlite3"
    with closing(sqlite3.connect(ledger, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CannotStart, match="database is locked; nothing was sent"):
            run(RunOptions(spec, report=copy), Watch())
    assert not copy.exists()
    assert past_run(str(spec), project.root, None).run.run_id == told.result.run_id
    assert project.run(spec, report=copy).code == 0
