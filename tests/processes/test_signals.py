"""Signals, suspension and a closed terminal, while calls are in flight."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from support.accounts import account
from support.processes import (
    LIMIT,
    ZBATCH,
    Client,
    Project,
    Tenant,
    book,
    check_billed_once,
    check_truth,
    on_a_terminal,
    until,
)

Serve = Callable[..., Tenant]
ProjectAt = Callable[..., Project]

STOPPING = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
# The first is answered at once; then two are under way, and those behind them wait.
SLOW = book({0: "0s", 1: "1s", 2: "1s", 3: "0s", 4: "0s", 5: "0s"})


def _busy(project: Project, tenant: Tenant) -> Client:
    """Start a run of six items, two at a time, and wait until two slow calls are in flight."""
    project.write(range(6), concurrency=2)
    client = project.start("run", "spec.yaml")
    _two_in_flight(tenant)
    return client


def _two_in_flight(tenant: Tenant) -> None:
    until(lambda: tenant.executions, "the first call answered")
    time.sleep(0.3)  # nothing tells from outside that a call has left, but it takes no longer


def _accounts(project: Project, outcome: str) -> set[str]:
    return {line["account_id"] for line in project.report() if line["outcome"] == outcome}


@pytest.mark.parametrize("number", STOPPING)
def test_f85_f86_the_first_signal_drains(
    number: signal.Signals, serve: Serve, project_at: ProjectAt
) -> None:
    """F85, F86, D18: what is in flight is answered, nothing else starts, and a run resumes."""
    served = serve(book=SLOW)
    project = project_at(served)
    client = _busy(project, served)
    client.kill(number)
    assert client.wait() == STOPPING[number]
    assert "a second signal" in client.said
    billed = {account for account, _ in served.billed}
    assert len(billed) == 3
    assert _accounts(project, "invoiced") == billed
    assert len(_accounts(project, "not_attempted")) == 3
    assert project.run().code == 0
    assert served.generates == 6
    check_truth(project, served, range(6))


@pytest.mark.parametrize("number", STOPPING)
def test_f85_the_second_signal_names_what_is_in_flight_and_nothing_else(
    number: signal.Signals, serve: Serve, project_at: ProjectAt
) -> None:
    """F85, F86, D18: exit 3; the two in flight are unknown, those not yet sent are not in doubt."""
    served = serve(book=SLOW)
    project = project_at(served)
    client = _busy(project, served)
    client.kill(number)
    until(lambda: "a second signal" in client.said, "the first signal taken")
    client.kill(number)
    assert client.wait() == 3
    assert len(served.executions) == 1  # it did not wait for them
    unknown = _accounts(project, "unknown")
    assert len(unknown) == 2
    assert all(account in client.said for account in unknown)
    assert len(_accounts(project, "not_attempted")) == 3
    until(lambda: len(served.executions) == 3, "the calls in flight executed")
    assert {account for account, _ in served.billed} == unknown | {account(0)}
    # Those never sent go out as they are; those in doubt are found, not sent again.
    assert project.run().code in (0, 3)
    assert served.generates == 6
    check_billed_once(served, range(6))


def test_f88_a_suspended_run_goes_on(serve: Serve, project_at: ProjectAt) -> None:
    """F88: answers that came while it was stopped are read after it, nothing is sent twice."""
    served = serve(book=SLOW)
    project = project_at(served)
    client = _busy(project, served)
    client.kill(signal.SIGSTOP)
    until(lambda: len(served.executions) == 3, "the calls in flight executed")
    client.kill(signal.SIGCONT)
    assert client.wait() == 0
    assert served.generates == 6
    check_truth(project, served, range(6))


def test_f86_under_nohup_a_run_outlives_its_terminal(serve: Serve, project_at: ProjectAt) -> None:
    """F86: that is what people start it under nohup for."""
    served = serve(book=SLOW)
    project = project_at(served)
    project.write(range(6), concurrency=2)
    client = project.start("run", "spec.yaml", under=("nohup",))
    _two_in_flight(served)
    client.kill(signal.SIGHUP)
    assert client.wait() == 0
    check_truth(project, served, range(6))


def test_f86_f87_a_closed_terminal_is_a_hangup(serve: Serve, project_at: ProjectAt) -> None:
    """F86, F87: when the terminal goes away the run drains, and its report is complete."""
    served = serve(book=SLOW)
    project = project_at(served)
    project.write(range(6), concurrency=2)
    with on_a_terminal(project, env=project.env) as (process, ours):
        _two_in_flight(served)
        os.close(ours)
        assert process.wait(LIMIT) == 129
    assert len(_accounts(project, "invoiced")) == 3
    assert project.run().code == 0
    check_truth(project, served, range(6))


def test_f87_nobody_reading_does_not_end_a_run(serve: Serve, project_at: ProjectAt) -> None:
    """F87: with `| head` gone after the first line, everything is billed and reported."""
    served = serve()
    project = project_at(served)
    project.write(range(30))
    done = subprocess.run(
        ["sh", "-c", f"{{ '{ZBATCH}' run spec.yaml -v --json 2>&1; echo $? >code; }} | head -n 1"],
        cwd=project.folder,
        env=project.env,
        capture_output=True,
        timeout=LIMIT,
    )
    assert done.stdout.count(b"\n") == 1
    assert (project.folder / "code").read_text() == "0\n"
    check_truth(project, served, range(30))
