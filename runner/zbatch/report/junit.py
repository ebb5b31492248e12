"""A run as JUnit XML: a failed item is a failure, one in doubt an error, one not sent skipped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from xml.sax.saxutils import escape, quoteattr

from zbatch.model import ExitCode, Outcome
from zbatch.report.differences import read_back_text
from zbatch.report.digest import is_whole
from zbatch.report.kept import RunHead
from zbatch.report.lines import Line
from zbatch.report.reasons import Explain
from zbatch.zuora.text import one_line

_LIMIT = 2000
_ELEMENTS = {
    Outcome.FAILED: "failure",
    Outcome.UNKNOWN: "error",
    Outcome.NOT_ATTEMPTED: "skipped",
}
# The failures of a run are those of its items; all else that a run ends with is told of itself.
_TOLD_BY_ITEMS = (ExitCode.OK, ExitCode.FAILURES)


def junit(
    head: RunHead, counts: Mapping[Outcome, int], lines: Iterable[Line], explain: Explain
) -> Iterator[str]:
    """Write a run piece by piece; `counts` are those of its lines.

    One test case more stands for the run as a whole: a run that is not over, or that ended for a
    reason of its own, is never green.
    """
    whole = _of_the_whole(head, counts)
    figures = {
        "tests": sum(counts.values()) + 1,
        "failures": counts.get(Outcome.FAILED, 0),
        "errors": counts.get(Outcome.UNKNOWN, 0) + bool(whole),
        "skipped": counts.get(Outcome.NOT_ATTEMPTED, 0),
    }
    said = " ".join(f'{name}="{number}"' for name, number in figures.items())
    name = f'name={_attribute(head.spec_name)} timestamp="{head.started_at:%Y-%m-%dT%H:%M:%S}"'
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f"<testsuites {said}>\n<testsuite {name} {said}>\n"
    suite = f"classname={_attribute(head.spec_name)}"
    took = f'time="{_took(head):.3f}"'
    seen = read_back_text(head.read_back)
    whole += f"<system-out>{escape(seen)}</system-out>" if seen else ""
    yield f'<testcase {suite} name="the run as a whole" {took}>{whole}</testcase>\n'
    for line in lines:
        yield f"<testcase {suite} {_case(line)}>{_told(line, explain)}</testcase>\n"
    yield "</testsuite>\n</testsuites>\n"


def _of_the_whole(head: RunHead, counts: Mapping[Outcome, int]) -> str:
    told = sum(counts.values())
    if head.exit_code is None:
        why = f"the run is not over: {head.planned - told} of {head.planned} items have no outcome"
    elif head.exit_code not in _TOLD_BY_ITEMS:
        why = f"exit {head.exit_code}: {head.stop or 'the report names why'}"
    elif told != head.planned:
        why = f"the report has {told} lines of {head.planned} planned"
    elif not is_whole(head, counts):
        why = "the lines of the report do not come to the totals in run.json"
    elif head.exit_code == ExitCode.FAILURES and head.read_back and head.read_back.duplicates:
        why = f"exit {head.exit_code}: an item may be billed twice"
    else:
        return ""
    return f'<error type="RUN" message={_attribute(why)}/>'


def _case(line: Line) -> str:
    again = f" revision {line.revision}" if line.revision > 1 else ""
    number = f" ({line.account_number})" if line.account_number else ""
    name = f"{line.account_id}{number} {line.target_date}{again}"
    return f'name={_attribute(name)} time="{(line.duration_ms or 0) / 1000:.3f}"'


def _told(line: Line, explain: Explain) -> str:
    element = _ELEMENTS.get(line.outcome)
    if element is None or line.error is None:
        return f"<{element}/>" if element else ""
    reason = explain(line.error.code)
    said = f"{reason.meaning} To be mended by {reason.mender or 'nobody'}." if reason else ""
    ids = f"request {line.request_id}, key {line.idempotency_key}" if line.attempts else "not sent"
    text = escape(one_line(f"{said} {line.file}:{line.line}; {ids}".strip(), _LIMIT))
    message = _attribute(f"{line.error.code}: {line.error.message}")
    return f"<{element} type={_attribute(line.error.code)} message={message}>{text}</{element}>"


def _took(head: RunHead) -> float:
    end = head.finished_at or head.started_at
    return max(0.0, (end - head.started_at).total_seconds())


def _attribute(text: str) -> str:
    """Quote a text so that it is XML, whatever it holds: one line has no character XML forbids."""
    return quoteattr(one_line(text, _LIMIT))
