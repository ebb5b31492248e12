"""A spec that changes under the feet of its run."""

from __future__ import annotations

from collections.abc import Callable

from support.accounts import account
from support.processes import Project, Tenant, book, check_billed_once, until

Serve = Callable[..., Tenant]
ProjectAt = Callable[..., Project]


def test_f132_a_spec_that_changes_during_a_run(serve: Serve, project_at: ProjectAt) -> None:
    """F132: what was read at the start is billed; the change counts from the next run on."""
    served = serve(book=book({0: "500ms", 1: "0s", 2: "0s"}))
    project = project_at(served)
    project.write([0, 1], concurrency=1)
    client = project.start("run", "spec.yaml")
    until(lambda: "2 items" in client.said, "the plan told")
    project.write([2], concurrency=1)
    assert client.wait() == 0
    assert {line["account_id"] for line in project.report()} == {account(0), account(1)}
    check_billed_once(served, [0, 1])
    assert account(2) not in {one for one, _ in served.billed}
    assert project.run().code == 0
    check_billed_once(served, [0, 1, 2])
