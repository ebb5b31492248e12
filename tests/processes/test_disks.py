"""Disks that give up in the middle of a run, without any privilege."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from support.accounts import account
from support.processes import (
    Project,
    Tenant,
    book,
    check_billed_once,
    check_truth,
    until,
)

Serve = Callable[..., Tenant]
ProjectAt = Callable[..., Project]

KIB = 1024


def check_honest(code: int, tenant: Tenant) -> None:
    """Assert that an exit code of a run whose disk failed says whether anything was sent."""
    time.sleep(0.1)  # what was under way at the tenant is over by then
    assert code == (3 if tenant.generates else 6)


@pytest.mark.parametrize("size", [0, 4, 40, 90, 110, 130, 150, 200])
def test_f92_f94_files_that_cannot_grow(size: int, serve: Serve, project_at: ProjectAt) -> None:
    """F92, F94, L10: writes that fall short end the run honestly; with room again it goes on."""
    served = serve()
    project = project_at(served)
    numbers = range(60)
    project.write(numbers, concurrency=4, rate="3000/min")
    client = project.start("run", "spec.yaml", limits={"FSIZE": size * KIB})
    check_honest(client.wait(), served)
    assert "Traceback" not in client.said
    assert max(served.billed.values(), default=1) == 1
    assert project.run().code in (0, 3)
    check_billed_once(served, numbers)


def test_f98_a_state_folder_that_cannot_be_made(serve: Serve, project_at: ProjectAt) -> None:
    """F98: nobody, not even root, can write there: exit 6, and the tenant is not even greeted."""
    served = serve()
    project = project_at(served)
    project.write([0])
    client = project.run("spec.yaml", "--state-dir", "/proc/zbatch")
    assert client.code == 6
    assert "/proc/zbatch" in client.said
    assert served.tokens == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere; the system tests mount it")
def test_f98_a_folder_that_may_only_be_read(serve: Serve, project_at: ProjectAt) -> None:
    """F98: a state folder without the right to write is refused before anything is sent."""
    served = serve()
    project = project_at(served)
    project.write([0])
    state = project.folder / ".zbatch"
    state.mkdir()
    state.chmod(0o500)
    assert project.run().code == 6
    state.chmod(0o700)
    assert served.tokens == []


def _delete(ledger: Path) -> None:
    ledger.unlink()


def _replace(ledger: Path) -> None:
    other = ledger.with_suffix(".other")
    other.write_bytes(ledger.read_bytes())
    other.replace(ledger)


def _move_folder(ledger: Path) -> None:
    ledger.parent.rename(ledger.parent.with_name("elsewhere"))


@pytest.mark.parametrize("lose", [_delete, _replace, _move_folder])
def test_f99_a_ledger_that_is_gone_stops_the_run(
    lose: Callable[[Path], None], serve: Serve, project_at: ProjectAt
) -> None:
    """F99, D15: sending stops with exit 3; without its ledger the next run bills nothing twice.

    It is seen at the next commit, which gathers answers for less than a call takes here: one call
    may leave after the one that was under way.
    """
    served = serve(book=book({0: "0s", **dict.fromkeys(range(1, 10), "500ms")}))
    project = project_at(served)
    project.write(range(10), concurrency=1)
    client = project.start("run", "spec.yaml")
    until(lambda: served.arrived == 2, "the second call arrived")
    lose(project.ledger)
    assert client.wait() == 3
    assert "the ledger" in client.said
    sent = served.generates
    assert sent <= 3
    until(lambda: len(served.executions) == sent, "what was in flight is executed")
    project.run()
    check_billed_once(served, range(10))


def test_f99_a_report_that_is_deleted_harms_nothing(serve: Serve, project_at: ProjectAt) -> None:
    """F99: the ledger knows; the next run writes every line again."""
    served = serve(book=book({0: "0s", 1: "500ms", 2: "0s"}))
    project = project_at(served)
    project.write(range(3), concurrency=1)
    client = project.start("run", "spec.yaml")
    until(lambda: served.executions, "the first call answered")
    (project.runs[-1] / "report.jsonl").unlink()
    client.wait()
    assert project.run().code == 0
    assert {line["account_id"] for line in project.report()} == {account(n) for n in range(3)}
    check_truth(project, served, range(3))


def _zeroes_at_the_end(content: bytes) -> bytes:
    return content[:-4096] + bytes(4096)


def _garbage_in_the_middle(content: bytes) -> bytes:
    half = len(content) // 2
    return content[:half] + b"\xa5" * 8192 + content[half + 8192 :]


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _no_ledger(content: bytes) -> bytes:
    return b"\0" * len(content)


@pytest.mark.parametrize("spoil", [_garbage_in_the_middle, _cut, _no_ledger, _zeroes_at_the_end])
def test_f96_a_spoilt_ledger_bills_nothing_twice(
    spoil: Callable[[bytes], bytes], serve: Serve, project_at: ProjectAt
) -> None:
    """F96: a ledger that is damaged on disk is refused, or does no harm; it is never mended."""
    served = serve()
    project = project_at(served)
    project.write(range(20))
    assert project.run().code == 0
    spoilt = spoil(project.ledger.read_bytes())
    project.ledger.write_bytes(spoilt)
    client = project.run()
    assert client.code in (0, 3, 6)
    assert "Traceback" not in client.said
    assert "internal error" not in client.said
    assert served.generates == 20
    if client.code == 6:
        assert "ledger" in client.said
        assert project.ledger.read_bytes() == spoilt
    check_billed_once(served, range(20))


def _ids(lines: list[dict[str, Any]]) -> dict[str, str]:
    return {line["account_id"]: line["invoice_id"] for line in lines}


@pytest.mark.parametrize("seed", range(4))
def test_f96_one_bit_of_the_ledger(seed: int, serve: Serve, project_at: ProjectAt) -> None:
    """F96: one wrong bit is refused or does no harm; it is no bug of ours, and bills nothing."""
    served = serve()
    project = project_at(served)
    project.write(range(10))
    assert project.run().code == 0
    ledger, told = project.ledger, _ids(project.report())
    whole, chance = ledger.read_bytes(), Random(seed)
    for _ in range(12):
        bit = chance.randrange(len(whole) * 8)
        spoilt = bytearray(whole)
        spoilt[bit // 8] ^= 1 << bit % 8
        for path in ledger.parent.glob("ledger*"):
            path.unlink()
        ledger.write_bytes(spoilt)
        client = project.run("spec.yaml", "-q")
        assert client.code in (0, 2, 6), (bit, client.said)
        assert served.generates == 10
        if client.code == 0:
            assert _ids(project.report()) == told
        else:
            assert "ledger" in client.said or "spec" in client.said
