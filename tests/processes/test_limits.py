"""A machine that gives no more memory or no more files, at the start or amid a run."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.processes import Client, Project, Tenant, book, check_truth, reading, until
from support.runs import let_pass

Serve = Callable[..., Tenant]
ProjectAt = Callable[..., Project]

MIB = 1024 * 1024
ON_LINUX = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux holds a process to its AS limit"
)


def _run_within(project: Project, tenant: Tenant, limit: dict[str, int]) -> int:
    """Run within a limit; the exit code claims nothing untrue, and nothing is billed twice."""
    client = project.start("run", "spec.yaml", limits=limit)
    code = client.wait()
    assert "Traceback" not in client.said
    if code in (2, 6):
        assert tenant.generates == 0
    elif code == 0:
        assert set(project.outcomes()) == {"invoiced"}
    else:
        assert code in (3, 70), client.said
    assert max(tenant.billed.values(), default=1) == 1
    return code


def _resume(project: Project, tenant: Tenant, numbers: range) -> None:
    """Run without a limit, after the rest of what is in doubt if need be: each is billed once."""
    client = project.run()
    if client.code == 3:
        let_pass(project.ledger.parent, tenant.data, 1)
        client = project.run()
    assert client.code == 0, client.said
    check_truth(project, tenant, numbers)


def _answers(project: Project) -> list[str]:
    """Give what came of each attempt, in a word."""
    with reading(project.ledger) as ledger:
        told = ledger.execute("select coalesce(error_message, answer) from attempt")
        return [text for (text,) in told]


@ON_LINUX
@pytest.mark.parametrize("room", [0, 1, 6, 11, 12, 13, 14, 30])
def test_f90_no_memory_left(room: int, serve: Serve, project_at: ProjectAt) -> None:
    """F90: with so many MiB more than at its start a run ends, or ends early and can be resumed."""
    numbers = range(300)
    served = serve()
    project = project_at(served)
    project.write(numbers, concurrency=20)
    _run_within(project, served, {"AS": room * MIB})
    _resume(project, served, numbers)


def _hold(client: Client) -> None:
    """Let a run have no more memory than it has now."""
    pages = int(Path(f"/proc/{client.pid}/statm").read_text().split()[0])
    most = pages * resource.getpagesize()
    resource.prlimit(client.pid, resource.RLIMIT_AS, (most, most))


@ON_LINUX
def test_f90_no_memory_left_for_a_reply(serve: Serve, project_at: ProjectAt) -> None:
    """F90: an answer that cannot be unpacked in what is left is a lost one: the same key again."""
    numbers = range(200)
    served = serve(faults=[{"fault": "gzip_bomb", "every": 10}])
    project = project_at(served)
    project.write(numbers, concurrency=5, rate="100/s")
    client = project.start("run", "spec.yaml")
    until(lambda: served.generates > 20, "a part of it sent")
    _hold(client)
    assert client.wait() == 0, client.said
    assert _answers(project).count("unexpected MemoryError") > 9
    check_truth(project, served, numbers)


WITHOUT_MEMORY = """
import asyncio
from zbatch.app.event_loop import event_loop

async def wait():
    await asyncio.get_running_loop().create_future()

def no_memory():
    raise MemoryError

with event_loop() as loop:
    loop.get_loop().call_soon(no_memory)
    loop.run(wait())
"""


def test_f90_no_memory_for_a_callback() -> None:
    """F90: what a callback could not do is awaited in vain, so the process ends."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_MEMORY],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 70
    assert done.stderr == "zbatch: no memory is left; running the same command again is safe\n"


@pytest.mark.parametrize("most", [4, 5, 7, 8, 9, 10, 11, 12])
def test_f102_no_files_left_to_start_with(most: int, serve: Serve, project_at: ProjectAt) -> None:
    """F102: without a ledger, a record, a loop or a socket nothing is sent: exit 6, or 2."""
    served = serve()
    project = project_at(served)
    project.write(range(5))
    assert _run_within(project, served, {"NOFILE": most}) in (2, 6)
    assert served.tokens == []
    _resume(project, served, range(5))


@pytest.mark.parametrize("most", [16, 20])
def test_f102_fewer_connections_than_wished(most: int, serve: Serve, project_at: ProjectAt) -> None:
    """F102: calls that find no socket were not sent; they wait, and the run comes to its end."""
    numbers = range(40)
    served = serve(book=book(dict.fromkeys(numbers, "50ms")))
    project = project_at(served)
    project.write(numbers, concurrency=20)
    assert _run_within(project, served, {"NOFILE": most}) == 0
    assert served.generates == len(numbers)
    assert any("EMFILE" in one for one in _answers(project))
    check_truth(project, served, numbers)
