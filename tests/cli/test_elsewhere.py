"""What is to be typed next, where spec and ledger are not of the folder that one works in."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.accounts import account
from support.mishaps import UNKNOWN_EXECUTED, UNKNOWN_UNEXECUTED
from support.runs import Away, Project, away, let_pass
from zbatch.cli import main
from zbatch.emulator import Mishap, Scheduled
from zbatch.emulator.catalogue import fault

BIN = Path(sys.executable).parent


class Two:
    """Two projects whose tenants file and spec bear the same names, for tenants that differ."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        self.here, self.there = (Project(folder / name) for name in ("here", "there's  one"))
        for project in (self.here, self.there):
            project.root.mkdir()

    def start(self, *mishaps: Mishap) -> Away:
        """Let the first calls of the tenant of `there` go wrong; nobody serves that of `here`."""
        faults = tuple(Scheduled(mishap, at=number) for number, mishap in enumerate(mishaps, 1))
        started = self._stack.enter_context(away(self._folder / "tenant", faults=faults))
        self.here.tenants(real="http://127.0.0.1:9")
        self.there.tenants(real=started.url)
        self.here.spec(9, tenant="real")
        self.doubtful(1, 2)
        return started

    def rest(self, state: Path) -> None:
        """Let what is in doubt have rested."""
        (ledger,) = state.glob("*/ledger.sqlite3")
        let_pass(ledger.parent, self._folder / "tenant", hours=2)

    def break_off(self, state: Path) -> None:
        """Let the newest run look like one that was killed."""
        newest = max((state / "runs").iterdir())
        record = json.loads((newest / "run.json").read_bytes())
        record |= {"finished_at": None, "exit_code": None}
        (newest / "run.json").write_text(json.dumps(record))
        (newest / "live.json").unlink()
        for lock in state.glob("*/lock"):
            lock.unlink()

    def doubtful(self, *numbers: int) -> Path:
        """Write the spec of `there`, which makes one attempt."""
        return self.there.spec(*numbers, tenant="real", retry={"max_attempts": 1})


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Two]:
    """Give two projects, and work in the first."""
    monkeypatch.setenv("ZUORA_CLIENT_ID", "emulator")
    monkeypatch.setenv("ZUORA_CLIENT_SECRET", "emulator")
    monkeypatch.setenv("COLUMNS", "2000")
    with ExitStack() as stack:
        two = Two(tmp_path, stack)
        monkeypatch.chdir(two.here.root)
        yield two


def pasted(command: str, folder: Path) -> tuple[int, str]:
    """Type a command into a shell in a folder; give its exit code and all that it says."""
    path = f"{BIN}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def next_of(text: str) -> str:
    """Give the command that a last block ends with, up to what it says of it."""
    found = re.search(r"^next: (.*?)(?:   | again|$)", text, re.MULTILINE)
    assert found, text
    return found[1]


SPEC = "../there's  one/specs/month-end.yaml"
STATE = "../there's  one/.zbatch"


def test_what_a_spec_of_another_project_does_not_list_is_settled_in_its_own_ledger(
    two: Two, capfd: pytest.CaptureFixture[str]
) -> None:
    """A command without a spec is for the project of the folder that it is called in."""
    started = two.start(UNKNOWN_EXECUTED)
    assert main(["run", SPEC]) == 3
    two.doubtful(2)
    capfd.readouterr()
    assert main(["run", SPEC]) == 3
    two.rest(two.there.state)
    code, said = pasted(f"{next_of(capfd.readouterr().err)}; pwd", two.here.root)
    assert (code, "found to be invoiced" in said) == (0, True), said
    assert said.splitlines()[0] == str(two.there.root)  # where what it names in turn is found
    assert len(started.billing.of(1)) == 1
    assert main(["run", SPEC]) == 0
    assert not two.here.state.exists()


@pytest.mark.parametrize("named", [(), ("--state-dir", "../my state", "--tenant", "real")])
def test_a_decision_is_taken_by_the_command_that_is_named_instead(
    two: Two, named: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    """Another spec lists the item: who pastes the command decides in the ledger that has it."""
    started = two.start(UNKNOWN_EXECUTED)
    assert main(["run", SPEC, *named]) == 3
    two.there.spec(2, tenant="real", name="another")
    (invoice,) = started.billing.of(1)
    decision = ["--accept", f"{account(1)}:2026-11-30={invoice}", "--reason", "seen, Ann's word"]
    capfd.readouterr()
    assert main(["reconcile", "../there's  one/specs/another.yaml", *named, *decision]) == 5
    code, said = pasted(next_of(capfd.readouterr().err), two.here.root)
    assert (code, "  invoiced 1  " in said) == (0, True), said


def test_two_commands_of_one_sentence_can_be_typed_one_after_the_other(
    two: Two, capfd: pytest.CaptureFixture[str]
) -> None:
    """The first is called in another folder, from which what was typed is not found."""
    closed = fault("row_error", code="ACCOUNTING_PERIOD_CLOSED")
    started = two.start(UNKNOWN_EXECUTED, closed)
    named = ["--state-dir", "../my state"]
    assert main(["run", SPEC, *named]) == 3
    two.doubtful(2)
    capfd.readouterr()
    assert main(["run", SPEC, *named]) == 3
    two.rest(two.here.root.parent / "my state")
    said = capfd.readouterr().err
    rest = re.search(r"then (zbatch run .* --retry-failed)", said)
    assert rest, said
    code, said = pasted(f"{next_of(said)} && {rest[1]}", two.here.root)
    assert (code, "invoiced by this run" in said) == (0, True), said
    assert [len(started.billing.of(number)) for number in (1, 2, 9)] == [1, 1, 0]
    assert not two.there.state.exists()


def test_so_it_is_with_a_state_folder_that_was_named(
    two: Two, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """From another folder than it was named in, it is the same one."""
    two.start(UNKNOWN_EXECUTED)
    named = ["--state-dir", "../my state", "--tenant", "real"]
    assert main(["run", SPEC, *named]) == 3
    two.doubtful(2)
    capfd.readouterr()
    assert main(["run", SPEC, *named]) == 3
    two.rest(tmp_path / "my state")
    code, said = pasted(next_of(capfd.readouterr().err), two.here.root)
    assert (code, "found to be invoiced" in said) == (0, True), said


def test_the_ledger_of_another_project_is_left_to_a_run_of_its_own_spec(
    two: Two, capfd: pytest.CaptureFixture[str]
) -> None:
    """Here is a spec of the same name, which is not the one that has sent the call."""
    started = two.start(UNKNOWN_UNEXECUTED)
    assert main(["run", SPEC]) == 3
    two.rest(two.there.state)
    # the tenants file of here knows no such tenant by its host: it is named there as well
    shutil.copy(two.there.root / "tenants.yaml", two.here.root)
    capfd.readouterr()
    assert main(["reconcile", "--tenant", "real", "--state-dir", STATE]) == 4
    code, said = pasted(next_of(capfd.readouterr().err), two.here.root)
    assert (code, "1 settled earlier" in said) == (0, True), said
    assert [len(started.billing.of(number)) for number in (1, 2, 9)] == [1, 1, 0]


def test_a_ledger_that_another_projects_spec_was_run_on_stays_the_one(
    two: Two, capfd: pytest.CaptureFixture[str]
) -> None:
    """By itself the spec would be run on the ledger of its own project."""
    started = two.start(UNKNOWN_UNEXECUTED)
    shutil.copy(two.there.root / "tenants.yaml", two.here.root)
    assert main(["run", SPEC, "--state-dir", ".zbatch"]) == 3
    two.rest(two.here.state)
    capfd.readouterr()
    assert main(["reconcile"]) == 4
    code, said = pasted(next_of(capfd.readouterr().err), two.here.root)
    assert (code, "1 settled earlier" in said) == (0, True), said
    assert len(started.billing.of(1)) == 1
    assert not two.there.state.exists()


@pytest.mark.parametrize("named", [False, True])
def test_status_names_the_spec_of_the_project_that_it_was_run_in(
    two: Two, named: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    """A killed run is gone on with by its own spec, on the ledger that it had."""
    started = two.start(UNKNOWN_UNEXECUTED)
    shutil.copy(two.there.root / "tenants.yaml", two.here.root)
    state = ".zbatch" if named else STATE
    assert main(["run", SPEC, "--state-dir", state]) == 3
    two.break_off(Path(state))
    two.rest(Path(state))
    capfd.readouterr()
    assert main(["status", "latest", *(() if named else ("--state-dir", state))]) == 0
    code, said = pasted(next_of(capfd.readouterr().out), two.here.root)
    assert (code, "1 settled earlier" in said) == (0, True), said
    assert [len(started.billing.of(number)) for number in (1, 2, 9)] == [1, 1, 0]


def test_a_killed_run_is_gone_on_with_though_a_later_one_came_to_nothing(
    two: Two, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """That one was refused before it began, and has settled nothing of what was in flight."""
    started = two.start(UNKNOWN_UNEXECUTED)
    assert main(["run", SPEC]) == 3
    two.break_off(two.there.state)
    two.rest(two.there.state)
    (killed,) = (folder.name for folder in (two.there.state / "runs").iterdir())
    with monkeypatch.context() as changed:
        changed.setenv("ZUORA_CLIENT_SECRET", "another")
        assert main(["run", SPEC]) == 3
    capfd.readouterr()
    assert main(["status", killed, "--state-dir", STATE]) == 0
    code, said = pasted(next_of(capfd.readouterr().out), two.here.root)
    assert (code, "1 settled earlier" in said) == (0, True), said
    assert len(started.billing.of(1)) == 1
    assert main(["status", killed, "--state-dir", STATE]) == 0
    assert "   a later run of it has gone on" in capfd.readouterr().out


def test_no_spec_of_another_project_stands_in_for_one_whose_project_is_gone(
    two: Two, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Here is one of the same path, which bills another list of accounts."""
    two.start(UNKNOWN_UNEXECUTED)
    named = ["--state-dir", str(tmp_path / "shared")]
    assert main(["run", SPEC, *named]) == 3
    two.break_off(tmp_path / "shared")
    two.rest(tmp_path / "shared")
    shutil.copy(two.there.root / "tenants.yaml", two.here.root)
    two.there.root.rename(tmp_path / "moved")
    capfd.readouterr()
    assert main(["status", "latest", *named]) == 0
    assert next_of(capfd.readouterr().out).startswith(f"zbatch run {shlex.quote(SPEC)} ")
    assert main(["reconcile", "--tenant", "real", *named]) == 4
    told = capfd.readouterr().err
    assert "specs/month-end.yaml" not in next_of(told)
    assert "with the spec that lists it" in told


def test_status_of_a_killed_reconciliation_is_gone_on_with_in_its_own_project(
    two: Two, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without a spec it is the folder that says which tenants there are."""
    two.start(UNKNOWN_EXECUTED)
    assert main(["run", SPEC]) == 3
    two.rest(two.there.state)
    code, said = pasted("zbatch reconcile --tenant real", two.there.root)
    assert code == 0, said
    two.break_off(two.there.state)
    capfd.readouterr()
    assert main(["status", "latest", "--state-dir", STATE]) == 0
    code, said = pasted(next_of(capfd.readouterr().out), two.here.root)
    assert (code, "nothing is left in doubt" in said) == (0, True), said
