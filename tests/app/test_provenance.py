"""What a run record says of where its spec is from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from support.accounts import account
from support.repository import git
from support.runs import Project, Told
from zbatch.app.runs import find_run
from zbatch.app.state import State


def recorded(told: Told) -> dict[str, object]:
    record: dict[str, object] = json.loads(told.result.run_record.read_text("utf-8"))
    return record


def test_the_commit_is_recorded_and_whether_it_holds_what_is_billed_by(project: Project) -> None:
    """A spec, a list or a tenants file that was changed since is not as committed."""
    (project.root / "specs").mkdir()
    listed = project.root / "specs" / "list.csv"
    listed.write_text(f"account_id\n{account(1)}\n", "utf-8")
    spec = project.spec({"file": "list.csv"})
    assert recorded(project.run(spec))["git"] is None
    git(project.root, "init", "-q")
    assert recorded(project.run(spec))["git"] is None
    git(project.root, "add", "specs", "tenants.yaml", "book.csv")
    git(project.root, "commit", "-q", "-m", "x")
    head = git(project.root, "rev-parse", "HEAD")
    assert recorded(project.run(spec))["git"] == {"commit": head, "as_committed": True}
    listed.write_text(f"account_id\n{account(2)}\n", "utf-8")
    record = recorded(project.run(spec))
    assert record["git"] == {"commit": head, "as_committed": False}
    (files,) = record["spec"]["files"]  # type: ignore[index] # a JSON object
    assert (files["path"], files["rows"]) == ("list.csv", 1)


def test_a_spec_is_named_from_its_project(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record finds it again, from whichever folder it was run."""
    spec = project.spec(1)
    monkeypatch.chdir(spec.parent)
    record = recorded(project.run(Path(spec.name)))
    assert record["verb"] == "run"
    assert record["spec"]["path"] == "specs/month-end.yaml"  # type: ignore[index] # a JSON object


def test_a_run_is_found_by_where_its_spec_is(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another spec of the same name, run from its own folder, is another spec."""
    spec, state = project.spec(1), State(project.state)
    other = spec.parent / "eu" / spec.name
    other.parent.mkdir()
    shutil.copy(spec, other)
    first = project.run(spec).result
    monkeypatch.chdir(other.parent)
    second = project.run(Path(spec.name)).result
    monkeypatch.chdir(project.root)
    assert find_run(state, "specs/month-end.yaml").run_id == first.run_id
    assert find_run(state, "specs/eu/month-end.yaml").run_id == second.run_id


def test_a_reconciliation_is_no_run_of_a_spec(project: Project) -> None:
    """Its report is of what was in doubt alone, and is found by its ID."""
    spec = project.spec(1)
    run, asked = project.run(spec), project.reconcile(spec)
    state = State(project.state)
    assert recorded(asked)["verb"] == "reconcile"
    assert find_run(state, str(spec)).run_id == run.result.run_id
    assert find_run(state, asked.result.run_id).reconciles
    bare = recorded(project.reconcile())
    assert (bare["git"], bare["spec"]["path"]) == (None, None)  # type: ignore[index] # a JSON object
