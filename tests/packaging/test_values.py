"""What is frozen for mypy alone: it compares and hashes as if it were, and mypy holds to it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from zbatch.model import Detail

CHANGES = """\
from zbatch.model.calls import Detail

one = Detail("2c93808457d787030157e0306be53a01")
one.id = "2c93808457d787030157e0306be53a02"
"""


def test_values_compare_and_hash_by_their_fields() -> None:
    """Two that say the same are one; none that says anything else is."""
    assert len({Detail("1", "INV1"), Detail("1", "INV1"), Detail("1", "INV2")}) == 2


def test_mypy_refuses_whoever_changes_a_value(root: Path, tmp_path: Path) -> None:
    """What zbatch itself does not check while it runs is checked before."""
    path = tmp_path / "changes.py"
    path.write_text(CHANGES)
    words = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), str(path)]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, timeout=100, check=False)
    assert "4: error" in done.stdout, done.stderr
    assert "read-only" in done.stdout
