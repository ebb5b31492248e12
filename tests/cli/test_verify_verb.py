"""`zbatch verify`: what it prints for people and for programs, and how it ends."""

from __future__ import annotations

import io
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from support.accounts import account
from support.runs import Project
from zbatch.app import verify as verifying
from zbatch.cli import main
from zbatch.cli.verify import verify
from zbatch.engine.agreement import Code
from zbatch.report.differences import SAID
from zbatch.spec.schema import schema_text


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Give a project on the built-in tenant, and work in it."""
    project = Project(tmp_path)
    project.tenants()
    lines = f"{account(1)},EUR,10.00,\n{account(2)},EUR,0.00,\n{account(3)},USD,5.00,failed\n"
    (tmp_path / "book.csv").write_text(f"account_id,currency,amount,tax\n{lines}")
    monkeypatch.chdir(tmp_path)
    return project


def told(*words: str, capfd: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Call zbatch, and give its exit code and what it has printed."""
    capfd.readouterr()
    code = main(["verify", *words, "--wait", "0s"])
    printed = capfd.readouterr()
    return code, printed.out, printed.err


def test_a_clean_run(project: Project, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing on standard output, exit 0, and the sum on standard error."""
    project.run(project.spec(1))
    code, out, err = told("specs/month-end.yaml", capfd=capfd)
    assert (code, out) == (0, "")
    assert err == (
        "1 item held against tenant emulator (emulator) by 1 question: 1 invoiced\n"
        "  10.00 EUR in 1 invoice\n"
        "tenant and ledger agree\n"
    )


def test_findings_for_people(project: Project, capfd: pytest.CaptureFixture[str]) -> None:
    """A line each, with the place in the spec, and exit 1."""
    spec = project.spec(1, 2, 3)
    project.run(spec)
    code, out, err = told("latest", capfd=capfd)
    assert code == 1
    first, second = out.splitlines()
    assert first.startswith(f"{spec}:8 {account(2)} 2026-11-30: amount is zero: invoice INV0")
    assert ": tax failed: the tax of invoice INV0" in second
    assert err.splitlines()[1:] == [
        "  10.00 EUR in 2 invoices",
        "  5.00 USD in 1 invoice",
        "2 findings: 1 amount is zero, 1 tax failed",
    ]


def test_a_terminal_gets_lines_that_are_broken_between_words(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No word is cut, where it would be at the edge of the window; what follows is set in."""
    project.run(project.spec(1, 2, 3))
    terminal = Terminal()
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stdout", terminal)
    words = ["specs/month-end.yaml", "--wait", "0s"]
    assert verify.main(words, "zbatch verify", standalone_mode=False) == 1
    lines = terminal.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    heads = [line for line in lines if not line.startswith("    ")]
    assert [head.split()[1] for head in heads] == [account(2), account(3)]
    assert "The tax of this invoice could not be calculated." in " ".join(" ".join(lines).split())


def test_findings_for_programs(project: Project, capfd: pytest.CaptureFixture[str]) -> None:
    """One object that the schema describes, whatever was found."""
    project.run(project.spec(1, 2, 3))
    code, out, _ = told("specs/month-end.yaml", "--json", capfd=capfd)
    document: dict[str, Any] = json.loads(out)
    Draft202012Validator(json.loads(schema_text("verify"))).validate(document)
    assert code == document["exit_code"] == 1
    assert [one["code"] for one in document["findings"]] == ["zero_amount", "tax_failed"]
    assert document["findings"][1]["account_id"] == account(3)
    assert document["totals"] == [
        {"currency": "EUR", "invoices": 2, "amount": "10.00", "without_amount": 0},
        {"currency": "USD", "invoices": 1, "amount": "5.00", "without_amount": 0},
    ]
    assert (document["run_id"], document["items"], document["questions"]) == (None, 3, 1)


def test_no_amount_is_told_where_none_is_known(
    project: Project, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For programs null, for people in words: 0.00 would be an amount."""
    project.run(project.spec(1))
    monkeypatch.setattr(verifying, "as_own", lambda one: replace(one, amount=None))
    _, out, err = told("specs/month-end.yaml", "--json", capfd=capfd)
    document: dict[str, Any] = json.loads(out)
    Draft202012Validator(json.loads(schema_text("verify"))).validate(document)
    untold = {"currency": "EUR", "invoices": 1, "amount": None, "without_amount": 1}
    assert document["totals"] == [untold]
    assert "  1 invoice in EUR, and no amount is known\n" in err


def test_what_latest_means_after_a_reconciliation_is_said(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    """For people in a line of its own, for programs by the ID of each reconciliation."""
    spec = project.spec(1)
    run = project.run(spec).result.run_id
    first, second = (project.reconcile(spec).result.run_id for _ in range(2))
    _, _, err = told("latest", capfd=capfd)
    said = f"run {run}, with what was reconciled since by {second} and 1 before"
    assert err.splitlines()[0] == said
    document = json.loads(told("latest", "--json", capfd=capfd)[1])
    assert (document["run_id"], document["reconciled_by"]) == (run, [first, second])


@pytest.mark.parametrize(
    ("words", "flags"),
    [
        ("specs/month-end.yaml", "specs/month-end.yaml"),
        (
            "specs/month-end.yaml --state-dir 'my state' --period 2026-11 --tenant emulator",
            "specs/month-end.yaml --period 2026-11 --tenant emulator --state-dir 'my state'",
        ),
        ("latest", "--tenant emulator"),
        ("latest --state-dir 'my state'", "--tenant emulator --state-dir 'my state'"),
    ],
)
def test_what_settles_doubt_is_a_command_to_paste(
    words: str,
    flags: str,
    project: Project,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It asks the ledger that was looked into: of the spec, or all that the run's tenant has."""
    state = Path("my state") if "my state" in words else None
    items = tuple(project.run(project.spec(1), state_dir=state).result.plan.items)
    hold = verifying.verify
    monkeypatch.setattr(verifying, "verify", lambda one: replace(hold(one), in_doubt=items))
    code, out, err = told(*shlex.split(words), capfd=capfd)
    command = f"zbatch reconcile {flags}"
    assert code == 3
    assert out.endswith(f": UNKNOWN: the ledger does not know its outcome: {command}\n")
    assert err.splitlines()[-1] == f"1 item in doubt: first run {command}"
    assert main(shlex.split(command)[1:]) == 0


def test_what_is_refused(project: Project, capfd: pytest.CaptureFixture[str]) -> None:
    """No such run is exit 5, no such spec exit 2, and a wait has a form."""
    project.spec(1)
    assert told("latest", capfd=capfd)[0] == 5
    assert told("specs/none.yaml", capfd=capfd)[0] == 2
    assert main(["verify", "latest", "--wait", "soon"]) == 2
    assert "a duration is a number with ms, s, m or h" in capfd.readouterr().err


def test_all_that_can_be_found_has_a_name() -> None:
    """The names are told apart from the codes, in a room that reports too can look into."""
    assert SAID.keys() == set(Code)
    assert len(set(SAID.values())) == len(Code)
