"""Disks that are full, turn read-only or lose a write, as the kernel tells it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from support.processes import Project, Tenant, book, check_billed_once, until

Serve = Callable[..., Tenant]
ProjectAt = Callable[..., Project]
Mount = Callable[[Path, str], None]

NUMBERS = range(60)


def _settle(project: Project, tenant: Tenant, before: str) -> None:
    """Run again on a disk that is well, and once more after the rest of what is in doubt."""
    client = project.run()
    if client.code == 3:
        client = project.run_at("+2m")
    assert client.code == 0, (before, client.said)
    check_billed_once(tenant, NUMBERS)
    assert all(line["success"] for line in project.report())


def _fill(path: Path) -> None:
    """Write until not one more byte is taken."""
    with path.open("ab", buffering=0) as filler:
        for size in (65536, 1):
            with suppress(OSError):
                while True:
                    filler.write(bytes(size))


@pytest.mark.parametrize("size", [16, 32, 64, 128, 192, 256, 320])
@pytest.mark.usefixtures("faketime")
def test_f92_a_full_file_system(
    size: int, serve: Serve, project_at: ProjectAt, mount: Mount
) -> None:
    """F92: on so many KiB sending stops; exit 3 if anything was sent, else 6; then it goes on."""
    served = serve()
    project = project_at(served)
    project.write(NUMBERS, concurrency=4, rate="3000/min")
    mount(project.folder / ".zbatch", f"size={size}k,mode=700")
    client = project.run()
    assert "Traceback" not in client.said
    assert client.code == (3 if served.arrived else 6), client.said
    assert max(served.billed.values(), default=1) == 1
    mount(project.folder / ".zbatch", "size=64m")
    _settle(project, served, client.said)


@pytest.mark.usefixtures("faketime")
def test_f98_a_file_system_that_may_only_be_read(
    serve: Serve, project_at: ProjectAt, mount: Mount
) -> None:
    """F98: refused with exit 6 before the tenant is greeted, root or not."""
    served = serve()
    project = project_at(served)
    project.write(NUMBERS)
    mount(project.folder / ".zbatch", "ro")
    client = project.run()
    assert client.code == 6
    assert served.tokens == []
    mount(project.folder / ".zbatch", "rw")
    _settle(project, served, client.said)


@pytest.mark.usefixtures("faketime")
def test_f92_a_file_system_that_is_full_from_one_moment_on(
    serve: Serve, project_at: ProjectAt, mount: Mount
) -> None:
    """F92: where others fill the disk during a run it ends with exit 3, and nothing is lost."""
    served = serve(book=book({**dict.fromkeys(NUMBERS, "0s"), 1: "500ms"}))
    project = project_at(served)
    project.write(NUMBERS, concurrency=1, rate="3000/min")
    state = project.folder / ".zbatch"
    mount(state, "size=8m,mode=700")
    started = project.start("run", "spec.yaml")
    until(lambda: served.executions, "the first call answered")
    _fill(state / "filler")
    assert started.wait() == 3
    (state / "filler").unlink()
    _settle(project, served, started.said)


# `when` counts within a thread, and the ledger is written by a thread of its own.
LOST = [
    *(f"fsync,fdatasync:error=EIO:when={number}" for number in (1, 2, 3, 4, 6)),
    *(f"pwrite64:error=ENOSPC:when={number}" for number in (1, 5, 12, 20)),
    *(f"pwrite64:error=EIO:when={number}+" for number in (3, 16)),
    *(f"fsync,fdatasync:signal=SIGKILL:when={number}" for number in (1, 3, 5)),
    *(f"sendto:signal=SIGKILL:when={number}" for number in (2, 9)),
]


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.usefixtures("faketime", "strace")
def test_f93_a_system_call_that_fails(
    fault: str, serve: Serve, project_at: ProjectAt, tmp_path: Path
) -> None:
    """F83, F92, F93, D4: whatever write or sync fails, or is the last, nothing is billed twice.

    A run that survives it either did not need it, or ends with exit 3 (sent) or 6 (not sent).
    """
    served = serve()
    project = project_at(served)
    project.write(NUMBERS, concurrency=4, rate="3000/min")
    calls = fault.partition(":")[0]
    trace = tmp_path / "trace"
    tool = ["strace", "-f", "-qq", "-o", str(trace), "-e", f"trace={calls}"]
    client = project.run("spec.yaml", under=[*tool, "-e", f"inject={fault}"])
    assert ("killed by SIGKILL" if "SIGKILL" in fault else "INJECTED") in trace.read_text()
    assert "Traceback" not in client.said
    if "SIGKILL" in fault:
        assert client.wait() < 0
    elif client.wait() != 0:
        assert client.code == (3 if served.generates or served.executions else 6), client.said
    assert max(served.billed.values(), default=1) == 1
    _settle(project, served, client.said)


@pytest.mark.parametrize("error", ["ENOSYS", "EOPNOTSUPP", "ENOLCK"])
@pytest.mark.usefixtures("strace")
def test_f98_a_file_system_that_locks_nothing(
    error: str, serve: Serve, project_at: ProjectAt, tmp_path: Path
) -> None:
    """F98: without a lock two runs could bill at once, so none does: exit 6, and the way out."""
    served = serve()
    project = project_at(served)
    project.write(NUMBERS)
    tool = ["strace", "-f", "-qq", "-o", str(tmp_path / "trace"), "-e", "trace=flock"]
    client = project.run("spec.yaml", under=[*tool, "-e", f"inject=flock:error={error}"])
    assert client.code == 6
    assert "--state-dir" in client.said
    assert served.tokens == []


@pytest.mark.parametrize("when", [2, 4, 6])
@pytest.mark.usefixtures("strace")
def test_f100_a_sync_that_takes_two_seconds(
    when: int, serve: Serve, project_at: ProjectAt, tmp_path: Path
) -> None:
    """F100: the disk delays what waits for it and nothing else: no call is given up or repeated."""
    served = serve(book=book(dict.fromkeys(NUMBERS, "100ms")))
    project = project_at(served)
    project.write(NUMBERS, concurrency=4, timeout="1s")
    tool = ["strace", "-f", "-qq", "-o", str(tmp_path / "trace"), "-e", "trace=fsync,fdatasync"]
    slow = f"inject=fsync,fdatasync:delay_enter=2000000:when={when}"
    client = project.run("spec.yaml", under=[*tool, "-e", slow])
    assert client.code == 0, client.said
    assert served.generates == len(NUMBERS)
    check_billed_once(served, NUMBERS)
