"""Runs of accounts named by number that are killed and run again, or reach no tenant."""

from __future__ import annotations

from collections.abc import Callable

from support.accounts import account
from support.processes import Project, Tenant, check_billed_once, until

Serve = Callable[..., Tenant]
ProjectAt = Callable[..., Project]
NUMBERED = range(8)


def _named_by_number(project: Project) -> None:
    """Write a spec that names its accounts as an emulator without a book numbers them."""
    spec = project.write(NUMBERED, concurrency=2)
    text = spec.read_text()
    for number in NUMBERED:
        by_id = f'"{account(number)}"'
        text = text.replace(by_id, f'{{number: "A{account(number).upper()}"}}')
    assert "{number:" in text
    spec.write_text(text)


def test_f84_accounts_named_by_number_are_billed_once_after_a_kill(
    serve: Serve, project_at: ProjectAt
) -> None:
    """The ledger knows IDs, so what the first process sent is found by the next."""
    slow = [{"fault": "delay", "latency": "100ms", "every": 1}]
    served = serve(faults=slow)
    project = project_at(served)
    _named_by_number(project)
    client = project.start("run", "spec.yaml", "-q")
    until(lambda: served.generates >= 2, "two calls are answered")
    client.kill()
    assert client.wait() < 0
    again = project.run("spec.yaml", "-q")
    assert again.code in (0, 3), again.said  # 3 where an invoice is there whose answer was not seen
    check_billed_once(served, NUMBERED)
    lines = project.report()
    assert {line["account_number"] for line in lines} == {
        f"A{line['account_id'].upper()}" for line in lines
    }


def test_numbers_that_no_tenant_tells_end_with_six(serve: Serve, project_at: ProjectAt) -> None:
    """The exit code says that nothing was sent, and no secret is told."""
    served = serve(faults=[{"fault": "status", "status": 403, "action": "query", "every": 1}])
    project = project_at(served)
    _named_by_number(project)
    client = project.run("spec.yaml")
    assert client.code == 6
    assert "asking the tenant for the IDs of 8 account numbers" in client.said
    assert "nothing was sent" in client.said
    assert served.generates == 0
