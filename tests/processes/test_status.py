"""A run seen from another process, while it lives and after it was killed."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from support.accounts import account
from support.processes import Client, Project, Tenant, book, intents, until
from zbatch.app import verify as verifying
from zbatch.app.subject import Known, known_of
from zbatch.app.verify import VerifyOptions, verify
from zbatch.spec.schema import schema_text

PLAN_JSON = ("--json", "--detailed-exitcode")
# The first is answered at once, the others take longer than anybody waits here.
SLOW = book({0: "0s", 1: "9s", 2: "9s", 3: "0s"})


def status(project: Project, *argv: str) -> str:
    """Ask for the status, and give what was printed."""
    client = project.start("status", *argv)
    assert client.wait() == 0, client.said
    return client.out.read_text("utf-8")


def told_by(project: Project, code: int, *argv: str) -> str:
    """Give all that a command says, which ends with this exit code."""
    client = project.start(*argv)
    assert client.wait() == code, client.said
    aside = "" if "--json" in argv else client.said
    return client.out.read_text("utf-8") + aside


def flat(text: str) -> str:
    """Take the lines of a text that is broken into some for one."""
    return " ".join(text.split())


def as_json(project: Project, *argv: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(status(project, *argv, "--json"))
    Draft202012Validator(json.loads(schema_text("status"))).validate(told)
    return told


def figures_of(project: Project) -> list[dict[str, Any]]:
    """Read the figures in the signs of life of all runs."""
    signs = project.folder.glob(".zbatch/runs/*/live.json")
    return [json.loads(path.read_text())["figures"] for path in signs]


def state_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Tell all files of a state folder but the signs of life, and whether they have changed."""
    found = {path: path.stat() for path in folder.rglob("*") if "live.json" not in path.name}
    return {str(path): (stat.st_mtime_ns, stat.st_size) for path, stat in found.items()}


def test_a_live_run_is_seen_without_being_touched_and_a_killed_one_is_gone(
    serve: Callable[..., Tenant], project_at: Callable[..., Project]
) -> None:
    """The same figures as on its screen; after kill -9 nobody is told that it still runs."""
    project = project_at(serve(book=SLOW))
    project.write(range(4), concurrency=2, timeout="90s")
    client = project.start("run", "spec.yaml")

    def waits() -> bool:
        return any(one["oldest"] and one["done"] == 1 for one in figures_of(project))

    until(waits, "two calls in flight")
    before = state_of(project.folder / ".zbatch")
    told = as_json(project, "spec.yaml")
    text = status(project, "latest")
    assert state_of(project.folder / ".zbatch") == before
    assert client.running
    assert told["state"] == "running"
    assert told["process"]["pid"] == client.pid
    figures = told["figures"]
    assert (figures["planned"], figures["done"], figures["in_flight"]) == (4, 1, 2)
    assert "  1/4  25%\n" in text.replace("   about", "\n")
    assert "in flight 2 of 2" in text
    assert "oldest in flight" in text

    client.kill()
    until(lambda: not client.running, "the end of the run")  # nobody has waited for it yet
    before = state_of(project.folder / ".zbatch")
    told = as_json(project, "spec.yaml")
    assert told["state"] == "gone"
    assert told["figures"]["outcomes"]["invoiced"] == 1
    text = status(project, "spec.yaml")
    assert f"GONE: process {client.pid} is not there any more" in text
    assert "2 requests in flight at the last sign of life" in text
    assert "next: zbatch run spec.yaml   settles what was in flight, and goes on" in text
    assert state_of(project.folder / ".zbatch") == before


def test_beside_a_live_run_its_calls_are_under_way_and_in_doubt_once_it_is_killed(
    serve: Callable[..., Tenant], project_at: Callable[..., Project]
) -> None:
    """Whoever looks meanwhile is told of no doubt that the run is about to settle by itself."""
    project = project_at(serve(book=SLOW))
    project.write(range(4), concurrency=2, timeout="90s")
    client = project.start("run", "spec.yaml")

    def waits() -> bool:
        return intents(project) == 3 and any(one["done"] == 1 for one in figures_of(project))

    until(waits, "two calls in flight, and one that is ready")
    (run,) = (folder.name for folder in project.runs)
    at_work = f"run {run} is at work (process {client.pid})"

    shown = flat(told_by(project, 0, "plan", "spec.yaml"))
    assert f"3 under way: {at_work}, and these counts go on changing" in shown
    assert "UNKNOWN" not in shown
    ledger = json.loads(told_by(project, 10, "plan", "spec.yaml", *PLAN_JSON))["ledger"]
    assert (ledger["under_way"], ledger["at_work"], ledger["outcomes"]["unknown"]) == (3, run, 3)
    text = told_by(project, 3, "verify", "spec.yaml", "--wait", "0s")
    assert text.count(f": under way: {at_work}\n") == 3
    assert f"3 items under way: {at_work}; verify again once it has ended\n" in text
    assert "UNKNOWN" not in text
    assert "reconcile" not in text
    found = json.loads(told_by(project, 3, "verify", "latest", "--wait", "0s", "--json"))
    assert (len(found["under_way"]), found["unknown"], found["at_work"]) == (3, [], run)
    assert client.running

    client.kill()
    until(lambda: not client.running, "the end of the run")
    shown = flat(told_by(project, 0, "plan", "spec.yaml"))
    assert "3 UNKNOWN (to be settled)" in shown
    assert "at work" not in shown
    text = told_by(project, 3, "verify", "spec.yaml", "--wait", "0s")
    assert text.count(": UNKNOWN: the ledger does not know its outcome: zbatch reconcile") == 3
    assert "at work" not in text
    assert "3 items in doubt: first run zbatch reconcile spec.yaml\n" in text


def test_an_invoice_that_a_live_run_has_no_answer_of_is_no_finding(
    serve: Callable[..., Tenant], project_at: Callable[..., Project]
) -> None:
    """The ledger is about to hold it; once the run is gone it is told."""
    silence = {"fault": "silence", "when": "after_execution", "every": 1}
    tenant = serve(faults=[silence])
    project = project_at(tenant)
    project.write([1], timeout="90s")
    client = project.start("run", "spec.yaml")
    until(lambda: tenant.data.exists() and tenant.executions, "an invoice")
    until(lambda: list(project.folder.glob(".zbatch/runs/*/live.json")), "a sign of life")
    text = told_by(project, 3, "verify", "spec.yaml", "--wait", "0s")
    assert text.count(": under way: ") == 1
    assert "finding" not in text
    client.kill()
    client.wait()
    text = told_by(project, 3, "verify", "spec.yaml", "--wait", "0s")
    assert "1 finding: 1 not in the ledger\n" in text


def test_a_call_that_leaves_while_the_tenant_is_asked_is_under_way(
    serve: Callable[..., Tenant],
    project_at: Callable[..., Project],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It has left after the ledger was read, and its invoice is there before it is answered."""
    tenant = serve(faults=[{"fault": "silence", "when": "after_execution", "every": 1}])
    project = project_at(tenant)
    spec = project.write([1], timeout="90s")
    clients: list[Client] = []

    def read(*given: Any) -> Known:
        known = known_of(*given)
        if not clients:
            clients.append(project.start("run", "spec.yaml"))
            until(lambda: tenant.data.exists() and tenant.executions, "an invoice")
            until(lambda: list(project.folder.glob(".zbatch/runs/*/live.json")), "a sign of life")
        return known

    monkeypatch.setattr(verifying, "known_of", read)
    for name, value in project.env.items():
        monkeypatch.setenv(name, value)
    found = verify(VerifyOptions(str(spec), wait=0.0))
    assert (found.findings, found.in_doubt, found.exit_code) == ((), (), 3)
    assert [item.identity.account_id for item in found.under_way] == [account(1)]
    assert found.at_work is not None
    assert found.at_work.process is not None
    assert found.at_work.process.pid == clients[0].pid
    clients[0].kill()
    clients[0].wait()


def test_what_an_earlier_run_has_left_in_doubt_is_not_under_way(
    serve: Callable[..., Tenant], project_at: Callable[..., Project]
) -> None:
    """The run that is at work has not sent it, and may be of another spec."""
    project = project_at(serve(book=SLOW))
    project.write([1], "left.yaml", timeout="90s")
    client = project.start("run", "left.yaml")
    until(lambda: intents(project) == 1, "a call in flight")
    client.kill()
    client.wait()
    project.write([2], "other.yaml", timeout="90s")
    client = project.start("run", "other.yaml")
    until(lambda: intents(project) == 2, "another call in flight")
    until(lambda: len(list(project.folder.glob(".zbatch/runs/*/live.json"))) == 2, "its sign")
    shown = flat(told_by(project, 0, "plan", "left.yaml"))
    assert "1 UNKNOWN (to be settled)" in shown
    assert f"is at work (process {client.pid})" in shown
    text = told_by(project, 3, "verify", "left.yaml", "--wait", "0s")
    run = project.runs[-1].name
    told = f"once run {run} has ended, zbatch reconcile left.yaml\n"
    assert f"UNKNOWN: the ledger does not know its outcome: {told}" in text
    assert f"1 item in doubt: {told}" in text
    assert f"is at work (process {client.pid}): " in text
    assert "under way" not in text


def test_runs_are_listed_the_newest_first(
    serve: Callable[..., Tenant], project_at: Callable[..., Project]
) -> None:
    """Each with its spec and how it ended; where there is none, that is said."""
    project = project_at(serve())
    assert status(project) == ""
    project.write(range(2))
    project.write([0, 1, 2], "more.yaml")
    for spec in ("spec.yaml", "more.yaml"):
        assert project.run(spec).code == 0
    lines = status(project).splitlines()
    assert [line.split()[2] for line in lines] == ["more", "spec"]  # in one second, too
    assert all("ended" in line and "exit 0, everything settled" in line for line in lines)
    told = as_json(project)
    assert [(one["spec"]["name"], one["figures"]["done"]) for one in told["runs"]] == [
        ("more", 3),
        ("spec", 2),
    ]
    client = project.start("status", "20")
    assert client.wait() == 5
    assert "is a part of 2 runs" in client.said


def test_f85_a_run_that_stops_says_so_to_whoever_asks(
    serve: Callable[..., Tenant], project_at: Callable[..., Project]
) -> None:
    """While it awaits what is in flight, its status tells why nothing more is sent."""
    project = project_at(serve(book=book({0: "0s", 1: "3s"})))
    project.write(range(2), concurrency=2)
    client = project.start("run", "spec.yaml")
    until(lambda: any(project.folder.glob(".zbatch/runs/*/live.json")), "a sign of life")
    until(lambda: as_json(project, "latest")["figures"]["oldest"], "a call in flight")
    client.kill(signal.SIGTERM)
    until(lambda: as_json(project, "latest")["figures"]["stopping"], "the run stops")
    assert "stopping: interrupted by SIGTERM" in status(project, "latest")
    assert client.wait() == 143
    assert as_json(project, "latest")["exit_code"] == 143
