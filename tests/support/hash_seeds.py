"""What a program prints where sets have another order: the same, if it goes by none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]


def printed_under_hash_seeds(program: str) -> tuple[str, str]:
    """Run a Python program of the tests in two processes whose sets differ in their order."""
    first, second = (
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=TESTS,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    )
    return first, second
