"""What a shell offers once completion is switched on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zbatch.cli import main

BIN = Path(sys.executable).parent
ASK = """
eval "$(_ZBATCH_COMPLETE=bash_source zbatch)"
COMP_WORDS=({words})
COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_zbatch_completion zbatch 2>/dev/null
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a begun project with a real tenant, and work in it."""
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    (tmp_path / "tenants.yaml").write_text(
        "version: 1\ntenants: {production: {data_center: us-production-cloud-2}}\n"
    )
    (tmp_path / "specs" / "noise.faults.yaml").touch()
    return tmp_path


def offered(words: str) -> list[str]:
    """Let bash complete the last of some words."""
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "--norc", "-c", ASK.format(words=words)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("zbatch re", ["reconcile"]),
        ("zbatch run specs/", ["specs/month-end.yaml"]),
        ("zbatch validate ''", ["specs/month-end.yaml"]),
        ("zbatch doctor --tenant ''", ["emulator", "production"]),
        ("zbatch run --dry", ["--dry-run"]),
        ("zbatch explain ZB30", ["ZB301", "ZB302", "ZB303"]),
    ],
)
def test_bash_completes(words: str, expected: list[str], project: Path) -> None:
    """Verbs, options, specs, tenants and codes: only what there is."""
    found = offered(words)
    assert set(expected) <= set(found)
    assert "specs/noise.faults.yaml" not in found


def test_runs_are_offered(project: Path) -> None:
    """The runs of this project, where an earlier one may be named."""
    assert offered("zbatch plan specs/month-end.yaml --against lat") == []
    (project / ".zbatch/runs/20261130T201502Z-7f3a").mkdir(parents=True)
    found = offered("zbatch plan specs/month-end.yaml --against ''")
    assert found == ["latest", "20261130T201502Z-7f3a", "specs/month-end.yaml"]


@pytest.mark.parametrize("verb", ["report", "status", "verify"])
def test_verbs_that_name_a_run_offer_runs(verb: str, project: Path) -> None:
    """A spec or a run, wherever either may be named."""
    (project / ".zbatch/runs/20261130T201502Z-7f3a").mkdir(parents=True)
    found = offered(f"zbatch {verb} ''")
    assert found == ["latest", "20261130T201502Z-7f3a", "specs/month-end.yaml"]


def test_a_tenants_file_that_is_wrong_offers_the_built_in_one(project: Path) -> None:
    """Completion never fails, and says nothing."""
    (project / "tenants.yaml").write_text("version: [")
    assert offered("zbatch doctor --tenant ''") == ["emulator"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_is_told_how(shell: str) -> None:
    """The script that a shell takes in names the variable that asks for offers."""
    environment = {**os.environ, "_ZBATCH_COMPLETE": f"{shell}_source"}
    done = subprocess.run([BIN / "zbatch"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0
    assert f"_ZBATCH_COMPLETE={shell}_complete" in done.stdout
