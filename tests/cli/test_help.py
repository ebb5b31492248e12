"""The examples in every help work as they are printed, in a project that was just begun."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from zbatch.cli import main
from zbatch.cli.group import VERBS, zbatch
from zbatch.spec.schema import SCHEMAS

ZBATCH = Path(sys.executable).with_name("zbatch")
FIRST = frozenset({"init"})  # what comes before there is a project
SERVING = frozenset({"emulator"})  # until somebody ends it


def help_of(verb: str) -> str:
    """Give the help of a verb, of `zbatch` itself where there is none."""
    context = click.Context(zbatch, info_name="zbatch", **zbatch.context_settings)
    command: click.Command | None = zbatch
    if verb:
        command = zbatch.get_command(context, verb)
    assert command is not None
    if verb:
        context = click.Context(command, parent=context, info_name=verb)
    return command.get_help(context)


def examples(verb: str) -> list[str]:
    """Read the lines below `Examples:` in a help."""
    _, _, after = help_of(verb).partition("Examples:\n")
    return [line.strip() for line in after.partition("\n\n")[0].splitlines()]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder, and work in it."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("ZBATCH_", "ZUORA_"))]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_a_help_opens_with_two_examples(verb: str) -> None:
    """Two of them, each a call of this very verb."""
    lines = examples(verb)
    assert len(lines) == 2
    assert all(f"{line} ".startswith(f"zbatch {verb} " if verb else "zbatch ") for line in lines)


def test_the_help_of_schema_names_every_kind() -> None:
    """A schema that nobody can find is not there."""
    _, _, told = help_of("schema").partition("Files that people write: ")
    assert set(SCHEMAS) <= set(re.findall(r"\w+", told))


def test_only_reconcile_can_end_with_5() -> None:
    """A run selects nothing; a reconciliation takes decisions about items that are in doubt."""
    assert "  5  --accept" in help_of("reconcile")
    assert "  5  " not in help_of("run")


def test_4_has_the_meaning_that_it_has_of_the_verb() -> None:
    """What a reconciliation leaves is sent by a run alone; none stops between two stages."""
    assert "  4  stopped early, run again to go on" in help_of("run")
    assert "  4  proved not billed, zbatch run sends it; or stopped early" in help_of("reconcile")
    assert all(help_of(verb).count("  4  ") == 1 for verb in ("run", "reconcile"))


@pytest.mark.parametrize("verb", ["", *(verb for verb in VERBS if verb not in SERVING)])
def test_the_examples_work_as_printed(
    verb: str,
    project: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One after the other, in a project with one run of the emulator behind it.

    What begins a project is begun in a folder of its own.
    """
    if verb not in FIRST:
        assert main(["init"]) == 0
        assert main(["run", "specs/month-end.yaml"]) == 0
    for number, line in enumerate(examples(verb)):
        if verb in FIRST:
            (project / str(number)).mkdir()
            monkeypatch.chdir(project / str(number))
        words = shlex.split(line.partition(" > ")[0])
        capfd.readouterr()
        assert main(words[1:]) == 0, capfd.readouterr().err


@pytest.mark.parametrize("line", examples("emulator"))
def test_the_emulator_serves_as_printed(line: str, project: Path) -> None:
    """It says where it is, and ends in peace on Ctrl-C; the port is any free one here."""
    words = [str(ZBATCH), *shlex.split(line)[1:]]
    free = {**os.environ, "ZBATCH_PORT": "0"}
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=free
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline()
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=30)
    assert url.startswith("http://127.0.0.1:")
    assert server.returncode == 0, said
