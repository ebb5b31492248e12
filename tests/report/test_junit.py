"""JUnit: a run is green if all of it is well, and never because something is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from support import told
from zbatch.app.reporting import explain
from zbatch.app.state import State
from zbatch.model import Outcome
from zbatch.report.junit import junit
from zbatch.report.lines import Line


def suite_of(
    folder: Path, lines: Sequence[Line], kept: Sequence[Line] | None = None, **fields: Any
) -> ElementTree.Element:
    head = told.head_of(told.keep(State(folder), lines, **fields))
    there = lines if kept is None else kept
    text = "".join(junit(head, Counter(one.outcome for one in there), there, explain))
    root = ElementTree.fromstring(text.encode())  # noqa: S314 - what was written just now
    (suite,) = root
    assert root.attrib == {name: suite.attrib[name] for name in root.attrib}
    return suite


def test_each_outcome_is_told_as_what_it_is(tmp_path: Path) -> None:
    """Failed is a failure, in doubt an error, not attempted skipped, all else has passed."""
    lines = [told.line(number, outcome) for number, outcome in enumerate(Outcome, 1)]
    suite = suite_of(tmp_path, lines)
    whole, *cases = suite
    assert [[child.tag for child in case] for case in cases] == [
        [], [], [], ["failure"], ["error"], ["skipped"],
    ]  # fmt: skip
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("7", "1", "1")
    assert suite.get("errors") == "2"  # the item, and the run that ended with 3
    assert whole[0].get("message") == "exit 3: the report names why"
    failure = cases[3][0]
    assert failure.get("message") == "INVALID_VALUE: The account is not active."
    assert "whoever looks after the account" in (failure.text or "")


@pytest.mark.parametrize("code", [0, 1])
def test_a_run_that_is_all_told_by_its_items_passes_itself(tmp_path: Path, code: int) -> None:
    """Exit 1 is the failures, which are there already."""
    suite = suite_of(tmp_path, [told.line()], exit_code=code)
    assert (suite.get("errors"), len(suite[0])) == ("0", 0)


def test_lines_that_do_not_come_to_the_totals_are_not_green(tmp_path: Path) -> None:
    """Somebody has changed the report since."""
    wrote = [told.line(1), told.line(2, Outcome.FAILED)]
    suite = suite_of(tmp_path, wrote, [wrote[0], told.line(2)])
    assert (suite.get("errors"), suite.get("failures")) == ("1", "0")
    why = "the lines of the report do not come to the totals in run.json"
    assert suite[0][0].get("message") == why


def test_a_run_that_saw_a_second_invoice_is_not_green(tmp_path: Path) -> None:
    """No item of it has failed, so the run itself says it."""
    suite = suite_of(tmp_path, [told.line()], exit_code=1, read_back=told.SEEN)
    assert (suite.get("errors"), suite.get("failures")) == ("1", "0")
    assert suite[0][0].get("message") == "exit 1: an item may be billed twice"


def test_what_a_run_has_seen_of_its_invoices_is_told_of_the_run(tmp_path: Path) -> None:
    """It changes no outcome, so the case passes, and says what a person should look at."""
    suite = suite_of(tmp_path, [told.line()], read_back=told.SEEN)
    assert suite.get("errors") == "0"
    (seen,) = suite[0]
    assert (seen.tag, (seen.text or "").startswith(told.SEEN_SAID)) == ("system-out", True)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"exit_code": None}, "the run is not over: 1 of 2 items have no outcome"),
        ({"exit_code": 4, "stop": "the deadline"}, "exit 4: the deadline"),
        ({"exit_code": 130}, "exit 130"),
        ({"exit_code": 0}, "the report has 1 lines of 2 planned"),
    ],
)
def test_what_is_missing_is_an_error(tmp_path: Path, fields: dict[str, Any], why: str) -> None:
    """A killed run must not look like a good one."""
    lines = [told.line(1), told.line(2)]
    suite = suite_of(tmp_path, lines, lines[:1], **fields)
    assert suite.get("errors") == "1"
    assert why in (suite[0][0].get("message") or "")


def test_it_is_xml_whatever_the_tenant_says(tmp_path: Path) -> None:
    """Also with characters that XML forbids, and with markup."""
    lines = [*told.hostile_lines(), told.line(99, Outcome.FAILED, error=None, revision=2)]
    suite = suite_of(tmp_path, lines, spec={**told.record([])["spec"], "name": "<&\0'\"\ud800"})
    assert len(suite) == len(lines) + 1
    assert "revision 2" in (suite[-1].get("name") or "")
