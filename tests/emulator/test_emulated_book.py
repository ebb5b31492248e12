"""The account book: what it may say, and how it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from zbatch.emulator.book import AccountStatus, Book, BookAccount, BookRefused, parse_book
from zbatch.emulator.config import EmulatorConfig
from zbatch.emulator.files import load_book
from zbatch.errors import Refused

ID = "2c93808457d787030157e0306be53a01"
OTHER = "2c93808457d787030157e0306be53a02"
ROOT = Path(__file__).parents[2]


def read(text: str) -> Book:
    """Read a book called b.csv, 20 ms where nothing is said."""
    return parse_book(text, "b.csv", 0.02)


def test_every_column_is_read() -> None:
    """Each column says what it says, and case does not matter for an ID."""
    book = read(
        "account_id,account_number,status,charges,invoices,latency,currency,amount,tax,note\n"
        f'{ID},A00991201,Active,due,3,800ms,EUR,99.50,failed,"one, two"\n'
        f"{OTHER.upper()},,Canceled,none,,1.5m,,,,\n"
    )
    assert book.find(ID.upper()) == BookAccount(
        *(AccountStatus.ACTIVE, True, 3, 0.8, "A00991201"), "EUR", 9950, tax_fails=True
    )
    assert book.find(OTHER) == BookAccount(AccountStatus.CANCELED, False, 1, 90.0)
    assert book.find("f" * 32) is None


@pytest.mark.parametrize("text", [f"account_id\n{ID}\n", f"\ufeffaccount_id\r\n\r\n{ID}\r\n\r\n"])
def test_a_list_of_ids_is_a_book(text: str) -> None:
    """Only the ID is required: active, due, one invoice, the ordinary latency."""
    assert read(text).find(ID) == BookAccount(latency=0.02)


PROBLEMS = [
    ("", ["b.csv:1 no column 'account_id'"]),
    ("account,status\n", ["b.csv:1 unknown column 'account'"]),
    ("account_id,note,note\n", ["b.csv:1 a column appears twice"]),
    (f"account_id\n{ID[:-1]}\n", ["b.csv:2 account_id"]),
    (f"account_id\n{ID},x\n", ["b.csv:2 2 fields under 1 columns"]),
    (f"account_id\n{ID}\n\n{ID.upper()}\n", [f"b.csv:4 {ID} is already on line 2"]),
    (f"account_id,status\n{ID},active\n", ["b.csv:2 status 'active' is none of Active, Canceled"]),
    (f"account_id,account_number\n{ID},A'1\n", ["b.csv:2 account_number"]),
    (f"account_id,charges\n{ID},yes\n", ["b.csv:2 charges 'yes'"]),
    (f"account_id,invoices\n{ID},0\n", ["b.csv:2 invoices '0'"]),
    (f"account_id,invoices\n{ID},٣\n", ["b.csv:2 invoices"]),
    (f"account_id,latency\n{ID},2\n", ["b.csv:2 latency '2' is not a duration"]),
    (f"account_id,currency\n{ID},eur\n", ["b.csv:2 currency 'eur' is not three capital letters"]),
    (f"account_id,amount\n{ID},9.5\n", ["b.csv:2 amount '9.5' is not an amount like 99.00"]),
    (f"account_id,tax\n{ID},x\n", ["b.csv:2 tax 'x' is none of complete, failed"]),
    (f'account_id,note\n{ID},"a\nb"\nx,\ny,\n', ["b.csv:4 account_id 'x'", "b.csv:5 account_id"]),
    (f'account_id,note\n{ID},"a\n', ["b.csv: not a CSV file"]),
    (f'account_id,note\n{ID},"a"b\n', ["b.csv: not a CSV file"]),
    (f"account_id,note\n{ID},{'x' * 200_000}\n", ["b.csv: not a CSV file"]),
]


@pytest.mark.parametrize(("text", "told"), PROBLEMS, ids=range(len(PROBLEMS)))
def test_every_problem_is_told_with_its_line(text: str, told: list[str]) -> None:
    """A book with errors is refused, and the message names file and line of each."""
    with pytest.raises(BookRefused) as refused:
        read(text)
    lines = str(refused.value).splitlines()
    assert len(lines) == len(told)
    assert all(line.startswith(start) for line, start in zip(lines, told, strict=True))


def test_without_a_book_every_account_exists() -> None:
    """Every well-formed ID is there, active and due; an ill-formed one is not."""
    book = load_book(EmulatorConfig(Path("unused"), latency=0.5))
    assert book.find("0" * 32) == BookAccount(latency=0.5)
    assert book.find("0" * 31) is None


def test_a_book_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file and one that is no text are refused by name."""
    with pytest.raises(Refused, match=r"none\.csv: cannot be read: No such file"):
        load_book(EmulatorConfig(tmp_path, book=tmp_path / "none.csv"))
    (tmp_path / "latin.csv").write_bytes(b"account_id,note\n,\xe9\n")
    with pytest.raises(Refused, match=r"latin.csv:2 not UTF-8"):
        load_book(EmulatorConfig(tmp_path, book=tmp_path / "latin.csv"))


def test_the_sample_book() -> None:
    """The book that comes with the emulator has one of each kind."""
    book = load_book(EmulatorConfig(Path("unused"), book=ROOT / "emulator" / "accounts.csv"))
    assert book.listed is not None
    assert list(book.listed) == [f"{ID[:-2]}{n:02x}" for n in range(1, 13)]
    accounts = list(book.listed.values())
    assert accounts[:6] == [BookAccount()] * 6
    assert accounts[6].invoices == 3
    assert [a.charges_due for a in accounts[6:9]] == [True, False, False]
    assert [a.status for a in accounts[9:11]] == [AccountStatus.CANCELED] * 2
    assert accounts[11] == BookAccount(latency=0.8)
