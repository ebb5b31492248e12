"""The tables for spreadsheets: nothing in them is computed, and what zbatch reads is unspoilt."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable

import pytest

from support import told
from zbatch.model import Detail, Outcome
from zbatch.report.lines import Line
from zbatch.report.tables import BOM, COLUMNS, guarded, tables, totals_table


def files(lines: Iterable[Line]) -> dict[Outcome, str]:
    written: dict[Outcome, str] = defaultdict(str)

    def write(outcome: Outcome, text: str) -> None:
        written[outcome] += text

    lines = list(lines)
    tables(lines, told.beside(lines), write)
    return written


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix(BOM), newline="")))


def test_each_outcome_has_its_file() -> None:
    """Six files, each with its head, also where nothing came to that."""
    found = files([told.line(1), told.line(2), told.line(3, Outcome.FAILED)])
    assert set(found) == set(Outcome)
    assert all(text.startswith(BOM + ",".join(COLUMNS) + "\r\n") for text in found.values())
    counts = {one: len(rows(text)) for one, text in found.items() if rows(text)}
    assert counts == {Outcome.INVOICED: 2, Outcome.FAILED: 1}


def test_a_failure_says_what_its_code_means_and_who_mends_it() -> None:
    """The words are those of the last block."""
    (row,) = rows(files([told.line(3, Outcome.FAILED)])[Outcome.FAILED])
    assert row["meaning"] == "A value was refused; the message says which."
    assert row["who_mends"] == "whoever looks after the account in Zuora"
    assert row["started"] == "20261130T201502Z"


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "|x", "00123", "1e9", "12E+3", "4.02892E+31", "1/2",
     "2026-11-30", "10:30", "TRUE", "MAR1", "sept 12", "3-Dec", "1,234"],
)  # fmt: skip
def test_what_a_spreadsheet_would_alter_is_guarded(text: str) -> None:
    """A formula, a number, a date."""
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("text", ["A00991201", "2c93808457d7", "Marge 7", "zb1-00", "x=1", ""])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    """What is safe needs no apostrophe."""
    assert guarded(text) == text


def test_no_cell_of_a_hostile_tenant_is_computed() -> None:
    """Every cell begins as text, stands on one line, and holds nothing invisible."""
    text = files(told.hostile_lines())[Outcome.FAILED]
    found = rows(text)
    assert len(found) == len(told.HOSTILE)
    for row in found:
        for name in COLUMNS[3:]:
            if name not in ("http_status", "attempts", "milliseconds"):
                assert guarded(row[name]) == row[name]
            assert row[name].isprintable()
            assert len(row[name]) <= 2001
    assert text.count("\r\n") == text.count("\n") == 1 + len(found)


@pytest.mark.parametrize(
    ("details", "money"),
    [
        ([told.detail(1, "574.79")], ("INV00000001", "574.79", "USD")),
        ([told.detail(1, "-5.00", currency=None)], ("INV00000001", "-5.00", "")),
        (
            [told.detail(1, "7.00", currency=None), told.detail(2, "8.00", currency=None)],
            ("INV00000001 INV00000002", "7.00 + 8.00", ""),
        ),
        (
            [told.detail(1, "0.10"), told.detail(2, "0.20")],
            ("INV00000001 INV00000002", "0.30", "USD"),
        ),
        (
            [told.detail(1, "5.00", currency="USD"), told.detail(2, "10.00", currency="EUR")],
            ("INV00000001 INV00000002", "10.00 + 5.00", "EUR + USD"),
        ),
        (
            [told.detail(1, "1.00"), told.detail(2, None)],
            ("INV00000001 INV00000002", "1.00 + ?", "USD"),
        ),
        ([Detail("8a" * 16)], ("", "?", "")),
        ([told.detail(1, "12345678901234567.89")], ("INV00000001", "'12345678901234567.89", "USD")),
        ([told.detail(1, "9.00", status="Canceled")], ("INV00000001", "", "")),
    ],
)  # fmt: skip
def test_an_item_has_what_its_invoices_come_to(
    details: list[Detail], money: tuple[str, str, str]
) -> None:
    """An exact sum, never of two currencies; what is not told is shown to be missing."""
    (row,) = rows(files([told.shown(1, *details)])[Outcome.INVOICED])
    assert (row["invoice_numbers"], row["amount"], row["currency"]) == money


def test_what_has_no_currency_is_not_added_up() -> None:
    """Two invoices may be of two currencies; that of one alone is told."""
    one, two = (told.shown(n, told.detail(n, "7.00", currency=None)) for n in (1, 2))
    for lines, amount in (([one], "7.00"), ([one, two], "")):
        (row,) = rows(totals_table(told.beside(lines).totals))
        assert (row["currency"], row["invoices"], row["amount"]) == ("", str(len(lines)), amount)
        assert row["without_amount"] == "0"


def test_a_failed_tax_says_why() -> None:
    """In the words of the tenant, once for all invoices of an item."""
    failed = {"tax_status": "Error", "tax_message": "No tax engine."}
    details = (told.detail(1, **failed), told.detail(2, **failed), told.detail(3))
    (row,) = rows(files([told.shown(1, *details)])[Outcome.INVOICED])
    assert row["tax"] == "Error: No tax engine."


def test_an_invoice_that_was_not_read_back_has_no_amount() -> None:
    """Its ID is known, and that is said in place of a figure."""
    (row,) = rows(files([told.line(1)])[Outcome.INVOICED])
    assert (row["amount"], row["currency"], row["tax"]) == ("?", "", "")


@pytest.mark.parametrize("text", told.HOSTILE)
def test_no_cell_of_a_hostile_invoice_is_computed(text: str) -> None:
    """Neither its number nor its currency, status or tax."""
    lines = [told.hostile_invoice(text)]
    (row,) = rows(files(lines)[Outcome.INVOICED])
    assert row["amount"] == "?"
    for name in ("invoice_numbers", "currency", "tax"):
        assert guarded(row[name]) == row[name]
        assert row[name].isprintable()
    (total,) = rows(totals_table(told.beside(lines).totals))
    assert guarded(total["currency"]) == total["currency"]


def test_the_account_id_is_raw_where_zbatch_reads_it() -> None:
    """Digits alone are guarded for people in another column."""
    one = told.line(1, Outcome.FAILED, account_id="4" * 32)
    (row,) = rows(files([one])[Outcome.FAILED])
    assert (row["account_id"], row["account"]) == ("4" * 32, "'" + "4" * 32)
