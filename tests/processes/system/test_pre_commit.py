"""The hook for pre-commit, with pre-commit itself: installed from a clone of what is committed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.accounts import account

ROOT = Path(__file__).parents[3]
VERSION = "pre-commit==4.7.0"
BUILD = ROOT / "build" / "pre-commit"
USER = ("-c", "user.name=test", "-c", "user.email=test@example.com")


def call(*command: str | Path, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command with the environment of a person who has no zbatch on the path."""
    environment = {**os.environ, "PRE_COMMIT_HOME": str(BUILD / "cache"), **env}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=110
    )


def done(*command: str | Path, cwd: Path) -> str:
    """Run a command that must succeed."""
    result = call(*command, cwd=cwd)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def pre_commit() -> Path:
    """Install pre-commit once, beside the checkout's own environment."""
    command = BUILD / "venv" / "bin" / "pre-commit"
    if not command.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        done(sys.executable, "-m", "venv", BUILD / "venv", cwd=BUILD)
        pip = (BUILD / "venv/bin/python", "-m", "pip", "--disable-pip-version-check", "--quiet")
        done(*pip, "install", VERSION, cwd=BUILD)
    return command


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository with a project of `zbatch init`, and the hook as people name it."""
    folder = tmp_path / "billing"
    zbatch = Path(sys.executable).with_name("zbatch")
    done(zbatch, "init", folder, cwd=tmp_path)
    mirror = tmp_path / "zbatch"
    done("git", "clone", "--quiet", ROOT, mirror, cwd=tmp_path)
    commit = done("git", "rev-parse", "HEAD", cwd=mirror).strip()
    (folder / ".pre-commit-config.yaml").write_text(
        f"repos:\n  - repo: {mirror}\n    rev: {commit}\n    hooks: [{{id: zbatch-validate}}]\n"
    )
    done("git", "init", "--quiet", cwd=folder)
    done("git", "add", "--all", cwd=folder)
    return folder


def test_the_hook(repository: Path, pre_commit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A good commit passes, a broken spec is refused with its place, other files do not matter.

    How long the hook takes once it is installed is told, and depends on the machine.
    """
    done(pre_commit, "install", cwd=repository)
    first = call("git", *USER, "commit", "--quiet", "-m", "Begin", cwd=repository)
    assert first.returncode == 0, first.stdout + first.stderr
    started = time.monotonic()
    done(pre_commit, "run", "--all-files", cwd=repository)
    with capsys.disabled():
        print(f"\nthe hook with pre-commit around it: {time.monotonic() - started:.2f} s")
    spec = repository / "specs/month-end.yaml"
    spec.write_text(spec.read_text("utf-8").replace("600/min", "fast"))
    (repository / "other.yaml").write_text("no: spec\n")
    done("git", "add", "--all", cwd=repository)
    second = call("git", *USER, "commit", "-m", "Break", cwd=repository)
    assert second.returncode == 1
    told = second.stdout + second.stderr
    assert "specs/month-end.yaml:" in told
    assert "such as 20/s, 600/min" in told
    assert "other.yaml" not in told


def test_the_hook_sees_account_files(repository: Path, pre_commit: Path) -> None:
    """A commit of nothing but an account file, outside the specs' folder, checks who names it."""
    spec, listed = repository / "specs/emea.yaml", repository / "accounts/emea.csv"
    listed.parent.mkdir(exist_ok=True)
    listed.write_text(f"account_id\n{account(1)}\n")
    spec.write_text(
        "version: 1\nname: emea\ntenant: emulator\ndates: [{target_date: 2026-11-30}]\n"
        "accounts: [{file: ../accounts/emea.csv}]\n"
    )
    done(pre_commit, "install", cwd=repository)
    done("git", "add", "--all", cwd=repository)
    done("git", *USER, "commit", "--quiet", "-m", "Begin", cwd=repository)
    listed.write_text(f"account_id\n{account(1)[:-1]}\n")
    done("git", "add", "--all", cwd=repository)
    refused = call("git", *USER, "commit", "-m", "Shorten", cwd=repository)
    assert refused.returncode == 1
    assert "accounts/emea.csv:2:1" in refused.stdout + refused.stderr
