"""What a run leaves whose end came in the middle of a line."""

from __future__ import annotations

import json

from support.runs import Project


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
