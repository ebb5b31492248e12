"""Findings as a text, as JSON and as annotations: where, what, and nothing that is secret."""

from __future__ import annotations

import json
import os
import re
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from rich.cells import cell_len

from support.spec_cases import EXAMPLES, KINDS, cases
from zbatch.app.validate import validate
from zbatch.cli import main
from zbatch.cli.findings import Format, Look, Validation, chosen
from zbatch.cli.findings_github import github_annotations, harmless
from zbatch.cli.findings_json import findings_json
from zbatch.cli.findings_text import findings_text
from zbatch.spec import Diagnostic, Related
from zbatch.spec.diagnostics import LISTED
from zbatch.spec.schema import schema_text

HEAD = "version: 1\nname: nov\ntenant: emulator\ndates: [{target_date: 2026-11-30}]\n"
ID = "2c93808457d787030157e0306be53a01"
TERMINAL = Look(80, wraps=True)
SECRETS = ("hunter2", "s3cr3t", "7c9e6679")


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Validation]:
    """Give a function that checks texts by the names of their files, side by side."""
    monkeypatch.chdir(tmp_path)

    def check(strict: bool = False, **texts: str) -> Validation:
        for name, text in texts.items():
            Path(f"{name}.yaml").write_text(text, "utf-8", newline="")
        found = validate([Path(f"{name}.yaml") for name in texts])
        return Validation(found.diagnostics, found.files, strict)

    return check


Checked = Callable[..., Validation]


def text_of(validation: Validation, look: Look = TERMINAL) -> str:
    return "".join(f"{line}\n" for line in findings_text(validation, look))


@pytest.mark.parametrize("name", ["many-at-once", "duplicate-revision", "unknown-everywhere"])
def test_a_text_is_what_was_agreed(
    name: str, golden: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a terminal of 80 columns shows stands in files beside the tests."""
    shutil.copy(EXAMPLES / "invalid" / f"{name}.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    found = validate([Path(f"{name}.yaml")])
    golden(f"findings-{name}", text_of(Validation(found.diagnostics, found.files)))


@pytest.mark.parametrize("name", ["account-file-duplicate", "limits-above-ceilings"])
def test_places_in_several_files_are_shown_together(
    name: str, golden: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A duplicate shows both places, across spec and account files, and a limit its ceiling."""
    shutil.copytree(EXAMPLES / "invalid" / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    found = validate([Path(name)])
    golden(f"findings-{name}", text_of(Validation(found.diagnostics, found.files)))


def mark_below(text: str, value: str) -> str:
    """Return what of the line stands above the mark, measured in the cells of a terminal."""
    lines = text.splitlines()
    at = next(n for n, line in enumerate(lines) if line.strip("| ").startswith("^"))
    before = lines[at].index("^")
    length = lines[at].count("^")
    above, cells, marked = lines[at - 1], 0, ""
    for character in above:
        if before <= cells < before + length:
            marked += character
        cells += cell_len(character)
    assert value in above
    return marked


@pytest.mark.parametrize(
    ("line", "marked"),
    [
        ("limits: {rate: 600/min, concurrency: 99}", "99"),
        ('accounts: ["\u5e33\u55ae\u5e33\u55ae", {id: "x"}]', '"\u5e33\u55ae\u5e33\u55ae"'),
        ('accounts: [{reason: "\u8acb\u6c42\u66f8", id: "A1"}]', '"A1"'),
        ('accounts: [{reason: "e\u0301te\u0301", id: "A1"}]', '"A1"'),
        ('accounts: [{reason: "\u05e9\u05dc\u05d5\u05dd", id: "A1"}]', '"A1"'),
        ('accounts: [{reason: "\U0001f600\U0001f1e9\U0001f1ea", id: "A1"}]', '"A1"'),
        ('accounts: [{reason: "\u2764\ufe0f", id: "A1"}]', '"A1"'),
        ('accounts:   [{reason: "x",\tid: "A1"}]', '"A1"'),
        ('accounts: [{reason: "' + "\u5e33 " * 120 + '", id: "A1"}]', '"A1"'),
        ("accounts: [" + f'"{ID}", ' * 3 + '"A1"' + f', "{ID}"' * 300 + "]", '"A1"'),
    ],
)
def test_the_mark_stands_below_its_value(line: str, marked: str, checked: Checked) -> None:
    """Wide, narrow, combined and right-to-left characters before a value do not move its mark."""
    text = text_of(checked(spec=f"{HEAD}{line}\n"))
    found = [
        mark_below(block, marked)
        for block in text.split("spec.yaml:")[1:]
        if ": error: the key" not in block and "\n" in block and marked in block.split("\n", 1)[1]
    ]
    assert marked in found
    assert all(cell_len(row) <= 80 for row in text.splitlines())
    assert not any(unicodedata.bidirectional(character) in ("R", "AL") for character in text)
    assert "\ufe0f" not in text


def test_a_terminal_and_a_pull_request_are_shown_no_controls(checked: Checked) -> None:
    """What a terminal could act on is an escape in any part of what is said."""
    validation = checked(
        spec=f'{HEAD}accounts: [{{id: "\\e]8;;x", "a\\u202Eb\\e[2J": 1}}, \x1b, \u202e]\n'
    )
    for line in [*findings_text(validation, TERMINAL), *github_annotations(validation, None)]:
        assert line.isprintable()
        assert "\u202e" not in line


def test_f141_no_example_shows_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """F141: in no format, whatever else stands in the line that is shown."""
    for case in [case for kind in KINDS for case in cases(kind)]:
        validation = Validation(case.findings(), 1)
        said = text_of(validation) + findings_json(validation)
        said += "".join(github_annotations(validation, None))
        assert not [secret for secret in SECRETS if secret in said], case.name


@pytest.mark.parametrize(
    "line",
    [
        "client_secret: {}",
        "client_secret: '{}",
        "client_secret {}",
        "accounts: [x, {{id: y, token: {}}}]",
        "limits: {{rate: 600}} # {}",
        "reconcile: {{settle: 1d, password: [{}]}}",
    ],
)
def test_f141_a_secret_beside_a_mistake_is_not_shown(line: str, checked: Checked) -> None:
    """F141: a line is shown for another mistake in it, or because it is no YAML at all."""
    canary = "c4n4ry"
    text = text_of(checked(spec=f"{HEAD}{line.format(canary)}\n"))
    assert "  5 | " in text
    assert canary not in text


def test_many_of_a_kind_are_shown_as_ten_and_a_count(checked: Checked) -> None:
    """People see ten, JSON a thousand, and the count is that of all."""
    validation = checked(spec=f"{HEAD}accounts:\n" + "  - A1\n" * 3000 + f'  - "{ID}"\n')
    assert text_of(validation).count("[ZB205]") == 11
    text = " ".join(text_of(validation).split())
    assert "error: and 990 more of this kind from here on" in text
    assert "and 2,000 more entries of `accounts` are wrong from here on [ZB212]" in text
    assert validation.errors == 3000
    assert validation.summary == "3,000 errors, 0 warnings in 1 file"
    assert len(json.loads(findings_json(validation))["diagnostics"]) == LISTED + 1


def test_json_is_what_its_schema_says(checked: Checked) -> None:
    """Every finding of every kind fits the schema that is installed."""
    schema = json.loads(schema_text("diagnostics"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    validator.validate(schema["examples"][0])
    for strict in (False, True):
        validation = checked(
            strict, a="nam: x\n", b=f"{HEAD}accounts: [{'1' * 32}, '{'1' * 32}']\n"
        )
        found = json.loads(findings_json(validation))
        validator.validate(found)
        assert (found["errors"], found["warnings"]) == ((8, 0) if strict else (7, 1))
        assert found["diagnostics"][-1]["related"][0]["line"] == 5


def test_annotations_have_their_places_and_escapes(tmp_path: Path) -> None:
    """A path is seen from the top of the repository, and no sign of Actions' own is left."""
    related = (Related("first listed here", "b.csv", 2, 1),)
    found = Diagnostic("sp,ec:s.yaml", 3, 4, "ZB302", "100 %\r\n ##[debug]", "so", related)
    (line,) = github_annotations(Validation((found,), 1), str(Path.cwd().parent))
    here = Path.cwd().name
    assert line == (
        f"::error file={here}/sp%2Cec%3As.yaml,line=3,col=4,title=ZB302::"
        "100 %25%0D%0A ##\\x5bdebug]; so%0Afirst listed here: b.csv:2:1"
    )


def test_annotations_are_no_more_than_are_shown() -> None:
    """Of a kind Actions shows ten: each code comes first, and the tenth says how many more."""
    found = [Diagnostic("a.yaml", n, 1, "ZB205", "x") for n in range(1, 30)]
    found += [Diagnostic("a.yaml", 90, 1, "ZB901", "w")] * 10
    found += [Diagnostic("a.yaml", 99, 1, "ZB301", "y"), Diagnostic("b.yaml", 1, 1, "ZB205", "z")]
    lines = list(github_annotations(Validation((*found, found[0]), 2), None))
    errors = [line for line in lines if line.startswith("::error ")]
    assert len(errors) == len(lines) - len(errors) == 10
    assert "line=99" in errors[1]
    assert errors[-1] == "::error title=zbatch::and 23 more errors: see the log of this step"
    assert lines[10:] == [line for line in lines if line.startswith("::warning ")]


def test_the_format_follows_the_surroundings() -> None:
    """Inside GitHub Actions annotations are chosen by themselves, and nobody is overruled."""
    assert chosen(Format.AUTO, {}) is Format.TEXT
    assert chosen(Format.AUTO, {"GITHUB_ACTIONS": "true"}) is Format.GITHUB
    assert chosen(Format.JSON, {"GITHUB_ACTIONS": "true"}) is Format.JSON
    assert chosen(Format.TEXT, {"GITHUB_ACTIONS": "true"}) is Format.TEXT


def test_a_file_with_an_odd_name_gives_no_command(tmp_path: Path) -> None:
    """A pull request may bring a file whose name is a command of Actions."""
    found = Diagnostic("::stop-commands::x.yaml", 1, 1, "ZB103", "the file is empty")
    (line,) = findings_text(Validation((found,), 1), TERMINAL)
    assert line.startswith("./::stop-commands")
    assert harmless("a ##[group]") == "a ##\\x5bgroup]"


def test_validate_writes_each_format(
    checked: Checked, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Findings are the product: they go to standard output, the count to standard error."""
    checked(spec="nam: x\n")
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert main(["validate", "spec.yaml", "--format", "json"]) == 1
    out, err = capfd.readouterr()
    assert json.loads(out)["errors"] == 6
    assert err == "6 errors, 0 warnings in 1 file\n"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert main(["validate", "spec.yaml"]) == 1
    out = capfd.readouterr().out
    assert out.startswith("::error file=spec.yaml,line=1,col=1,title=ZB201::")
    assert "\n  1 | nam: ***\n" in out
    monkeypatch.setenv("ZBATCH_FORMAT", "text")
    assert main(["validate", "spec.yaml"]) == 1
    assert "::" not in capfd.readouterr().out


def test_strict_makes_errors_of_warnings(
    checked: Checked, capfd: pytest.CaptureFixture[str]
) -> None:
    """A warning is allowed, unless one asks for none."""
    checked(spec=f"{HEAD}accounts: [{'1' * 32}]\n")
    assert main(["validate", "spec.yaml"]) == 0
    assert ": warning: " in capfd.readouterr().out
    assert main(["validate", "spec.yaml", "--strict"]) == 1
    out, err = capfd.readouterr()
    assert ": error: " in out
    assert "] (a warning that --strict refuses)\n" in out
    assert err == "1 error, 0 warnings in 1 file\n"


def test_a_list_of_accounts_is_checked_with_its_spec(
    checked: Checked, capfd: pytest.CaptureFixture[str]
) -> None:
    """Who gives a CSV file is told what to give instead."""
    checked(spec=f"{HEAD}accounts: ['{'1' * 32}']\n")
    Path("emea.csv").write_text("account_id\n", "utf-8")
    assert main(["validate", "emea.csv"]) == 2
    assert "this is a CSV file; give the spec that names it" in capfd.readouterr().err


def test_colour_follows_the_environment(
    checked: Checked, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """FORCE_COLOR paints what a pipe gets too, NO_COLOR nothing, and the words are the same."""
    checked(spec="nam: x\n")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    main(["validate", "spec.yaml"])
    painted = capfd.readouterr().out
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setenv("NO_COLOR", "1")
    main(["validate", "spec.yaml"])
    plain = capfd.readouterr().out
    assert "\x1b[31m" in painted
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == plain


def test_a_line_of_a_megabyte_is_not_shown(checked: Checked) -> None:
    """What nobody reads is not worked on either."""
    text = text_of(checked(spec=f"{HEAD}accounts: [{'A1, ' * 300_000}]\n"))
    assert "  5 | " not in text
    assert "spec.yaml:5:12: error:" in text


def test_a_file_that_is_gone_or_never_ends_is_not_waited_for(tmp_path: Path) -> None:
    """A finding is told without its line where there is none to read."""
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path / "gone.yaml", tmp_path):
        found = Diagnostic(str(path), 1, 1, "ZB201", "x", "y")
        assert text_of(Validation((found,), 1), Look()) == f"{path}:1:1: error: x; y [ZB201]\n"


@pytest.mark.parametrize("verb", [["plan"], ["run", "--dry-run"], ["run"]])
def test_plan_and_run_warn_and_are_as_strict_as_asked(
    verb: list[str], checked: Checked, capfd: pytest.CaptureFixture[str]
) -> None:
    """A warning stands beside the product, and with --strict in its place: nothing is sent."""
    checked(spec=f"{HEAD}accounts: [{'1' * 32}]\n")
    assert main([*verb, "spec.yaml", "--strict"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("spec.yaml:5:12: error: other YAML tools")
    assert err.endswith("\n1 error, 0 warnings in 1 file\n")
    assert not Path(".zbatch").exists()
    assert main([*verb, "spec.yaml"]) == 0
    assert capfd.readouterr().err.startswith("spec.yaml:5:12: warning: other YAML tools")


@pytest.mark.parametrize("verb", [["plan"], ["run", "--dry-run"], ["run"]])
def test_plan_and_run_warn_of_the_tenants_file_too(
    verb: list[str], checked: Checked, capfd: pytest.CaptureFixture[str]
) -> None:
    """What is doubtful of a tenant is told where it is billed, and with --strict refused there."""
    files = "credentials: {client_id_file: ./id, client_secret_file: ./key}"
    near = f"version: 1\ntenants:\n  near:\n    base_url: http://127.0.0.1:9\n    {files}\n"
    Path("tenants.yaml").write_text(near)
    checked(spec=f"{HEAD}accounts: ['{'a' * 32}']\n".replace("emulator", "near"))
    place = "tenants.yaml:5:35"
    assert main([*verb, "spec.yaml", "--strict"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith(f"{place}: error: the file of `client_id_file` lies in the project")
    assert not Path(".zbatch").exists()
    main([*verb, "spec.yaml"])
    assert capfd.readouterr().err.startswith(f"{place}: warning: the file of `client_id_file`")


def test_a_refusal_in_actions_is_an_annotation(
    checked: Checked, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What keeps a plan from being made is shown in the pull request too."""
    checked(spec="nam: x\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert main(["plan", "spec.yaml"]) == 2
    assert capfd.readouterr().err.startswith("::error file=spec.yaml,line=1,col=1,title=ZB201::")


def test_quiet_is_without_warnings(checked: Checked, capfd: pytest.CaptureFixture[str]) -> None:
    """Who wants the last block alone gets no warnings."""
    checked(spec=f"{HEAD}accounts: [{'1' * 32}]\n")
    assert main(["run", "spec.yaml", "-q"]) == 0
    assert "warning" not in capfd.readouterr().err


def test_a_line_of_a_table_is_shown_cell_by_cell(tmp_path: Path) -> None:
    """In an account file the mark is as long as the cell, and ends at what separates it."""
    path = tmp_path / "a.csv"
    path.write_text('account_id;note\n2c93;"a;b"\nx\ty\n', "utf-8")
    found = [Diagnostic(str(path), 2, column, "ZB422", "x") for column in (1, 6)]
    found.append(Diagnostic(str(path), 3, 3, "ZB422", "x"))
    text = text_of(Validation((*found,), 1), Look())
    marks = [line for line in text.splitlines() if "^" in line]
    assert marks == ["    | ^^^^", "    |      ^^^^^", "    |      ^"]


def test_f141_a_file_that_is_no_table_is_masked(tmp_path: Path) -> None:
    """F141: a spec may name a file of settings as its accounts; no line of it is repeated."""
    path = tmp_path / "settings.env"
    path.write_text("AWS_SECRET=hunter2\n", "utf-8")
    text = text_of(Validation((Diagnostic(str(path), 1, 1, "ZB401", "x"),), 1))
    assert "hunter2" not in text
    assert "|" not in text


@pytest.mark.parametrize(
    "line", ["", "# a secret", "  - hunter2", "- [hunter2, hunter3]", "hunter2"]
)
def test_a_line_that_shows_nothing_is_not_shown(line: str, tmp_path: Path) -> None:
    """Of an empty or wholly hidden line there is no excerpt, and the hint is in the sentence."""
    path = tmp_path / "x.yaml"
    path.write_text(f"surplus:\n{line}\n", "utf-8")
    text = text_of(Validation((Diagnostic(str(path), 2, 1, "ZB503", "what", "a hint"),), 1))
    assert "|" not in text
    assert "hunter2" not in text
    assert "a hint" in " ".join(text.split())


def test_the_page_on_validating_shows_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example in docs/validating.md is what a terminal of 80 columns shows."""
    monkeypatch.chdir(tmp_path)
    account = "2c93808457d787030157e0306be53a75"
    rows = "".join(f"{number:032x}\n" for number in range(116))
    for folder in ("accounts", "specs", ".git"):
        Path(folder).mkdir()
    Path("accounts/emea.csv").write_text(f"account_id\n{rows}{account}\n")
    entries = "".join(f'  - "b{number:031x}"\n' for number in range(14))
    Path("specs/nov.yaml").write_text(
        f"{HEAD}limits: {{concurency: 5}}\naccounts:\n{entries}"
        f'  - "{account}"\n  - {{file: ../accounts/emea.csv}}\n'
    )
    found = validate([Path("specs/nov.yaml")])
    validation = Validation(found.diagnostics, found.files)
    page = (EXAMPLES.parents[1] / "docs/validating.md").read_text("utf-8")
    assert f"```text\n{text_of(validation)}{validation.summary}\n```" in page
