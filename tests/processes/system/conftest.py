"""What these tests need of the machine: `make test-system` installs it, root can mount."""

from __future__ import annotations

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
