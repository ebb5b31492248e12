"""The benchmark runs: what it measures on a quiet machine is not for a test to say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_the_cost_of_the_ledger_can_be_measured(root: Path) -> None:
    """A small round goes through the whole way of a call, with either ledger, and is told."""
    script = root / "benchmarks/ledger_cost.py"
    command = [sys.executable, str(script), "--pairs", "1", "--calls", "60", "--no-page"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    assert done.stdout.count("answers") == 2
    assert done.stdout.splitlines()[-1].startswith("goal")


def test_limits_that_nobody_tells_can_be_played(root: Path) -> None:
    """A case is told with its goals, in Markdown; nothing depends on the machine."""
    script = root / "benchmarks/hidden_limits.py"
    command = [sys.executable, str(script), "--quick", "--cases", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stderr, done.returncode) == ("", 0)
    assert (
        done.stdout.splitlines()[-1] == "| hidden | 7 | 0.4 s | 0.999 (0.999) | 0.03% | 1 | yes |"
    )
