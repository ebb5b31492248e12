"""Each planned item's line once, and the ledger's word after the disk refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from support.engine import item
from support.plans import NOON, a_plan, a_record
from zbatch.app.recorder import AT_ONCE, Recorder
from zbatch.errors import ReportFailure
from zbatch.model import Detail, Outcome
from zbatch.report.lines import to_line
from zbatch.report.writer import ReportWriter

RUN = "20261130T120000Z-7f3a"


class FullDisk(ReportWriter):
    """A report whose disk is full after so many lines, and stays so."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.lines: list[bytes] = []

    def write(self, line: bytes) -> None:
        if len(self.lines) >= self.room:
            raise ReportFailure("the disk is full")
        self.lines.append(line)

    def close(self) -> None:
        raise ReportFailure("the disk is still full")


def test_each_planned_item_is_written_once(tmp_path: Path) -> None:
    """A second word on an item, or one on an item that is not planned, adds no line."""
    plan = a_plan([item(1), item(2)])
    report = tmp_path / "report.jsonl"
    recorder = Recorder(ReportWriter.create(report), plan, RUN)
    recorder.add(a_record(item(1)))
    recorder.add(a_record(item(1), Outcome.FAILED))
    recorder.add_all([a_record(item(9)), a_record(item(2), Outcome.FAILED), a_record(item(2))])
    recorder.close()
    recorder.close()
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert [(line["account_id"], line["outcome"]) for line in lines] == [
        (item(1).identity.account_id, "invoiced"),
        (item(2).identity.account_id, "failed"),
    ]
    assert recorder.failure is None


def test_after_the_disk_refused_no_line_follows() -> None:
    """A report is never continued behind a gap; the first failure is the one that is told."""
    disk = FullDisk(room=1)
    recorder = Recorder(disk, a_plan([item(n) for n in range(4)]), RUN)
    recorder.add_all(a_record(item(n)) for n in range(3))
    disk.room = 9
    recorder.add(a_record(item(3)))
    recorder.close()
    assert len(disk.lines) == 1
    assert str(recorder.failure) == "the disk is full"


def test_several_lines_are_written_in_one_go() -> None:
    """Each item once, in their order, and nothing at all where each has its line."""
    disk = FullDisk(room=2)
    recorder = Recorder(disk, a_plan([item(n) for n in range(4)]), RUN)
    first, again = [a_record(item(n)) for n in (1, 0, 1, 9)], [a_record(item(n)) for n in (0, 2)]
    for some in (first, again, again, [a_record(item(3))]):
        recorder.add_at_once(some)
    assert disk.lines == [
        b"".join(to_line(a_record(item(n)), RUN) for n in (1, 0)),
        to_line(a_record(item(2)), RUN),
    ]
    assert str(recorder.failure) == "the disk is full"
    assert recorder.counted.summary(4).totals.counts == {Outcome.INVOICED: 4}


def test_many_lines_are_written_a_few_hundred_at_a_time() -> None:
    """What a wave has shown is some thousand items: their lines are not held all at once."""
    disk = FullDisk(room=3)
    records = [a_record(item(n)) for n in range(2 * AT_ONCE + 1)]
    Recorder(disk, a_plan([one.item for one in records]), RUN).add_at_once(records)
    assert [lines.count(b"\n") for lines in disk.lines] == [AT_ONCE, AT_ONCE, 1]
    assert b"".join(disk.lines) == b"".join(to_line(one, RUN) for one in records)


def test_a_disk_that_refuses_at_the_end_is_told() -> None:
    """What cannot be brought to the disk is a failed report."""
    recorder = Recorder(FullDisk(room=9), a_plan([item(1)]), RUN)
    recorder.add(a_record(item(1)))
    recorder.close()
    assert str(recorder.failure) == "the disk is still full"


def test_what_was_told_first_is_counted_though_the_disk_refused() -> None:
    """Each planned item once, as it was told: the totals of a run whose ledger fails at its end."""
    recorder = Recorder(FullDisk(room=1), a_plan([item(n) for n in range(3)]), RUN)
    failed = a_record(item(1), Outcome.FAILED)
    recorder.add_all([a_record(item(0)), failed, failed, a_record(item(1)), a_record(item(9))])
    assert recorder.failure is not None
    summary = recorder.counted.summary(3)
    assert summary.totals.counts == {Outcome.INVOICED: 1, Outcome.FAILED: 1}
    assert not summary.totals.add_up


def test_a_record_changes_in_what_it_is_given_alone() -> None:
    """All else stays, whichever fields a record has; one of an earlier run stays that run's."""
    record = a_record(item(1), http_status=200, attempts=2, track_id="t", finished_at=NOON)
    details = (Detail("a"), Detail("b"))
    assert record.of_run(RUN) == replace(record, run_id=RUN)
    assert record.of_run(RUN).of_run("later") == record.of_run(RUN)
    completed = record.of_run(RUN).with_invoices(("a", "b"), details)
    assert completed == replace(record, run_id=RUN, invoice_ids=("a", "b"), invoices=details)
