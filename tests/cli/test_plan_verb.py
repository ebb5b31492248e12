"""`zbatch plan` and what follows from it, from the command line to the exit code."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from zbatch.cli import main

ROOT = Path(__file__).parents[2]
SPEC = "specs/month-end.yaml"
Said = Callable[..., str]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a copy of the sample project and work in it."""
    for name in ("specs", "emulator"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("rehearsals"))
    shutil.copy(ROOT / "tenants.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def said(project: Path, capfd: pytest.CaptureFixture[str]) -> Said:
    """Give a function that runs a command, insists on its exit code, and returns what it said."""

    def run(*words: str, code: int = 0) -> str:
        assert main(words) == code
        captured = capfd.readouterr()
        return captured.err if code == 2 or words[0] == "run" else captured.out

    return run


def change(project: Path) -> None:
    """Change a spec by a comment, which is enough for it to be another one."""
    with (project / SPEC).open("a", encoding="utf-8") as spec:
        spec.write("# looked at\n")


def test_the_digest_goes_from_job_to_job(said: Said, project: Path) -> None:
    """What --digest prints is what --json and the text show, and what run takes."""
    digest = said("plan", SPEC, "--digest").strip()
    assert json.loads(said("plan", SPEC, "--json"))["digest"] == digest
    assert f"digest    {digest}\n" in said("plan", SPEC)
    assert f"digest `{digest}`\n" in said("plan", SPEC, "--markdown", "-")
    assert f"as approved: {digest}" in said("run", SPEC, "--plan-digest", digest)
    change(project)
    text = said("run", SPEC, "--plan-digest", digest, code=2)
    assert "ZB509" in text
    assert "compare with the digests of what was approved" in text


def test_a_frozen_plan_is_shown_run_and_gone_on_with(said: Said, project: Path) -> None:
    """From --out to a second run of the same plan, each step says where it stands."""
    said("plan", SPEC, "--out", "plan.json")
    assert said("plan", "plan.json") == said("plan", SPEC)
    assert said("run", "plan.json", "--dry-run") == ""
    first = said("run", "plan.json")
    assert "run before" not in first
    assert "zbatch run plan.json --retry-nothing" in first
    second = said("run", "plan.json")
    assert "this plan was run before, last by " in second
    assert "0 calls" in second
    assert "8 invoiced, 2 nothing to bill; 0 to send" in said("plan", "plan.json")


def test_a_stale_plan_is_shown_with_a_banner(said: Said, project: Path) -> None:
    """What changed stands first, then what was approved; and it is not run."""
    said("plan", SPEC, "--out", "plan.json")
    change(project)
    text = said("plan", "plan.json")
    assert text.startswith("STALE: zbatch run refuses this plan")
    assert "ZB503" in text
    assert "What was approved:\n10 items · 10 accounts · 10 calls\n" in text
    document = json.loads(said("plan", "plan.json", "--json"))
    assert len(document["stale"]) == 1
    assert document["frozen"]["approved"]["items"] == 10
    assert said("plan", "plan.json", "--strict", code=2) == ""
    assert "ZB503" in said("run", "plan.json", code=2)
    assert "stale" in said("plan", "plan.json", "--out", "again.json", code=2)
    assert not (project / ".zbatch").exists()


def test_nothing_is_overwritten(said: Said, project: Path) -> None:
    """Files that hold something else stay, and the refusal names the flag."""
    (project / "mine").write_text("precious")
    for flag in ("--out", "--markdown"):
        assert f"{flag} mine exists" in said("plan", SPEC, flag, "mine", code=2)
        said("plan", SPEC, flag, f"new{flag}")
        said("plan", SPEC, flag, f"new{flag}")
    assert (project / "mine").read_text() == "precious"


def test_standard_output_has_one_product(said: Said) -> None:
    """Two that both want it are refused, and named."""
    for flags in (["--json", "--digest"], ["--json", "--markdown", "-"]):
        assert "each want standard output" in said("plan", SPEC, *flags, code=2)


def test_the_exit_code_tells_of_work(said: Said, project: Path) -> None:
    """10 while a run has something to do, 0 afterwards; without the flag always 0."""
    said("plan", SPEC, "--detailed-exitcode", code=10)
    said("run", SPEC)
    said("plan", SPEC, "--detailed-exitcode")


def test_a_comment_tells_what_disappeared(said: Said, project: Path) -> None:
    """Against last month's spec: on line 1 of the comment, at the top of the text."""
    spec = (project / SPEC).read_text("utf-8")
    (project / "specs" / "old.yaml").write_text(spec.replace("53a01", "53aff"), "utf-8")
    text = said("plan", SPEC, "--against", "specs/old.yaml", "--markdown", "comment.md")
    assert text.startswith("1 account disappeared, 1 new\n10 items")
    comment = (project / "comment.md").read_text("utf-8")
    assert "**1 account disappeared, 1 new**" in comment.splitlines()[0]
    assert "there is no such file" in said("plan", SPEC, "--against", "nobody", code=2)


def test_f133_warnings_are_errors_if_wished(said: Said, project: Path) -> None:
    """F133: far fewer items than last time; --strict makes that exit 2, with the plan shown."""
    accounts = "".join(f'  - "2c93808457d787030157e0306be5{n:04x}"\n' for n in range(40))
    head = (project / SPEC).read_text("utf-8").partition("accounts:")[0]
    (project / "specs" / "old.yaml").write_text(f"{head}accounts:\n{accounts}", "utf-8")
    against = ("--against", "specs/old.yaml")
    assert "WARNING   ZB921 far fewer items" in said("plan", SPEC, *against)
    said("plan", SPEC, *against, "--strict", code=2)


def test_an_override_is_part_of_a_plan(said: Said, project: Path) -> None:
    """A plan made with --rate is run no faster; another tenant than its own is refused."""
    said("plan", SPEC, "--rate", "100/s", "--out", "plan.json", code=2)
    said("plan", SPEC, "--rate", "9/s", "--out", "plan.json")
    assert "as approved" in said("run", "plan.json", "--rate", "5/s")
    assert "--rate 10/s is more" in said("run", "plan.json", "--rate", "10/s", code=2)
    assert "ZB507" in said("run", "plan.json", "--tenant", "other", code=2)


def test_a_damaged_plan_is_refused_by_every_verb(said: Said, project: Path) -> None:
    """Cut off or edited, it is no plan, and that is said without a traceback."""
    said("plan", SPEC, "--out", "plan.json")
    whole = (project / "plan.json").read_text("utf-8")
    for text, code in ((whole[:-40], "ZB501"), (whole.replace(": 10", ": 9", 1), "ZB502")):
        (project / "plan.json").write_text(text, "utf-8")
        for verb in ("plan", "run"):
            assert code in said(verb, "plan.json", code=2)


ACCOUNT = "2c93808457d787030157e0306be53a0"
ENTRIES = {n: f'  - "{ACCOUNT}{n}"\n' for n in range(1, 10)}
EARLY = "dates: [{target_date: 2026-10-15}], reason: early termination"
MOVED = f'  - {{id: "{ACCOUNT}2", {EARLY}}}\n'
OCTOBER = (ENTRIES[1], MOVED, ENTRIES[3], ENTRIES[4], ENTRIES[9])
NOVEMBER = (*(ENTRIES[n] for n in (1, 2, 3, 4, 5)), "  - {file: accounts/new.csv}\n")


def write_months(project: Path) -> None:
    """Write the specs of two months, as the page on reviewing compares them."""
    for name, entries in (("2026-10", OCTOBER), ("2026-11", NOVEMBER)):
        spec = (
            f"version: 1\nname: month-end-{name}\ntenant: emulator\nperiod: {name}\n"
            f"dates: [{{target_date: end_of_month}}]\naccounts:\n{''.join(entries)}"
        )
        if name == "2026-11":
            spec += f'exclude: [{{id: "{ACCOUNT}5", reason: dispute}}]\n'
        (project / "specs" / f"{name}.yaml").write_text(spec, "utf-8")
    (project / "specs" / "accounts").mkdir()
    rows = "".join(f"{ACCOUNT}{n}\n" for n in (7, 8))
    (project / "specs" / "accounts" / "new.csv").write_text(f"account_id\n{rows}", "utf-8")


def test_the_page_on_reviewing_shows_what_is_printed(said: Said, project: Path) -> None:
    """The example of docs/reviewing.md is what its command prints, but for the digest."""
    page = (ROOT / "docs" / "reviewing.md").read_text("utf-8")
    _, command, _, text = page.split("```", 4)[:4]
    write_months(project)
    words = command.removeprefix("sh\nzbatch ").split()
    printed = re.sub(r"(?<=digest    )[0-9a-f]{64}", "0" * 64, said(*words))
    assert text.removeprefix("text\n") == printed


def test_who_may_be_excluded_by_number_is_told_before_it_is_looked_up(
    said: Said, project: Path
) -> None:
    """An account listed by ID and kept out by number is counted in until the tenant is asked."""
    write_months(project)
    spec = project / "specs" / "2026-11.yaml"
    text = spec.read_text("utf-8")
    spec.write_text(text.replace("exclude: [", 'exclude: [{number: A7, reason: "FIN-4790"}, '))
    line = 'by number, counted in until the run looks it up, 1 account: 1 for "FIN-4790"'
    plan = " ".join(said("plan", "specs/2026-11.yaml").split())
    assert f'excluded 1 account: 1 for "dispute"; {line}' in plan
    assert "by number, counted in until" in said("plan", "specs/2026-11.yaml", "--markdown", "-")
    told = json.loads(said("plan", "specs/2026-11.yaml", "--json"))
    assert told["to_exclude"] == [{"reason": "FIN-4790", "accounts": 1}]


def test_a_date_that_did_not_move_on_with_the_period_is_told(said: Said, project: Path) -> None:
    """A list of last month whose own dates nobody has changed is what somebody forgot."""
    for month, days in (("10", 31), ("11", 30)):
        own = f'{{id: "{ACCOUNT}1", reason: late, dates: [{{target_date: 2026-10-15}}]}}'
        text = f"version: 1\nname: m\ntenant: emulator\nperiod: 2026-{month}\naccounts: [{own}]\n"
        dates = f"dates: [{{target_date: 2026-{month}-{days}}}]\n"
        (project / "specs" / f"2026-{month}.yaml").write_text(text + dates)
    plan = said("plan", "specs/2026-11.yaml", "--against", "specs/2026-10.yaml")
    assert "  now     2026-10-15, the same as then: were they to move on?\n" in plan


def test_who_is_excluded_has_not_disappeared(said: Said, project: Path) -> None:
    """Of accounts that are not listed any more those that `exclude` keeps out stand apart."""
    write_months(project)
    said("run", "specs/2026-10.yaml")
    spec = project / "specs" / "2026-11.yaml"
    text = spec.read_text("utf-8")
    spec.write_text(text.replace(f'exclude: [{{id: "{ACCOUNT}5"', f'exclude: [{{id: "{ACCOUNT}4"'))
    for name in ("specs/2026-10.yaml", "latest"):
        plan = said("plan", "specs/2026-11.yaml", "--against", name)
        assert plan.startswith("1 account disappeared, 1 account excluded, 3 new")
        assert f'excluded  1 account for "dispute"\n          {ACCOUNT}4\n' in plan
        assert f"gone      {ACCOUNT}9\n" in plan
    comment = said("plan", "specs/2026-11.yaml", "--against", "latest", "--markdown", "-")
    assert f"1 account excluded</summary>\n\nFor `dispute`: `{ACCOUNT}4`\n" in comment
    told = json.loads(said("plan", "specs/2026-11.yaml", "--against", "latest", "--json"))
    excluded = {"reason": "dispute", "count": 1, "first": [f"{ACCOUNT}4"]}
    assert told["against"]["excluded"] == [excluded]


@pytest.fixture
def billed(said: Said, project: Path) -> Path:
    """Bill a spec of two accounts, one of which fails, and give it."""
    head = "version: 1\nname: two\ntenant: emulator\ndates:\n  - {target_date: 2026-10-31}\n"
    text = f"{head}accounts:\n{ENTRIES[1]}{ENTRIES[1].replace('a01', 'a0a')}"
    spec = project / "specs" / "two.yaml"
    spec.write_text(text, "utf-8")
    said("run", "specs/two.yaml", code=1)
    return spec


def test_who_waits_for_an_earlier_date_is_told(said: Said, billed: Path) -> None:
    """What run does not send, since an earlier date of the account failed, is not to be sent."""
    text = billed.read_text("utf-8")
    billed.write_text(text.replace("2026-10-31", "2026-11-30"), "utf-8")
    plan = " ".join(said("plan", "specs/two.yaml").split())
    assert "nothing yet; 1 to send; 1 held back by another date of the account" in plan
    assert json.loads(said("plan", "specs/two.yaml", "--json"))["ledger"]["held_back"] == 1
    assert "1 to send" in said("run", "specs/two.yaml", code=4)
    plan = " ".join(said("plan", "specs/two.yaml", "--detailed-exitcode", code=10).split())
    assert "1 invoiced; 0 to send; 1 held back" in plan
    assert plan.count("none: what is left is held back") == 2


def test_what_lets_go_on_who_is_held_back_is_named(
    said: Said, billed: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The earlier date is of this spec and is sent with --retry-failed, and then the later one."""
    text = billed.read_text("utf-8")
    dates = "2026-10-31}\n  - {target_date: 2026-11-30}"
    billed.write_text(text.replace("2026-10-31}", dates), "utf-8")
    said("run", "specs/two.yaml", code=1)
    plan = " ".join(said("plan", "specs/two.yaml").split())
    assert "2 invoiced, 1 failed; 0 to send; 1 held back" in plan
    why = "none: what is left is held back; what failed is sent with --retry-failed only"
    assert plan.count(why) == 2
    assert main(["run", "specs/two.yaml", "-n", "--retry-failed"]) == 0
    again = " ".join(capfd.readouterr().out.split())
    assert "2 invoiced; 2 to send" in again
    assert "held back" not in again


def test_who_waits_for_what_is_sent_itself_is_to_be_sent(said: Said, billed: Path) -> None:
    """An earlier date that the same run sends again, since the spec mends it, holds nothing."""
    text = billed.read_text("utf-8").replace(ENTRIES[1], "")
    dates = "2026-10-31, invoice_date: 2026-11-02}\n  - {target_date: 2026-11-30"
    billed.write_text(text.replace("2026-10-31", dates), "utf-8")
    assert "nothing yet; 2 to send\n" in said("plan", "specs/two.yaml")


def test_what_a_run_refuses_is_named_and_not_frozen(said: Said, billed: Path) -> None:
    """A new invoice date of what is billed is told with the old one, by plan and run alike."""
    said("plan", "specs/two.yaml", "--out", "plan.json")
    text = billed.read_text("utf-8")
    billed.write_text(text.replace("10-31}", "10-31, invoice_date: 2026-11-02}"), "utf-8")
    change = "invoice date 2026-10-31 before, 2026-11-02 now"
    plan = " ".join(said("plan", "specs/two.yaml").split())
    assert f"(invoiced; specs/two.yaml:7), {change}" in plan
    assert "revision: 2" in plan
    assert change in said("plan", "specs/two.yaml", "--markdown", "-")
    told = json.loads(said("plan", "specs/two.yaml", "--json"))["ledger"]["changes"]
    assert [one["before"]["invoice_date"] for one in told] == ["2026-10-31"]
    assert change in said("plan", "specs/two.yaml", "--out", "new.json", code=2)
    assert not Path("new.json").exists()
    assert change in said("run", "specs/two.yaml", code=2)


def test_the_account_book_on_the_page_does_what_it_says(said: Said, project: Path) -> None:
    """The example of docs/tenants.md fails, bills and leaves out the accounts that it names."""
    page = (ROOT / "docs" / "tenants.md").read_text("utf-8")
    (project / "emulator" / "accounts.csv").write_text(
        page.partition("```csv\n")[2].partition("```")[0], "utf-8"
    )
    entries = "".join(ENTRIES[n] for n in (1, 2, 3, 4)) + f'  - "{ACCOUNT[:-1]}ff"\n'
    head = "version: 1\nname: book\ntenant: emulator\ndates: [{target_date: 2026-11-30}]\n"
    (project / "specs" / "book.yaml").write_text(f"{head}accounts:\n{entries}", "utf-8")
    told = said("run", "specs/book.yaml", code=1)
    assert "invoiced 2 " in told
    assert "nothing to bill 1 " in told
    assert "failed 2 " in told
