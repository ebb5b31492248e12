"""`zbatch init`: what it writes holds as it is, and what was there stays."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from support.accounts import account
from zbatch.app.init import begin_project
from zbatch.cli import main
from zbatch.errors import CannotStart
from zbatch.spec.schema import schema_text

WRITTEN = {
    ".gitignore",
    "schemas/spec.schema.json",
    "schemas/tenants.schema.json",
    "specs/month-end.yaml",
    "tenants.yaml",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listed(folder: Path) -> dict[str, str]:
    """Read the files below a folder by their names."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in found}


def test_what_it_writes_validates_and_runs(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A fresh project has no problem and no warning, and its spec is billed on the emulator."""
    assert main(["init", "billing"]) == 0
    assert "next: zbatch run billing/specs/month-end.yaml\n" in capfd.readouterr().err
    assert set(listed(here / "billing")) == WRITTEN
    assert main(["validate", "--strict", "billing"]) == 0
    assert capfd.readouterr().err == "0 errors, 0 warnings in 2 files\n"
    assert main(["run", "billing/specs/month-end.yaml"]) == 0
    assert "invoiced 3 " in capfd.readouterr().err


def test_the_account_file_of_its_comment_lies_in_the_project(here: Path) -> None:
    """Who takes the comment's line as it is, and a list in the folder of the project, is billed."""
    main(["init"])
    spec = here / "specs/month-end.yaml"
    text = spec.read_text("utf-8").replace("# - {file:", "  - {file:")
    spec.write_text(text.replace("expect: {accounts: 3}", "expect: {accounts: 4}"))
    (here / "accounts").mkdir()
    (here / "accounts/emea.csv").write_text(f"account_id\n{account(1)}\n")
    assert main(["validate", "specs"]) == 0


def test_the_editor_finds_the_schemas(here: Path) -> None:
    """Each schema line names a file that is there, and that is this version's schema."""
    main(["init"])
    for name, kind in (("specs/month-end.yaml", "spec"), ("tenants.yaml", "tenants")):
        first = (here / name).read_text("utf-8").partition("\n")[0]
        path = first.removeprefix("# yaml-language-server: $schema=")
        assert (here / name).parent.joinpath(path).read_text("utf-8") == schema_text(kind)


def test_nothing_is_overwritten(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What was there is the same afterwards, down to a link that leads nowhere."""
    mine = {"specs/month-end.yaml": "mine", "schemas/spec.schema.json": "{}", ".gitignore": "x\n"}
    for name, text in mine.items():
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_text(text)
    (here / "tenants.yaml").symlink_to("nowhere.yaml")
    main(["init"])
    assert {name: (here / name).read_text() for name in mine} == mine
    assert not (here / "nowhere.yaml").exists()
    said = capfd.readouterr().err
    assert "kept specs/month-end.yaml\n" in said
    assert "zbatch schema spec > schemas/spec.schema.json\n" in said
    assert "wrote schemas/tenants.schema.json\n" in said


def test_twice_is_once(here: Path) -> None:
    """A second call keeps every file and is as content as the first."""
    main(["init"])
    before = listed(here)
    assert main(["init"]) == 0
    assert listed(here) == before


@pytest.mark.parametrize(
    ("text", "code"),
    [("build/\n", 1), ("", 1), ("# .zbatch/\n", 1), (".zbatch\n", 0), ("x\r\n/.zbatch/\r\n", 0)],
)
def test_a_gitignore_that_lets_the_ledger_in(
    here: Path, capfd: pytest.CaptureFixture[str], text: str, code: int
) -> None:
    """A .gitignore of one's own that does not name .zbatch/ is told of, with exit code 1."""
    (here / ".gitignore").write_bytes(text.encode())
    assert main(["init"]) == code
    assert ("lest a ledger gets into git" in capfd.readouterr().err) is bool(code)


def test_no_project_within_another(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A second tenants file below a first would be a second ledger: refused, nothing written."""
    main(["init"])
    before = listed(here)
    for folder in ("emea", "specs", "specs/emea"):
        assert main(["init", folder]) == 2
    assert "another ledger" in capfd.readouterr().err
    assert listed(here) == before


def test_a_folder_that_cannot_be(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A file in place of the folder is refused; one in the way of a folder cannot be passed."""
    (here / "file").touch()
    assert main(["init", "file"]) == 2
    (here / "specs").touch()
    assert main(["init"]) == 6
    assert "specs/month-end.yaml: cannot be written" in capfd.readouterr().err


def test_half_a_file_is_none(here: Path) -> None:
    """A file whose text did not fit on the disk is taken away: kept, it would be half a spec."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(CannotStart, match="too large"):
            begin_project(here / "billing")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((here / "billing").rglob("*.yaml")) == []
