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
