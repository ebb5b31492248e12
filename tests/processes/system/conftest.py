"""What these tests need of the machine: `make test-system` installs it, root can mount."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.npm import missing, node_modules_of, tool


@pytest.fixture
def faketime() -> None:
    """Need faketime."""
    tool("faketime")


@pytest.fixture
def strace() -> None:
    """Need strace, and the right to trace."""
    tool("strace")
    if subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], check=False).returncode:
        missing("right to trace processes")


@pytest.fixture
def curl_there() -> None:
    """Need curl."""
    tool("curl")


@pytest.fixture
def sdk() -> Path:
    """Need Zuora's own SDK in its environment, and give that one's interpreter."""
    python = Path(__file__).parents[3] / "build" / "clients" / "bin" / "python"
    if not python.exists():
        missing("environment build/clients: make test-system sets it up")
    return python


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[Path, str], None]]:
    """Mount small file systems: `mount(folder, "size=64k")`; once mounted, with other options."""
    if os.geteuid() != 0:
        missing("root, who can mount")
    with ExitStack() as stack:
        mounted: set[Path] = set()

        def make(folder: Path, options: str) -> None:
            again = folder in mounted
            folder.mkdir(parents=True, exist_ok=True)
            options = f"remount,{options}" if again else options
            command = ["mount", "-t", "tmpfs", "-o", options, "zbatch-test", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                missing(f"right to mount: {done.stderr.strip()}")
            if not again:
                mounted.add(folder)
                stack.callback(subprocess.run, ["umount", "-l", str(folder)], check=True)

        yield make


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """Need what `editor/package.json` names."""
    return node_modules_of(Path(__file__).with_name("editor"), "editor")
