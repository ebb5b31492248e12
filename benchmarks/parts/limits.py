"""Limits that a run does not know: proved in virtual time, by a script of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.machine import HERE, ROOT

SCRIPT = HERE / "hidden_limits.py"  # prints Markdown; ends with 0 where its goals are met, else 1


def hidden_limits(*, quick: bool, script: Path = SCRIPT) -> tuple[str, bool]:
    """Give what the script prints, and whether its goals are met; nothing where it is not there."""
    if not script.exists():
        return "", True
    words = [sys.executable, str(script), *(["--quick"] if quick else [])]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{script.name} ended with {done.returncode}")
    return done.stdout.strip(), done.returncode == 0
