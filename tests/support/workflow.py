"""Plays the jobs of a GitHub workflow: each `run:` by bash, as a runner calls it, on this machine.

What `uses:` an action is not played, but for the checkout, which is a fresh clone for each job.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from support.processes import environment

_WILD = re.compile(r"\*\*/|\*\*|\*")
_EXPRESSION = re.compile(r"\$\{\{ *([^}]+?) *\}\}")
# As documented for `shell: bash`.
_BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail")


def read_workflow(path: Path) -> dict[str, Any]:
    """Read a workflow; its key `on` stays text, which YAML 1.1 takes for a boolean."""
    workflow: dict[str, Any] = yaml.load(path.read_text("utf-8"), yaml.BaseLoader)  # noqa: S506 - text alone
    return workflow


def starts(workflow: Mapping[str, Any], changed: str) -> bool:
    """Tell whether a pull request that changes one file starts a workflow; `!` is not known."""
    return any(
        _pattern(path).fullmatch(changed) for path in workflow["on"]["pull_request"]["paths"]
    )


def _pattern(path: str) -> re.Pattern[str]:
    """Translate a filter of GitHub's: `*` stays in its folder, `**` does not."""
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*"}
    parts = zip(_WILD.split(path), [*_WILD.findall(path), ""], strict=True)
    return re.compile("".join(re.escape(text) + wild.get(star, "") for text, star in parts))


@dataclass(slots=True)
class Played:
    """What came of a job: the exit code of each step that ran, by name, and what was said."""

    workspace: Path
    codes: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    said: str = ""
    summary: str = ""

    @property
    def failed(self) -> dict[str, int]:
        """The steps that failed."""
        return {name: code for name, code in self.codes.items() if code}


@dataclass(slots=True)
class Runner:
    """Where jobs are played: an origin to clone, and commands that go before the system's own."""

    origin: Path
    folder: Path
    commands: Path
    _jobs: int = 0

    def play(self, job: Mapping[str, Any], contexts: Mapping[str, str], ref: str) -> Played:
        """Play a job on a machine of its own; `contexts` are the values of expressions."""
        self._jobs += 1
        machine = self.folder / f"machine-{self._jobs}"
        (machine / "temp").mkdir(parents=True)
        played = Played(machine / "workspace")
        clone = ["git", "clone", "--quiet", "--branch", ref, str(self.origin)]
        subprocess.run([*clone, str(played.workspace)], check=True)
        known = dict(contexts)
        for step in job["steps"]:
            if "run" not in step:
                continue
            condition = step.get("if", "")
            if played.failed and not condition.startswith("always()"):
                continue
            if "steps.restore.outcome" in condition and played.codes.get("Restore the ledger"):
                continue
            self._step(step, {**job.get("env", {}), **step.get("env", {})}, known, played)
        played.outputs = {
            name: resolved(text, known) for name, text in job.get("outputs", {}).items()
        }
        return played

    def _step(
        self,
        step: Mapping[str, Any],
        variables: Mapping[str, str],
        known: dict[str, str],
        played: Played,
    ) -> None:
        temp = played.workspace.with_name("temp")
        files = {name: temp / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        files["GITHUB_OUTPUT"].write_text("")
        script = temp / "step.sh"
        script.write_text(step["run"])
        done = subprocess.run(
            [*_BASH, script],
            cwd=played.workspace,
            env=self._environment(temp)
            | {name: str(path) for name, path in files.items()}
            | {name: resolved(text, known) for name, text in variables.items()},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        played.codes[step["name"]] = done.returncode
        played.said += done.stdout + done.stderr
        if files["GITHUB_STEP_SUMMARY"].exists():
            played.summary = files["GITHUB_STEP_SUMMARY"].read_text("utf-8")
        for line in files["GITHUB_OUTPUT"].read_text("utf-8").splitlines():
            name, _, value = line.partition("=")
            known[f"steps.{step['id']}.outputs.{name}"] = value

    def _environment(self, temp: Path) -> dict[str, str]:
        usual = environment(CI="true", GITHUB_ACTIONS="true", RUNNER_TEMP=str(temp))
        for name in ("ZUORA_CLIENT_ID", "ZUORA_CLIENT_SECRET"):
            del usual[name]  # a job has the secrets that its steps name, and no other
        path = [str(self.commands), str(Path(sys.executable).parent), os.environ["PATH"]]
        run = {"GITHUB_RUN_ID": str(self._jobs), "GITHUB_RUN_ATTEMPT": "1"}
        return {**usual, **run, "PATH": os.pathsep.join(path)}


def resolved(text: str, known: Mapping[str, str]) -> str:
    """Put values in the place of expressions; one that nobody gave is a mistake of the test."""
    return _EXPRESSION.sub(lambda match: known[match[1]], text)
