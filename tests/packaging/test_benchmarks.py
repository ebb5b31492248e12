"""The benchmarks run: what they measure on a quiet machine is not for a test to say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

NATIVE = pytest.mark.skipif(
    sys.platform != "linux", reason="the tenant of the bench is a native process that uses epoll"
)
PARTS = {
    "starting": "CPU of `zbatch --help` ÷ importing eagerly",
    "slots": "sending phase ÷ delays/slots, 40 slots, 400 ms log-normal",
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


def test_limits_that_nobody_tells_can_be_played(root: Path) -> None:
    """A case is told with its goals, in Markdown; nothing depends on the machine."""
    script = root / "benchmarks/hidden_limits.py"
    command = [sys.executable, str(script), "--quick", "--cases", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stderr, done.returncode) == ("", 0)
    assert (
        done.stdout.splitlines()[-1] == "| hidden | 7 | 0.4 s | 0.999 (0.999) | 0.03% | 1 | yes |"
    )
