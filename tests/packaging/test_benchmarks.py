"""The benchmarks run: what they measure on a quiet machine is not for a test to say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterable
from pathlib import Path

import pytest

from support.processes import ZBATCH

NATIVE = pytest.mark.skipif(
    sys.platform != "linux", reason="the tenant of the bench is a native process that uses epoll"
)
PARTS = {
    "starting": "CPU of `zbatch --help` ÷ importing eagerly",
    "slots": "sending phase ÷ the same delays in 40 slots, 400 ms log-normal",
    "cost": "CPU per account of the whole run, 50 objects a call, ÷ naive end to end",
    "screen": "CPU of the whole run with `--progress bar` ÷ with `--progress none`",
    "ledger": "syncs a second while sending, 833/s",
    "lists": "CPU of `validate`, inline maps, ÷ CSafeLoader + jsonschema",
    "again": "CPU of a re-run over a finished ledger of 100 items",
    "trees": "`zbatch plan`, CSV",
}


@NATIVE
@pytest.mark.parametrize("part", PARTS)
def test_each_part_of_the_bench_runs(root: Path, part: str) -> None:
    """In its smallest size each part goes all the way and tells its figure; pages are left alone.

    It ends with 0 or 1, by whether goals are met, which such sizes do not say.
    """
    command = [sys.executable, "-m", "benchmarks", "--tiny", "--no-page", "--only", part]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    assert PARTS[part] in done.stdout
    assert "Traceback" not in done.stderr


def bill(url: str, accounts: Iterable[str]) -> None:
    """Send a call past zbatch."""
    dates = {"InvoiceDate": "2026-11-30", "TargetDate": "2026-11-30"}
    objects = [{"AccountId": account, **dates} for account in accounts]
    body = json.dumps({"objects": objects, "type": "Invoice"}).encode()
    with urllib.request.urlopen(f"{url}/v1/action/generate", body) as reply:  # noqa: S310 - loopback
        assert [row["Success"] for row in json.load(reply)] == [True] * len(objects)


@NATIVE
def test_the_tenant_of_the_bench_shows_what_it_has_billed(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run finds what was billed before it, reads its own back, and `verify` agrees with it."""
    monkeypatch.syspath_prepend(root)
    from benchmarks.inputs import CREDENTIALS, Sheet, ids, write_project  # no test's own path
    from benchmarks.runs import check_run
    from benchmarks.tenant import tenant

    def zbatch(verb: str, spec: Path) -> list[str]:
        words, environ = [ZBATCH, verb, str(spec)], {**os.environ, **CREDENTIALS}
        done = subprocess.run(
            words, env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stderr.splitlines()

    with tenant(objects=3, calls=40) as server:
        bill(server.url, ids(3))
        spec = write_project(tmp_path, Sheet(120, objects=3), server.url)
        zbatch("run", spec)
        check_run(tmp_path, invoiced=117)
        *_, sums, verdict = zbatch("verify", spec)
        assert sums.endswith(" USD in 120 invoices")
        assert verdict == "tenant and ledger agree"


def test_slots_are_held_against_the_same_delays(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long answer that comes last is nobody's fault; a slot that stays empty is."""
    monkeypatch.syspath_prepend(root)
    from benchmarks.tenant import GENERATE, QUESTION, Seen, Traffic  # no test's own path

    good = [Seen(0, 1, 1, GENERATE), Seen(0, 1, 1, GENERATE), Seen(1, 4, 3, GENERATE)]
    afterwards = Seen(5, 6, 1, QUESTION)
    assert Traffic([*good, afterwards]).of_slots(2) == 1.0
    assert Traffic(good).of_delays(2) == 1.6
    late = [*good[:2], Seen(2, 5, 3, GENERATE)]
    assert Traffic(late).of_slots(2) == 1.25


def test_limits_that_nobody_tells_can_be_played(root: Path) -> None:
    """A case is told with its goals, in Markdown; nothing depends on the machine."""
    script = root / "benchmarks/hidden_limits.py"
    command = [sys.executable, str(script), "--quick", "--cases", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stderr, done.returncode) == ("", 0)
    assert (
        done.stdout.splitlines()[-1] == "| hidden | 7 | 0.4 s | 0.999 (0.999) | 0.03% | 1 | yes |"
    )


def test_the_page_names_what_was_compared_and_its_versions(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of zbatch's environment, those that the rivals are locked to, and wrk's."""
    monkeypatch.syspath_prepend(root)
    from benchmarks.figures import TINY  # no test's own path
    from benchmarks.page import page_of

    lock = (root / "benchmarks" / "rivals.txt").read_text("utf-8")
    second = page_of({}, "", (), TINY, "", "").split("\n\n")[1]
    for name in ("httpx", "requests"):
        told = second.partition(f"{name} ")[2].split(",")[0].rstrip(".")
        assert f"\n{name}=={told} " in lock
    assert "aiohttp" in second


def test_the_page_tells_the_commit_and_why_a_goal_is_missed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of goals that are met the reason is not told; a changed tree is no commit."""
    monkeypatch.syspath_prepend(root)
    from benchmarks.figures import TINY, Row  # no test's own path
    from benchmarks.page import page_of

    missed = Row("what", 1.0, (1.5,), why="It is far.")
    rows = {"All": [missed, Row("else", 1.0, (0.5,), why="It is near.")]}
    page = page_of(rows, "", (), TINY, "", "0123456789abcdef")
    assert "\n- what: 1.5, goal ≤ 1. It is far.\n" in page
    assert "near" not in page
    assert ", on 0123456. " in page
    assert ", on a changed tree. " in page_of(rows, "", (), TINY, "", "")


def test_a_bench_that_broke_off_takes_up_what_it_had_measured_at_its_commit(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows and limits alike; of another commit, or with something uncommitted, nothing."""
    monkeypatch.syspath_prepend(root)
    from benchmarks import kept
    from benchmarks.figures import Row

    def at(commit: str) -> kept.Kept:
        monkeypatch.setattr(kept, "_commit", lambda: commit)
        found = kept.Kept(tmp_path / "kept.json")
        found.take_up()
        return found

    first, row = at("one"), Row("what", 1.0, (1.5, 2.0), why="It is far.")
    first.keep("rate", [row], ["hot"])
    first.keep_limits("| a table |", met=False)
    again = at("one")
    assert (again.rows("rate"), again.hot("rate")) == ([row], ["hot"])
    assert again.limits() == ("| a table |", False)
    assert again.rows("slots") is None
    for other in ("two", ""):
        assert (at(other).rows("rate"), at(other).limits()) == (None, None)
