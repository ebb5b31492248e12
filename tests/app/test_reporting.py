"""A real run is told again from what it left behind."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from support.accounts import account
from support.runs import Project
from zbatch.app.reporting import past_run
from zbatch.cli.report_markdown import report_markdown
from zbatch.errors import CannotStart
from zbatch.model import Outcome
from zbatch.report.digest import digest_of
from zbatch.report.page import page


def test_a_run_is_told_from_report_record_and_ledger(project: Project) -> None:
    """By its spec or its ID, with every send that the ledger holds of it."""
    project.book(a2="Canceled,due,1,0s")
    spec = project.spec(1, 2, 3)
    told = project.run(spec)
    past = past_run(str(spec), Path("/"), None)
    assert past.run.run_id == told.result.run_id
    assert past.counts == {Outcome.INVOICED: 2, Outcome.FAILED: 1}
    assert [one.account_id for one in past.lines()] == [one["account_id"] for one in told.lines]
    assert len(past.sends()) == told.result.sent
    text = "".join(page(past.head, past.lines, past.sends(), past.beside()))
    assert re.search("3 calls, at most 3 a second, under a limit of 50000/min", text)
    assert past_run(told.result.run_id[-4:], project.root, None).head == past.head


def test_without_its_ledger_a_run_is_told_all_the_same(project: Project) -> None:
    """Only the pictures of its sends are missing."""
    spec = project.spec(1)
    told = project.run(spec)
    past = past_run("latest", project.root, None)
    ledger = past.tenant_folder / "ledger.sqlite3"
    ledger.write_bytes(b"not a ledger")
    assert past.sends() == ()
    shutil.rmtree(past.tenant_folder)
    assert past.sends() == ()
    told.result.report.unlink()
    with pytest.raises(CannotStart, match=r"cannot be reported: the report .* cannot be read"):
        list(past.lines())


def test_what_was_settled_since_is_told(project: Project) -> None:
    """Failed then, invoiced by a later run: page and Markdown say so, beside what was."""
    project.book(a2="Canceled,due,1,0s")
    spec = project.spec(1, 2, 3)
    first = project.run(spec).result
    past = past_run(first.run_id, project.root, None)
    assert past.changes() == ()
    project.book(a2="Active,due,1,0s")
    later = project.run(spec, retry_failed=True).result
    (change,) = past.changes()
    assert (change.was, change.now, change.count) == (Outcome.FAILED, Outcome.INVOICED, 1)
    assert (change.accounts, change.runs) == ((account(2),), (later.run_id,))
    text = "".join(page(past.head, past.lines, (), past.beside()))
    assert f"by run <code>{later.run_id}</code>: <code>{account(2)}</code>" in text
    digest = digest_of(past.head, past.lines())
    summary = report_markdown(past.head, digest, past.lines, past.beside())
    said = "".join(summary)
    assert "Since then all that needed a look has been settled: see below." in said
    assert f"- 1 failed then, now invoiced, by run `{later.run_id}`: `{account(2)}`" in said
    (past.tenant_folder / "ledger.sqlite3").write_bytes(b"not a ledger")
    assert past.changes() == ()
