"""What is committed speaks of the product alone, and opens with the two commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

# Character classes keep these patterns from finding themselves.
PLACES = re.compile(
    r"(?<![\w.$}~-])/(?:w[o]rk|r[o]ot|h[o]me|U[s]ers)/\w"  # somebody's folders
    r"|(?<![\w.$}~-])/t[m]p/z?env\b"
    r"|py[p]i\.org|python[h]osted\.org|[i]ndex-url=|://[^\s\"']*/s[i]mple\b"  # package registries
)
SHELL_BLOCK = re.compile(r"^```(?:sh|shell|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def places(text: str) -> list[str]:
    """Return the lines that name a folder of one machine or a package registry."""
    return [line.strip() for line in text.splitlines() if PLACES.search(line)]


def test_no_file_names_a_machine_or_a_registry(tracked: dict[str, str]) -> None:
    """No tracked file holds a path of somebody's machine or the host of a registry."""
    found = {name: places(text) for name, text in tracked.items()}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        "see /ho" + "me/someone/notes",
        "find-links = /wo" + "rk/wheels",
        "https://py" + "pi.org/project/x",
        "--index" + "-url=https://example.test",
    ],
)
def test_the_scan_finds_what_it_looks_for(line: str) -> None:
    """The scan is not blind: each kind of place is found."""
    assert places(line) == [line]


def test_the_readme_opens_with_the_two_commands(root: Path) -> None:
    """The first two commands that the README gives are `make run` and `make test`."""
    blocks = SHELL_BLOCK.findall((root / "README.md").read_text("utf-8"))
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    commands = [line.partition("#")[0].strip() for line in lines]
    assert [command for command in commands if command][:2] == ["make run", "make test"]


def test_the_build_server_runs_what_people_run(root: Path) -> None:
    """Each command of `.ci/run` names make targets, and CONTRIBUTING.md gives it to people."""
    script = (root / ".ci/run").read_text("utf-8").splitlines()
    commands = [line for line in script if line and not line.startswith(("#", "set ", "cd "))]
    guide = (root / "CONTRIBUTING.md").read_text("utf-8")
    commands = [re.sub("^(?:[A-Z]+=[a-z]+ )+", "", command) for command in commands]
    assert commands
    for command in commands:
        assert re.fullmatch(r"make( -j2)?( [a-z-]+)+", command)
        assert command in guide
