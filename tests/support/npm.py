"""What a test needs of npm's packages, installed once for all checkouts' runs."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

BUILD = Path(__file__).parents[2] / "build"


def missing(what: str) -> None:
    """Skip a test, but never on the build server, where everything must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"the build server has no {what}")
    pytest.skip(f"needs {what}")


def tool(name: str) -> str:
    """Give the path of a program that a test needs."""
    found = shutil.which(name)
    if found is None:
        missing(name)
    return str(found)


def node_modules_of(source: Path, name: str) -> Path:
    """Need what the `package.json` in a folder names; `name` is where it is installed.

    The lock says versions and hashes, and no address: any registry that npm is set up for serves.
    """
    for program in ("node", "npm"):
        tool(program)
    target = BUILD / name
    target.mkdir(parents=True, exist_ok=True)
    lock = source.joinpath("package-lock.json").read_bytes()
    with target.joinpath("lock").open("w") as turn:  # workers of one test run, one after the other
        fcntl.flock(turn, fcntl.LOCK_EX)
        installed = target / "installed-lock.json"
        if not installed.exists() or installed.read_bytes() != lock:
            for one in ("package.json", "package-lock.json"):
                shutil.copy(source / one, target)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=target, capture_output=True, text=True, check=False)
            if done.returncode:
                missing(f"what npm installs: {done.stderr.strip()[:500]}")
            installed.write_bytes(lock)
    return target / "node_modules"
