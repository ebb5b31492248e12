"""A machine that gives no more memory and no more files, in the middle of a run."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from support.processes import Project, Tenant, check_truth

Serve = Callable[..., Tenant]
ProjectAt = Callable[..., Project]

MIB = 1024 * 1024
NUMBERS = range(40)


def _check_resumes(project: Project, tenant: Tenant, limits: dict[str, int]) -> int:
    """Run within limits, then without them; each account is billed once, and no exit code lies."""
    project.write(NUMBERS, concurrency=8, rate="3000/min")
    client = project.start("run", "spec.yaml", limits=limits)
    code = client.wait()
    assert "Traceback" not in client.said
    assert max(tenant.billed.values(), default=1) == 1
    if code == 0:
        check_truth(project, tenant, NUMBERS)
    again = project.run()
    if again.code == 3:  # what was in flight has rested a little longer by now
        again = project.run()
    assert again.code == 0, (client.said, again.said)
    check_truth(project, tenant, NUMBERS)
    return code
