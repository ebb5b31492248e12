"""What these tests need of the machine: `make test-system` installs it, root can mount."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest


def _missing(what: str) -> None:
    """Skip a test, but never on the build server, where everything must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"the build server has no {what}")
    pytest.skip(f"needs {what}")


def _tool(name: str) -> None:
    if shutil.which(name) is None:
        _missing(name)


@pytest.fixture
def faketime() -> None:
    """Need faketime."""
    _tool("faketime")


@pytest.fixture
def strace() -> None:
    """Need strace, and the right to trace."""
    _tool("strace")
    if subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], check=False).returncode:
        _missing("right to trace processes")


@pytest.fixture
def curl_there() -> None:
    """Need curl."""
    _tool("curl")


@pytest.fixture
def sdk() -> Path:
    """Need Zuora's own SDK in its environment, and give that one's interpreter."""
    python = Path(__file__).parents[3] / "build" / "clients" / "bin" / "python"
    if not python.exists():
        _missing("environment build/clients: make test-system sets it up")
    return python


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[Path, str], None]]:
    """Mount small file systems: `mount(folder, "size=64k")`; once mounted, with other options."""
    if os.geteuid() != 0:
        _missing("root, who can mount")
    with ExitStack() as stack:
        mounted: set[Path] = set()

        def make(folder: Path, options: str) -> None:
            again = folder in mounted
            folder.mkdir(parents=True, exist_ok=True)
            options = f"remount,{options}" if again else options
            command = ["mount", "-t", "tmpfs", "-o", options, "zbatch-test", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                _missing(f"right to mount: {done.stderr.strip()}")
            if not again:
                mounted.add(folder)
                stack.callback(subprocess.run, ["umount", "-l", str(folder)], check=True)

        yield make


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """Need what `editor/package.json` names, and install it with npm once for all checkouts' runs.

    The lock says versions and hashes, and no address: any registry that npm is set up for serves.
    """
    for name in ("node", "npm"):
        _tool(name)
    source = Path(__file__).with_name("editor")
    target = Path(__file__).parents[3] / "build" / "editor"
    target.mkdir(parents=True, exist_ok=True)
    lock = source.joinpath("package-lock.json").read_bytes()
    with target.joinpath("lock").open("w") as turn:  # workers of one test run, one after the other
        fcntl.flock(turn, fcntl.LOCK_EX)
        installed = target / "installed-lock.json"
        if not installed.exists() or installed.read_bytes() != lock:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(source / name, target)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=target, capture_output=True, text=True, check=False)
            if done.returncode:
                _missing(f"what npm installs: {done.stderr.strip()[:500]}")
            installed.write_bytes(lock)
    return target / "node_modules"
