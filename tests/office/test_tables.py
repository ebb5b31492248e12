"""The tables in a real spreadsheet program: what was written is what a person sees."""

from __future__ import annotations

import csv
import re
import subprocess
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from support import told
from support.npm import tool
from zbatch.model import Outcome
from zbatch.report.tables import COLUMNS, tables

NUMBERS = {"http_status", "attempts", "milliseconds"}
DATES = {"target_date", "invoice_date"}
SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
LINES = [
    *told.hostile_lines(),
    told.line(90, Outcome.FAILED, account_number="00123", request_id="4" * 32),
    told.line(91, Outcome.FAILED, account_number="12e7", reason="MAR1", track_id="1/2"),
    told.line(92, Outcome.FAILED, account_number="Größe Ω 日本", reason="übrig"),
    told.line(93, Outcome.FAILED, account_id="4" * 32),
]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Open `failed.csv` as the dialog of a person does, and save it as a workbook.

    That dialog knows UTF-8 by the mark at its front; without a window it has to be said (76).
    """
    folder = tmp_path_factory.mktemp("office")
    with (folder / "failed.csv").open("w", encoding="utf-8", newline="") as file:
        tables(
            LINES,
            told.beside(LINES),
            lambda one, text: one is Outcome.FAILED and file.write(text),
        )
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    how = ["--headless", "--infilter=CSV:44,34,76,1", "--convert-to", "xlsx", "failed.csv"]
    subprocess.run(
        [tool("soffice"), profile, *how], cwd=folder, check=True, capture_output=True, timeout=100
    )
    return folder / "failed.xlsx"


def sheet(book: Path) -> tuple[list[list[tuple[str, str]]], str]:
    """Give each cell's kind (`s` is text) and value, and the sheet's own XML."""
    with zipfile.ZipFile(book) as parts:
        shared = [
            "".join(text.text or "" for text in one.iter(f"{SPACE}t"))
            for one in ElementTree.fromstring(parts.read("xl/sharedStrings.xml"))  # noqa: S314 - LibreOffice wrote it
        ]
        text = parts.read("xl/worksheets/sheet1.xml").decode()
    rows = []
    for row in ElementTree.fromstring(text).iter(f"{SPACE}row"):  # noqa: S314 - LibreOffice wrote it
        cells = [("", "")] * len(COLUMNS)
        for cell in row:
            letters = re.match("[A-Z]+", cell.get("r", ""))
            value = cell.findtext(f"{SPACE}v")
            if letters and value is not None:
                kind = cell.get("t", "n")
                at = ord(letters[0]) - ord("A")  # there are fewer columns than letters
                cells[at] = (kind, shared[int(value)] if kind == "s" else value)
        rows.append(cells)
    return rows, text


def test_f146_nothing_is_computed_and_nothing_is_altered(book: Path) -> None:
    """No formula; texts are texts, character by character; numbers are numbers, days are days."""
    found, text = sheet(book)
    assert "<f" not in text.replace("<family", "")
    assert tuple(value for _, value in found[0]) == COLUMNS
    with book.with_name("failed.csv").open(encoding="utf-8-sig", newline="") as file:
        written = list(csv.DictReader(file))
    assert len(found) == 1 + len(written) == 1 + len(LINES)
    for cells, row in zip(found[1:], written, strict=True):
        for name, (kind, value) in zip(COLUMNS, cells, strict=True):
            if name in NUMBERS | DATES:
                assert kind in ("n", "")
            elif name == "account_id" and row[name].isdigit():
                assert kind == "n"  # what zbatch reads is never guarded: `account` is for people
            else:
                assert value == row[name]
                assert kind == ("s" if value else "")


def test_people_see_every_digit(book: Path) -> None:
    """Zeros at the front, and IDs that look like numbers, are there in full."""
    rows, _ = sheet(book)
    account = COLUMNS.index("account")
    seen = [cells[account][1] for cells in rows[-4:]]
    assert seen == ["'00123", "'12e7", "Größe Ω 日本", "'" + "4" * 32]
