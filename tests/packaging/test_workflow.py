"""The GitHub workflow of the documentation: what it must never be without."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from support.workflow import read_workflow, starts

FILE = Path(__file__).parents[2] / "docs/examples/zbatch.yml"


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    """Read the workflow."""
    return read_workflow(FILE)


@pytest.mark.parametrize(
    "changed",
    [
        "specs/may.yaml",
        "specs/emea/may.yaml",
        "tenants.yaml",
        "specs/emea.csv",
        "emea.csv",
        "accounts/list.csv",
        "accounts/emea/list.csv",
        "accounts/LIST.CSV",
    ],
)
def test_what_changes_who_is_billed_starts_a_plan(workflow: dict[str, Any], changed: str) -> None:
    """A spec, the tenants, and an account file wherever it lies: each starts a plan alone."""
    assert starts(workflow, changed)
    assert not starts(workflow, f"docs/{changed}.md")


def test_runs_of_a_tenant_stand_in_one_line(workflow: dict[str, Any]) -> None:
    """One group, named by the tenant, and no run is cancelled in favour of a later one."""
    run = workflow["jobs"]["run"]
    assert run["concurrency"] == {"group": "zbatch-production", "cancel-in-progress": "false"}
    assert run["environment"] == run["env"]["TENANT"] == "production"
    assert run["needs"] == "plan"
    minutes = {step.get("name"): step.get("timeout-minutes") for step in run["steps"]}
    assert int(minutes["Run"]) < int(run["timeout-minutes"])


def test_what_was_done_is_saved_whatever_happened(workflow: dict[str, Any]) -> None:
    """The ledger is saved, and copied to an artifact, after success, failure and cancellation."""
    names = [step.get("name") for step in workflow["jobs"]["run"]["steps"]]
    after = workflow["jobs"]["run"]["steps"][names.index("Run") + 1 :]
    assert [step["name"] for step in after] == ["Save the ledger", "Upload ledger and reports"]
    assert all(step["if"].startswith("always() && ") for step in after)
    assert after[1]["with"]["include-hidden-files"] == "true"


def test_no_more_rights_than_needed(workflow: dict[str, Any]) -> None:
    """No right is given to all jobs; only the job behind approval may write, and has secrets."""
    assert workflow["permissions"] == {}
    rights = {name: job["permissions"] for name, job in workflow["jobs"].items()}
    assert rights == {
        "review": {"contents": "read", "pull-requests": "write"},
        "plan": {"contents": "read"},
        "run": {"contents": "write"},
    }
    secrets = {name for name, job in workflow["jobs"].items() if "secrets." in str(job)}
    assert secrets == {"run"}


def test_no_foreign_text_becomes_script(workflow: dict[str, Any]) -> None:
    """Steps get what somebody typed as variables; actions are GitHub's own, at a version."""
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert [step for step in steps if "${{" in step.get("run", "")] == []
    used = {step["uses"] for step in steps if "uses" in step}
    assert all(re.fullmatch(r"actions/[a-z-]+@v[1-9][0-9]*", name) for name in used)
