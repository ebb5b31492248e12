"""The first word on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from zbatch.cli.opening import Opening

ZBATCH = str(Path(sys.executable).with_name("zbatch"))
XTERM = {"TERM": "xterm"}
MARK = b"\0"  # nothing else ends with it
SOON = 5.0  # seconds: it takes under 0.1 on an idle machine, which this one may not be


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Give both ends of a terminal."""
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def shown(ours: int, theirs: int) -> str:
    """Give all that was written so far; a terminal may hand it over in several pieces."""
    os.write(theirs, MARK)
    written = b""
    while not written.endswith(MARK):
        written += os.read(ours, 4096)
    return written.removesuffix(MARK).decode()


def test_it_is_wiped_once_before_anything_else(terminal: tuple[int, int]) -> None:
    """Nothing of it is left on the line that others begin to write."""
    opening = Opening(terminal[1])
    opening.show(["run", "spec.yaml"], XTERM)
    assert shown(*terminal) == "zbatch run: reading the spec …"
    opening.wipe()
    opening.wipe()
    assert shown(*terminal) == "\r\x1b[K"


@pytest.mark.parametrize(
    ("argv", "environment"),
    [
        (["run", "spec.yaml", "-q"], XTERM),
        (["run", "spec.yaml"], {**XTERM, "ZBATCH_QUIET": "1"}),
        (["run", "--help"], XTERM),
        (["run", "-n", "spec.yaml"], XTERM),
        (["run", "spec.yaml"], {"TERM": "dumb"}),
        (["run", "spec.yaml"], {}),
        (["plan", "spec.yaml"], XTERM),
        ([], XTERM),
    ],
)
def test_it_is_not_shown_to_who_did_not_ask(
    argv: list[str], environment: dict[str, str], terminal: tuple[int, int]
) -> None:
    """Quiet means quiet, help is no run, and a dumb terminal could not wipe it."""
    opening = Opening(terminal[1])
    opening.show(argv, environment)
    opening.wipe()
    assert shown(*terminal) == ""


def test_a_file_is_no_terminal(tmp_path: Path) -> None:
    """A log has no line that is taken back."""
    with (tmp_path / "log").open("wb") as log:
        Opening(log.fileno()).show(["run", "spec.yaml"], XTERM)
    assert (tmp_path / "log").read_bytes() == b""


def test_a_terminal_that_is_gone_is_no_reason_to_fail(terminal: tuple[int, int]) -> None:
    """The run matters, not its first word."""
    opening = Opening(terminal[1])
    opening.show(["run", "spec.yaml"], XTERM)
    opening._descriptor = os.open(os.devnull, os.O_RDONLY)
    opening.wipe()
    os.close(opening._descriptor)


def test_something_is_on_the_screen_before_the_network_is_loaded(
    tmp_path: Path, terminal: tuple[int, int]
) -> None:
    """At once, as far as this machine allows, and the refusal that follows stands alone."""
    ours, theirs = terminal
    begun = time.monotonic()
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
    process = subprocess.Popen(
        [ZBATCH, "run", "missing.yaml"], cwd=tmp_path, env=environment, stdout=theirs, stderr=theirs
    )
    first = os.read(ours, 4096).decode()
    assert time.monotonic() - begun < SOON
    assert first.startswith("zbatch run: reading the spec …")
    assert process.wait(60) == 2
    rest = first.removeprefix("zbatch run: reading the spec …") + shown(ours, theirs)
    assert rest.startswith("\r\x1b[Kmissing.yaml:1:1: error: the file cannot be read")
