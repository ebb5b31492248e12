"""Ten thousand items over real sockets, in flat memory."""

from __future__ import annotations

import sys
from collections.abc import Callable

from support.processes import Project, Tenant, check_truth

MOST = 200 * 1024  # KiB
UNIT = 1024 if sys.platform == "darwin" else 1


def _peak(project: Project, tenant: Tenant, count: int) -> int:
    """Bill so many accounts, check each of them, and return the client's peak memory in KiB."""
    project.write(range(count), concurrency=40)
    client = project.run("spec.yaml", "-q")
    assert client.code == 0, client.said
    check_truth(project, tenant, range(count))
    assert tenant.generates == count
    return client.peak // UNIT


def test_ten_thousand_items_in_flat_memory(
    serve: Callable[..., Tenant], project_at: Callable[..., Project]
) -> None:
    """Each is billed exactly once, each reported ID exists, and memory hardly grows with items."""
    few = _peak(project_at(tenant := serve(), "few"), tenant, 1_000)
    many = _peak(project_at(tenant := serve(), "many"), tenant, 10_000)
    print(f"peak memory: {few} KiB for 1,000 items, {many} KiB for 10,000")
    assert many < MOST
    assert many <= 1.5 * few
