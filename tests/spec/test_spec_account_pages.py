"""What the page on account files shows is what zbatch does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from zbatch.spec import CODES, check_spec
from zbatch.spec.csv_rows import AccountRows
from zbatch.spec.expressions import resolve_date


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs" / "account-files.md").read_text("utf-8")


def _block(page: str, language: str) -> str:
    match = re.search(rf"```{language}\n(.*?)```", page, re.DOTALL)
    assert match
    return match[1]


def test_the_list_shown_is_read(page: str) -> None:
    """The list on the page gives its three rows."""
    rows = AccountRows(_block(page, "csv").encode(), "emea.csv")
    assert [tuple(map(str, row[3:])) for row in rows] == [
        ("None", "None"),
        ("2026-11-15", "None"),
        ("2026-11-15", "2026-12-01"),
    ]
    assert rows.problems == []


def test_the_spec_shown_is_one(page: str, tmp_path: Path) -> None:
    """The spec on the page is in order, but for account numbers where they are not yet known."""
    (tmp_path / "accounts").mkdir()
    (tmp_path / "accounts/emea.csv").write_text(_block(page, "csv"))
    (tmp_path / "accounts/export.csv").write_text("Account Number\nA00991201\n")
    path = tmp_path / "spec.yaml"
    path.write_text(_block(page, "yaml"))
    assert {finding.code for finding in check_spec(path)[1]} <= {"ZB203"}


def test_the_days_shown_are_those_meant(page: str) -> None:
    """Each expression in the table means the day beside it."""
    shown = re.findall(r"^\| `(\S+_of_\S+)` \| ([0-9-]+) \|$", page, re.MULTILINE)
    assert len(shown) == 6
    assert [resolve_date(text, "2026-11").isoformat() for text, _ in shown] == [d for _, d in shown]


def test_every_code_of_account_files_is_on_the_page(page: str) -> None:
    """Whatever is said about a list can be looked up, and no code is made up."""
    told = set(re.findall("ZB[0-9]{3}", page))
    assert told <= set(CODES)
    assert {code for code in CODES if code.startswith("ZB4")} <= told
