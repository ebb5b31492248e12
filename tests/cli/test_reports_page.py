"""What docs/reports.md shows works as it stands there."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from zbatch.cli import main
from zbatch.report.tables import COLUMNS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reports.md").read_text("utf-8")


def test_every_command_of_the_page_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """One after the other, in a project that has been run."""
    for name in ("specs", "emulator"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("rehearsals"))
    shutil.copy(ROOT / "tenants.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    main(["run", "specs/month-end.yaml", "-q"])
    (block,) = re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)
    for line in block.splitlines():
        program, *words = shlex.split(line)
        assert program == "zbatch"
        assert main(words) == 0, line
    (step,) = re.findall(r"run: zbatch (.*) >> ", PAGE)
    capfd.readouterr()
    assert main(shlex.split(step)) == 0
    assert capfd.readouterr().out.startswith("### `emulator` · `month-end-2026-11`")
    made = {path.name for path in tmp_path.iterdir() if path.name.startswith("month-end")}
    assert len(made) == 6


def test_the_columns_that_the_page_names_are_there() -> None:
    """As far as it names any."""
    named = re.search(r"The first columns are (.*?):", PAGE)
    assert named is not None
    assert tuple(re.findall("`(.*?)`", named[1])) == COLUMNS[:3]
    assert {"account", "billed_again"} <= set(COLUMNS)
