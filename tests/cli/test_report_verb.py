"""`zbatch report`: a run rendered again, from the command line to the file."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from support import told
from zbatch.app.loading import Overrides, load_plan
from zbatch.app.state import State
from zbatch.cli import main
from zbatch.cli.report_markdown import LIMIT
from zbatch.model import Outcome, Problem
from zbatch.report.lines import as_json
from zbatch.report.tables import COLUMNS

LINES = [told.line(number, outcome) for number, outcome in enumerate(Outcome, 1)]
MONEY = [
    told.shown(1, told.detail(1, "2000.05"), told.detail(2, "500.05")),
    told.shown(2, told.detail(3, "1000.00", currency="EUR", appended=True)),
    told.shown(3, told.detail(3, "1000.00", currency="EUR", appended=True)),  # one draft for both
    told.shown(4, told.detail(4, None)),
    told.line(5),  # not read back
    told.shown(6, told.detail(6, "7.00"), outcome=Outcome.ALREADY_INVOICED),
    told.shown(7, told.detail(7, "9.00", status="Canceled")),
]
SPEC = """version: 1
name: month-end
tenant: emulator
dates: [{target_date: 2026-11-30}]
accounts: ["2c93808457d787030157e0306be53a75"]
"""
Said = Callable[..., str]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a project with one run of each outcome, and a protected tenant."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "month-end.yaml").write_text("version: 1\n")
    (tmp_path / "tenants.yaml").write_text("version: 1\ntenants: {}\n")
    monkeypatch.chdir(tmp_path)
    told.keep(State(tmp_path / ".zbatch"), LINES)
    return tmp_path


@pytest.fixture
def said(project: Path, capfd: pytest.CaptureFixture[str]) -> Said:
    """Give a function that runs a command, insists on its exit code, and returns what it said."""

    def run(*words: str, code: int = 0) -> str:
        assert main(("report", *words)) == code
        captured = capfd.readouterr()
        return captured.err if code else captured.out

    return run


def test_the_format_of_findings_is_none_of_a_report(
    said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `zbatch validate` is told by the environment neither stops a report nor alters it."""
    monkeypatch.setenv("ZBATCH_FORMAT", "github")
    assert said("latest").startswith("### `production`")
    monkeypatch.setenv("ZBATCH_FORMAT", "json")
    assert said("latest").startswith("### `production`")
    monkeypatch.setenv("ZBATCH_REPORT_FORMAT", "json")
    assert said("latest").startswith("{")


def test_the_file_of_a_frozen_plan_is_none_of_a_report(
    said: Said, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `zbatch plan` is told by the environment sends no report anywhere."""
    monkeypatch.setenv("ZBATCH_OUT", "plan.json")
    assert said("latest").startswith("### `production`")
    assert not (project / "plan.json").exists()
    monkeypatch.setenv("ZBATCH_REPORT_OUT", "run.html")
    assert said("latest") == ""
    assert (project / "run.html").read_text("utf-8").startswith("<!")


def test_the_summary_says_all_on_the_first_lines(said: Said) -> None:
    """Without a format it is Markdown: verdict, totals, causes, and whoever needs a look."""
    text = said("specs/month-end.yaml")
    assert text.startswith("### `production` · `month-end-2026-11` · run `20261130T201502Z-7f3a`")
    assert "**An outcome is unknown: reconcile it, and bill nothing by hand.** · 2 min 39 s" in text
    assert "| 1 | 1 | 1 | 1 | 1 | 1 | 6 |" in text
    assert "| 1 | `NO_ANSWER` | It was sent, and no answer was recorded. |" in text
    assert text.index("**UNKNOWN** (1)") < text.index("**failed** (1)")
    assert text == said("latest", "--format", "md") == said("7f3a", "--out", "-")


def test_the_summary_stays_below_what_github_takes(said: Said, project: Path) -> None:
    """What has no room is counted, and the counts add up."""
    text = " ".join(["wörter"] * 40)
    lines = [
        told.line(number, Outcome.FAILED, error=Problem("INVALID_VALUE", text))
        for number in range(1, 2601)
    ]
    told.keep(State(project / ".zbatch"), lines)
    summary = said("latest")
    assert 900_000 < len(summary.encode()) < LIMIT
    shown = summary.count("\n| `2c93808457d78703")
    assert f"\n{2600 - shown:,} more items failed: the summary has no room.\n" in summary


def test_a_hostile_tenant_writes_no_markdown(said: Said, project: Path) -> None:
    """Nobody is mentioned, nothing is linked, and no cell ends early."""
    told.keep(State(project / ".zbatch"), told.hostile_lines())
    rows = [line for line in said("latest").splitlines() if line.startswith("|")]
    table = rows[-len(told.HOSTILE) :]
    assert all(row.count("|") == 6 for row in table)
    assert all(part.startswith("`") for row in table for part in row.split(" | ")[2:])


def test_a_stopped_run_says_why(said: Said, project: Path) -> None:
    """And one that is not over says how much it does not know."""
    state = State(project / ".zbatch")
    told.keep(state, LINES[:1], exit_code=4, stop="the deadline")
    assert "Not as planned: `the deadline`" in said("latest")
    told.keep(state, LINES[:1], exit_code=None, finished_at=None, outcomes=None, planned=9)
    assert "ended before it could say how: 8 of 9 items" in said("latest")
    told.keep(state, LINES[:1], exit_code=143)
    assert "It was interrupted, and nothing is in doubt" in said("latest")


def test_what_a_run_has_seen_of_its_invoices_is_said_beside_the_verdict(
    said: Said, project: Path
) -> None:
    """All is settled, and a customer may be billed twice: the summary says both."""
    told.keep(State(project / ".zbatch"), [told.line()], read_back=told.SEEN, exit_code=1)
    text = said("latest")
    assert "**All is settled, but an item may be billed twice: more than one invoice" in text
    assert f"To be looked at: `{told.SEEN_SAID}; zbatch verify tells of each`" in text


@pytest.mark.parametrize("form", ["html", "csv", "junit", "md", "json"])
def test_a_report_that_lost_a_line_says_so_beside_any_format(
    project: Path, capfd: pytest.CaptureFixture[str], form: str
) -> None:
    """Whoever opens tables or JSON would not see it."""
    (run,) = (project / ".zbatch" / "runs").iterdir()
    lines = (run / "report.jsonl").read_bytes().splitlines(keepends=True)
    words = ("report", "latest", "--format", form, "--out")
    assert main((*words, "whole")) == 0
    assert "not whole" not in capfd.readouterr().err
    (run / "report.jsonl").write_bytes(b"".join(lines[1:]))
    assert main((*words, "cut")) == 0
    assert "This report is not whole" in capfd.readouterr().err


def test_the_document_holds_record_and_lines(said: Said, project: Path) -> None:
    """What a program reads is what the run has written, fields of a later version and all."""
    folder = project / ".zbatch" / "runs" / told.RUN
    with (folder / "report.jsonl").open("a") as file:
        file.write(json.dumps({**as_json(LINES[0]), "more": ["1.10"]}) + "\n")
    found = json.loads(said("latest", "--format", "json"))
    assert found["version"] == 1
    assert found["run"] == json.loads((folder / "run.json").read_text())
    kept = (folder / "report.jsonl").read_text().splitlines()
    assert found["items"] == [json.loads(line) for line in kept]


@pytest.mark.parametrize("name", ["report.md", "report.xml", "report.json", "report.html"])
def test_the_name_of_the_file_tells_the_format(said: Said, project: Path, name: str) -> None:
    """It is written whole, with nothing beside it, and never takes another's place."""
    assert said("latest", "--out", name) == ""
    first = (project / name).read_bytes()
    assert first
    said("latest", "--out", name)
    (project / name).write_text("mine")
    assert f"--out {name} exists and holds something else" in said("latest", "--out", name, code=2)
    assert (project / name).read_text() == "mine"
    assert not [path for path in project.iterdir() if path.name.startswith(f".{name}")]


def test_a_file_that_is_written_is_named(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """On standard error, from where the command was given, so that it can be opened at once."""
    for words, name in (
        (("--out", "run.html"), "run.html"),
        (("--format", "csv", "--out", "t"), "t"),
    ):
        assert main(("report", "latest", *words)) == 0
        assert capfd.readouterr() == ("", f"wrote {name}\n")


def test_the_tables_come_as_one_folder(said: Said, project: Path) -> None:
    """All seven, or none, and never into a folder that is there."""
    said("latest", "--format", "csv", "--out", "tables")
    assert {path.name for path in (project / "tables").iterdir()} == {
        "totals.csv",
        *(f"{one}.csv" for one in Outcome),
    }
    assert "tables exists" in said("latest", "--format", "csv", "--out", "tables", code=2)
    assert "name a folder with --out" in said("latest", "--format", "csv", code=2)
    assert "No such file" in said("latest", "--format", "csv", "--out", "no/where", code=2)
    report = project / ".zbatch" / "runs" / told.RUN / "report.jsonl"
    report.write_text("{}\n")
    assert "cannot be reported" in said("latest", "--format", "csv", "--out", "more", code=6)
    assert not [path for path in project.iterdir() if "more" in path.name]


def test_the_summary_and_the_tables_say_what_the_invoices_come_to(
    said: Said, project: Path
) -> None:
    """By outcome and currency, what is not known said beside it, and nothing twice."""
    kept = {"questions": 1, "unread": 1, "findings": {"tax_failed": 1}}
    told.keep(State(project / ".zbatch"), MONEY, read_back=kept)
    text = said("latest")
    assert (
        "| outcome | currency | invoices | amount |\n|---|---|---:|---:|\n"
        "| invoiced | `EUR` | 1 | 1,000.00 |\n"
        "| invoiced | `USD` | 3 | 2,500.10 |\n"
        "| invoiced | not told | 1 | ? |\n"
        "| already invoiced | `USD` | 1 | 7.00 |\n"
    ) in text
    look = "invoices: 1 tax failed, 1 item not read back; zbatch verify tells of each"
    assert f"To be looked at: `{look}`" in text
    assert "Of 2 invoices no amount is known here: zbatch verify asks." in text
    assert "1 invoice was an open draft before: the whole amount counts." in text
    document = json.loads(said("latest", "--format", "json"))
    amounts = [(one["currency"], one["amount"]) for one in document["totals"]]
    assert amounts == [("EUR", "1000.00"), ("USD", "2500.10"), (None, None), ("USD", "7.00")]
    assert document["totals"][1] == {
        "outcome": "invoiced",
        "currency": "USD",
        "invoices": 3,
        "amount": "2500.10",
        "without_amount": 1,
        "appended": 0,
    }
    said("latest", "--format", "csv", "--out", "tables")
    written = (project / "tables" / "totals.csv").read_text("utf-8-sig")
    assert written.splitlines() == [
        "outcome,currency,invoices,amount,without_amount,appended_to_older_drafts",
        "invoiced,EUR,1,1000.00,0,1",
        "invoiced,USD,3,2500.10,1,0",
        "invoiced,,1,,1,0",
        "already_invoiced,USD,1,7.00,0,0",
    ]


def test_failed_csv_is_an_account_file_again(said: Said, project: Path) -> None:
    """A spec bills exactly the failed items anew, and is not even warned."""
    hostile = [replace(one, account_id=f"{n:032x}") for n, one in enumerate(told.hostile_lines())]
    told.keep(State(project / ".zbatch"), [*LINES, *hostile])
    said("latest", "--format", "csv", "--out", "specs/again")
    (project / "specs" / "again.yaml").write_text(
        "version: 1\nname: again\ntenant: emulator\n"
        "dates: [{target_date: 2026-10-31}]\naccounts: [{file: again/failed.csv}]\n"
    )
    plan = load_plan(Path("specs/again.yaml"), Overrides(strict=True))
    wanted = {(li.account_id, li.target_date, li.invoice_date) for li in [LINES[3], *hostile]}
    assert {
        (item.identity.account_id, item.identity.target_date, item.invoice_date)
        for item in plan.items
    } == wanted
    assert COLUMNS[:3] == ("account_id", "target_date", "invoice_date")


def test_failed_csv_of_a_month_that_ends_on_a_sunday_is_not_warned_of(
    said: Said, project: Path
) -> None:
    """The table writes the invoice date out; the spec that had passed had none."""
    sunday = date(2026, 5, 31)
    failed = replace(LINES[3], target_date=sunday, invoice_date=sunday)
    told.keep(State(project / ".zbatch"), [*LINES[:3], failed, *LINES[4:]])
    said("latest", "--format", "csv", "--out", "specs/again")
    (project / "specs" / "again.yaml").write_text(
        "version: 1\nname: again\ntenant: emulator\n"
        "dates: [{target_date: 2026-10-31}]\naccounts: [{file: again/failed.csv}]\n"
    )
    (item,) = load_plan(Path("specs/again.yaml"), Overrides(strict=True)).items
    assert (item.identity.target_date, item.invoice_date) == (sunday, sunday)


def test_what_cannot_be_told_is_said(said: Said, project: Path) -> None:
    """No such run, no format, a damaged record."""
    assert "no run 'nobody' is known" in said("nobody", code=5)
    assert "say with --format" in said("latest", "--out", "report.pdf", code=2)
    (project / ".zbatch" / "runs" / told.RUN / "run.json").write_text("{")
    assert "cannot be reported: run.json is not JSON" in said("latest", code=6)


def test_the_run_is_not_touched(said: Said, project: Path) -> None:
    """Not a byte of it, nor a file beside it."""
    folder = project / ".zbatch"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    for form in ("html", "junit", "md", "json"):
        said("latest", "--format", form)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_evidence_is_gathered_and_checked(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """From the command line: a seal on standard error, findings with exit 1."""

    def said(*words: str, code: int = 0) -> str:
        assert main(words) == code
        captured = capfd.readouterr()
        return captured.out + captured.err

    shutil.rmtree(project / ".zbatch")
    (project / "specs" / "month-end.yaml").write_text(SPEC, "utf-8")
    said("run", "specs/month-end.yaml", "-q")
    made = said("report", "latest", "--evidence", "run.zip")
    seal = made.split()[-1]
    assert ": 8 files, seal " in made
    assert seal in said("report", "--check", "run.zip")
    assert "all as they were" in said("report", "--check", "run.zip")
    said("report", "latest", "--evidence", "run.zip")  # the very same: it stays
    (project / "specs" / "month-end.yaml").write_text("version: 1\n")
    assert "exists and holds" in said("report", "latest", "--evidence", "run.zip", code=2)
    made = said("report", "latest", "--evidence", "less.zip")
    assert made.startswith("not in the bundle: specs/month-end.yaml, changed since the run")
    assert "was never in it: specs/month-end.yaml" in said("report", "--check", "less.zip")
    data = (project / "run.zip").read_bytes()
    (project / "run.zip").write_bytes(data[:100] + b"?" + data[101:])
    assert "its seal does not fit" in said("report", "--check", "run.zip", code=1)
    assert "stand alone" in said("report", "latest", "--check", "a", "--evidence", "b", code=2)
    assert "leave the run out" in said("report", "latest", "--check", "run.zip", code=2)
    assert "name a run" in said("report", code=2)
