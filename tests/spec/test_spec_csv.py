"""Account files as people and spreadsheets leave them: rows, or findings with their places."""

from __future__ import annotations

import csv
import hashlib
import io
import time
import tracemalloc
from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.budget import examples
from zbatch.spec import csv_rows
from zbatch.spec.csv_rows import AccountRows
from zbatch.spec.csv_text import MAX_LINE, PIECE

ID = "2c93808457d787030157e0306be53a75"
OTHER = "8ad08f7b00000000000000000000e001"
DAY = date(2026, 11, 30)


def read(content: bytes | str, **columns: str) -> tuple[list[csv_rows.AccountRow], list[str]]:
    """Read a file to its end; return its rows, and its findings as people see them."""
    data = content.encode() if isinstance(content, str) else content
    file = AccountRows(data, "a.csv", columns)
    rows = list(file)
    assert file.rows == len(rows)
    if rows and not file.problems:
        assert file.digest == hashlib.sha256(data).hexdigest()
    return rows, [str(finding) for finding in sorted(file.problems)]


def wrong(content: bytes | str, **columns: str) -> list[str]:
    """Return the places and codes of the findings."""
    return [
        " ".join(told.removeprefix("a.csv:").split()[:2]) for told in read(content, **columns)[1]
    ]


def only(content: bytes | str, **columns: str) -> str:
    """Return the one finding."""
    found = read(content, **columns)[1]
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_f134_marks_separators_and_line_ends(mark: bytes, end: str, separator: str) -> None:
    """Any mix of byte order mark, separator and line end gives the same rows and places."""
    lines = (["note", "account_id", "target_date"], ["a b", ID, "2026-11-30"], ["", OTHER, ""])
    text = end.join(separator.join(cells) for cells in lines)
    expected = [(2, 5, ID, DAY, None), (3, 2, OTHER, None, None)]
    assert read(mark + text.encode()) == (expected, [])
    assert read(mark + (text + end).encode()) == (expected, [])


def test_f134_other_separators_inside_cells_split_nothing() -> None:
    """What separates is decided by the header alone; elsewhere `,` and tab are text."""
    text = f'account_id;note;"a,b"\n{ID};x,y;\t\n{OTHER};;","\n'
    assert read(text)[0] == [(2, 1, ID, None, None), (3, 1, OTHER, None, None)]


def test_f134_a_header_with_two_separators_is_refused() -> None:
    """A header that can be split in two ways is not split at all."""
    assert "a.csv:1:1 ZB407 the header holds `,` and `;`" in only(f"account_id,a;b\n{ID},\n")
    assert "a.csv:1:1 ZB407 a line `sep=`" in only(f"sep=;\naccount_id;a\n{ID};\n")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_f134_utf_16_is_named(encoding: str) -> None:
    """UTF-16 and UTF-32 are told by name."""
    assert "a.csv:1:1 ZB105 the file is UTF-16, UTF-32" in only(
        f"account_id\n{ID}\n".encode(encoding)
    )


@pytest.mark.parametrize("fill", [0, PIECE - 70, PIECE])
def test_f134_latin_1_is_named_where_it_stands(fill: int) -> None:
    """The first byte that is no UTF-8 has its place, also across pieces; what is before is read."""
    notes = f"{ID},{'x' * 30_000}\n" * (fill // 30_034) + f"{ID},\n"
    line = notes.count("\n") + 2
    data = f"account_id,note\n{notes}".encode() + f"{OTHER},Jos".encode() + b"\xe9,\n"
    rows, told = read(data)
    assert len(rows) == line - 2
    assert told == [
        f"a.csv:{line}:37 ZB105 the byte 0xe9 is not UTF-8, in Latin-1 or Windows-1252 “é”; "
        'save the file as "CSV UTF-8"'
    ]


def test_f134_bytes_cut_anywhere_give_the_same_rows() -> None:
    """Characters and line ends that fall on the seam of two pieces are whole."""

    class Drops(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(1)

    data = f"\ufeffnote,account_id\r\n\u00e4\U0001f600,{ID}\r\r\n\r\n".encode()
    file = AccountRows(Drops(data), "a.csv")
    assert list(file) == [(2, 4, ID, None, None)]
    assert file.digest == hashlib.sha256(data).hexdigest()
    assert file.problems == []


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("account", "1:1 ZB401 a column `account_id` or `account_number` must say"),
        ("name,customer", 'about; the header holds "name", "customer"'),
        ("name,Account ID", '1:6 ZB401 a column `account_id` or `account_number` must say'),
        ("Account ID", 'rename it, or say `columns: {account_id: "Account ID"}` beside `file`'),
        ("AccountNumber", "did you mean `account_number` by"),
        ("account_id,account_number", "1:12 ZB402 the account is named in two ways"),
        ("account_id,account_id", '1:12 ZB403 the column "account_id" stands twice, first in'),
        ("account_id,Target Date", '1:12 ZB404 the column "Target Date" is nearly `target_date`'),
        ("account_id,traget_date", "did you mean it? rename it, or say `columns: {target_date:"),
        ("account_id,invoicedate,target_date", "1:12 ZB404"),
        ("account_id,invoice_date", "1:12 ZB428 `invoice_date` needs a column `target_date`"),
        ("account_id,,", "1:12 ZB406 column 2 of 3 has no name; delete the empty columns"),
        ("account_id|target_date", "1:1 ZB401"),
        ("\naccount_id", "1:1 ZB401 the first line must name the columns; it is empty"),
        ('account_id,"a"b', "1:15 ZB414"),
        ('account_id,"a', "1:12 ZB415"),
    ],
)  # fmt: skip
def test_f135_headers(header: str, told: str) -> None:
    """A header that names no account, two, or nearly a date is refused, with what was meant."""
    assert told in only(f"{header}\n")


def test_f135_columns_by_other_names() -> None:
    """A mapping reads the columns of an export as they are called there, and chooses the kind."""
    text = f"Account ID,Account Number,Paid Through\n{ID},A001,2026-11-30\n"
    by_id = {"account_id": "Account ID", "target_date": "Paid Through"}
    assert read(text, **by_id) == ([(2, 1, ID, DAY, None)], [])
    by_number = {"account_number": "Account Number"}
    rows, warned = read(text, **by_number)
    assert (rows, len(warned)) == ([(2, 34, "A001", None, None)], 1)
    assert "ZB906" in warned[0]
    both = {"account_id": "Account ID", "account_number": "Account Number"}
    assert wrong(text, **both) == ["1:12 ZB402"]
    told = only(text, account_id="Acount ID")
    assert told.endswith('which `columns` names for `account_id`; did you mean "Account ID"?')
    assert wrong(text, account_id="x", target_date="y") == ["1:1 ZB405", "1:1 ZB405"]


def test_f135_columns_that_are_not_ours_are_passed_over() -> None:
    """Other columns may be there twice, and may have any name that is not nearly one of ours."""
    assert read(f"note,note,account_id,invoice_number\n,,{ID},1\n")[1] == []


def test_f135_rows() -> None:
    """Short, long and empty rows are told at their places; rows around them are read."""
    text = (
        f"account_id,target_date\n{ID}\n{ID},2026-11-30,\n{ID},2026-11-30,x\n\n,\n{OTHER},\n\n,\n"
    )
    rows, told = read(text)
    assert rows == [(7, 1, OTHER, None, None)]
    assert told == [
        "a.csv:2:1 ZB411 the row has 1 of the header's 2 cells",
        "a.csv:3:45 ZB412 the row has 3 cells, the header 2; delete the separators at its end",
        "a.csv:4:45 ZB412 the row has 3 cells, the header 2; "
        "put a cell that holds a separator in quotes",
        "a.csv:5:1 ZB413 an empty row stands between rows, where an account may have been lost; "
        "delete it, or fill it in",
    ]


def test_f135_quotes_across_lines() -> None:
    """A cell may span lines; the rows after it have the numbers of their physical lines."""
    text = (
        f'note,account_id,more\n"a\r\nb ""c""\n","{ID}","x\n"\n"q",{OTHER},z\n'
        f'"only\nquoted","{ID[::-1]}x",""\n'
    )
    rows, told = read(text)
    assert rows == [(4, 3, ID, None, None), (6, 5, OTHER, None, None)]
    assert [line.split(";")[0] for line in told] == [
        "a.csv:8:9 ZB422 must be an account ID of exactly 32 hexadecimal characters"
    ]


@pytest.mark.parametrize(
    ("row", "place"),
    [
        (f'{ID},5" pipe', "2:35 ZB414"),
        (f'{ID}, "x"', "2:35 ZB414"),
        (f'{ID},"x" ', "2:37 ZB414"),
        (f'{ID},"x"y"', "2:37 ZB414"),
        (f'{ID},"x', "2:34 ZB415"),
        (f'{ID},"x""', "2:34 ZB415"),
        (f'"{ID}","x"",""', "2:36 ZB415"),
    ],
)
def test_f135_quotes_where_csv_has_none(row: str, place: str) -> None:
    """What Python's csv module would read somehow is refused at the quote."""
    assert wrong(f"account_id,note\n{row}\n") == [place]


def test_f135_an_open_quote_swallows_nothing_silently() -> None:
    """A quote that is never closed is told where it opens, and reading ends there."""
    rows, told = read(f'account_id,note\n{ID},"x\n' + f"{OTHER},\n" * 100_000)
    assert rows == []
    assert told == [
        "a.csv:2:34 ZB415 this quote is not closed within 32,767 characters; "
        "the rest was not checked"
    ]


def test_f135_empty_files() -> None:
    """A file without text, and one without rows, is refused."""
    assert wrong(b"") == wrong(b"\xef\xbb\xbf") == wrong(b"\r\n \n") == ["1:1 ZB103"]
    assert wrong("account_id\n") == wrong("account_id\n\n\n") == ["1:1 ZB408"]


def test_f136_nul_and_invisible_characters() -> None:
    """NUL, zero-width and direction-changing characters are told wherever they stand."""
    text = f"account_id,note\n{ID},a\x00b\u200b\n{ID[:8]}\u202e{ID[9:]},\n{OTHER},\u00a0ß\n"
    rows, told = read(text)
    assert [row[0] for row in rows] == [2, 4]
    assert told == [
        "a.csv:2:35 ZB106 the character U+0000 (a control character) cannot be seen in review; "
        "remove it",
        "a.csv:2:37 ZB106 the character U+200B (zero width space) cannot be seen in review; "
        "remove it",
        "a.csv:3:9 ZB106 the character U+202E (right-to-left override) cannot be seen in review; "
        "remove it",
    ]


def test_f136_a_file_of_nul_is_left_early() -> None:
    """A file that is no text is not searched to its end."""
    start = time.process_time()
    told = read(b"account_id\n" + b"\x00" * 10_000_000)[1]
    assert time.process_time() - start < 2
    assert len(told) == 1001
    assert "ZB418" in told[-1]


@pytest.mark.parametrize("quoted", ["{}", '"{}"', '"a\n{}"'])
def test_f136_huge_cells(quoted: str) -> None:
    """A cell of 200 KB is told at its place, and the rows after it are read."""
    text = f"account_id,note\n{ID},{quoted.format('x' * 200_000)}\n{OTHER},\n"
    rows, told = read(text)
    assert told == [
        "a.csv:2:34 ZB416 the cell has more than 32,767 characters, as no spreadsheet's can"
    ]
    assert rows == [(text.count("\n"), 1, OTHER, None, None)]
    assert len(read(f'account_id,note\n{ID},"{"x" * 32_767}"\n')[0]) == 1


def test_f136_a_line_without_end_is_not_held_in_memory() -> None:
    """A line of more than a million characters ends the reading."""

    class Endless(io.RawIOBase):
        asked = 0

        def read(self, size: int = -1) -> bytes:
            self.asked += size
            return b"account_id," + b"x" * (size - 11)

    stream = Endless()
    file = AccountRows(stream, "a.csv")  # type: ignore[arg-type]  # all that it needs is `read`
    assert list(file) == []
    assert [finding.code for finding in file.problems] == ["ZB416"]
    assert stream.asked < 2 * MAX_LINE


def _generated(rows: int, row: str) -> Iterator[bytes]:
    for start in range(0, rows, 1000):
        yield "".join(row.format(n) for n in range(start, start + 1000)).encode()


class Stream(io.RawIOBase):
    """A file that is made while it is read."""

    def __init__(self, header: bytes, pieces: Iterator[bytes]) -> None:
        self.header = header
        self.pieces = pieces

    def read(self, size: int = -1) -> bytes:
        header, self.header = self.header, b""
        return header or next(self.pieces, b"")


@pytest.mark.parametrize(
    ("row", "bad"),
    [
        ("{:032x},2026-11-30\n", False),
        ('"{:032x}","2026-11-30"\n', False),
        ("{:031x},30/11/2026\n", True),
    ],
)
def test_f136_many_rows_at_flat_memory(row: str, bad: bool) -> None:
    """20,000 rows, good or bad, take no more memory than a few pieces of the file."""
    file = AccountRows(
        Stream(b"account_id,target_date\n", _generated(20_000, row)),  # type: ignore[arg-type]
        "a.csv",
    )
    tracemalloc.start()
    try:
        count = sum(1 for _ in file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == (0 if bad else 20_000)
    assert peak < 1_500_000
    if bad:
        assert len(file.problems) == 1001
        assert file.problems[-1].count == 40_000 - 1000
        assert file.problems[-1].code == "ZB418"
    else:
        assert file.problems == []


def test_f136_more_rows_than_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with more rows than the limit is refused at the first row too many."""
    monkeypatch.setattr(csv_rows, "MAX_ROWS", 2)
    assert wrong(f"account_id\n{ID}\n{ID}\n\n\n") == []
    assert wrong(f"account_id\n{ID}\n{ID}\n{ID}\n") == ["4:1 ZB417"]


def test_f137_what_stands_there_is_kept() -> None:
    """IDs of digits and numbers with zeros at the front stay text; numbers keep their case."""
    assert read(f"account_id\n{'0' * 30}12\n")[0] == [(2, 1, "0" * 30 + "12", None, None)]
    assert read("account_number\n00123\na-00B\n")[0] == [
        (2, 1, "00123", None, None),
        (3, 1, "a-00B", None, None),
    ]
    assert read(f"account_id\n{ID.upper()}\n")[0] == [(2, 1, ID, None, None)]


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("4.02892E+31", "ZB424 a spreadsheet has made an account ID the number"),
        ("4,02892E+31", "ZB424"),
        ("40289200000000000000000000000000.00", "ZB424"),
        ("402892", "ZB424 the account ID \"402892\" has 6 of 32 digits"),
        (ID[:31], "ZB422 must be an account ID of exactly 32 hexadecimal characters"),
        (ID + "0", "ZB422 must be an account ID of exactly 32 hexadecimal characters"),
        ("A00991201", "account numbers go in a column `account_number`"),
        ("", "ZB421 the account's cell is empty"),
        (f" {ID}", "ZB422 spaces stand around"),
        (f"{ID}\u00a0", "ZB422 spaces stand around"),
        ("#N/A", "ZB425 \"#N/A\" is a spreadsheet's error, not an account ID"),
        ("########", "ZB425"),
        ("٣" * 32, "ZB422"),
    ],
)  # fmt: skip
def test_f137_ids_that_a_spreadsheet_has_spoilt(cell: str, told: str) -> None:
    """What a spreadsheet makes of IDs is refused at its place, and explained."""
    for found in (only(f"n;account_id\nx;{cell}\n"), only(f'n;account_id\n"x";"{cell}"\n')):
        assert found.startswith(("a.csv:2:3 ", "a.csv:2:5 "))
        assert told in found


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("1.23457E+11", "ZB424"),
        ("1E+05", "ZB424"),
        ("1,234", "ZB424"),
        ("x" * 71, "ZB423"),
        ("A' or ''='", "ZB423"),
        ("A\\", "ZB423"),
        ("Ä1", "ZB423"),
        ("A1 ", "ZB423"),
        ("", "ZB421"),
    ],
)
def test_f137_numbers_that_are_none(cell: str, code: str) -> None:
    """Account numbers are held to characters that need no care in a query."""
    assert wrong(f'account_number\tn\n"{cell}"\t1\n') == [f"2:1 {code}"]


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("31/01/2026", "ZB427"),
        ("1/2/2026", "ZB427"),
        ("01.02.2026", "ZB427"),
        ("1-2-26", "ZB427"),
        ("2026/01/31", "ZB427"),
        ("2026-1-5", "ZB427"),
        ("01/2026", "ZB427"),
        ("46053", "ZB427"),
        ("46053.5", "ZB427"),
        ("46053,0", "ZB427"),
        ("20260131", "ZB426"),
        ("2026-01-31 00:00", "ZB426"),
        ("2026-01-31T00:00:00Z", "ZB426"),
        ("31-Jan-26", "ZB426"),
        ("end_of_month", "ZB426"),
        ("today", "ZB426"),
        (" 2026-01-31", "ZB426"),
        ("２０２６-01-31", "ZB426"),
        ("=TODAY()", "ZB425"),
        ("#VALUE!", "ZB425"),
        ("2026-02-30", "ZB301"),
        ("0000-00-00", "ZB301"),
    ],
)
def test_f138_dates_are_never_guessed(cell: str, code: str) -> None:
    """A date that is not written YYYY-MM-DD is refused, in either column."""
    text = f'account_id\ttarget_date\tinvoice_date\n{ID}\t"{cell}"\t2026-01-31\n'
    assert wrong(text) == [f"2:34 {code}"]
    text = f"account_id\tinvoice_date\ttarget_date\n{ID}\t{cell}\t2026-01-31\n"
    assert wrong(text) == [f"2:34 {code}"]


def test_f138_dates_in_part() -> None:
    """Without dates the spec's hold; an invoice date needs a target date, not the reverse."""
    text = (
        f"account_id,target_date,invoice_date\n{ID},,\n{ID},2026-11-30,\n{ID},2026-11-30,2026-12-01"
    )
    rows, told = read(text)
    assert told == []
    assert [row[3:] for row in rows] == [(None, None), (DAY, None), (DAY, date(2026, 12, 1))]
    assert wrong(f"account_id,target_date,invoice_date\n{ID},,2026-11-30\n") == ["2:35 ZB428"]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "'"])
@pytest.mark.parametrize("kind", ["account_id", "account_number"])
def test_f139_cells_that_a_spreadsheet_would_execute(first: str, kind: str) -> None:
    """A cell that begins as a formula does is no ID and no number, in quotes or not."""
    codes = wrong(f'{kind}\n"{first}A1"\n')
    assert codes in (["2:1 ZB425"], ["2:1 ZB423"], ["2:1 ZB422"])
    assert wrong(f'{kind}\n"{first}cmd|x"\n') == codes


def test_f139_notes_may_hold_anything_in_quotes() -> None:
    """Columns that are not ours are passed over, whatever a spreadsheet would do with them."""
    assert read(f'account_id,note\n{ID},"=1+1"\n{OTHER},@x\n')[1] == []


cells = st.text(
    st.one_of(
        st.sampled_from('",;\t\n x'), st.characters(min_codepoint=32, max_codepoint=126)
    ),
    max_size=8,
)  # fmt: skip


@examples(100)
@given(
    st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=6),
    st.sampled_from(",;\t"),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_what_the_csv_module_writes_is_read_as_it_reads_it(
    notes: list[list[str]], separator: str, quoting: int, end: str
) -> None:
    """Whatever Python's csv module writes gives its rows, and the lines where they begin."""
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=separator, quoting=quoting, lineterminator="\n")  # type: ignore[arg-type]
    writer.writerow(["a", "b", "account_id", "c"])
    begins = []
    for number, note in enumerate(notes):
        begins.append(written.getvalue().count("\n") + 1)
        writer.writerow([note[0], note[1], f"{number:032x}", note[2]])
    rows, told = read(written.getvalue().replace("\n", end))
    assert told == []
    assert [row[2] for row in rows] == [f"{number:032x}" for number in range(len(notes))]
    lines = written.getvalue().split("\n")
    for row, begin, note in zip(rows, begins, notes, strict=True):
        assert row[0] == begin + note[0].count("\n") + note[1].count("\n")
        assert lines[row[0] - 1][row[1] - 1 :].lstrip('"').startswith(row[2])


@examples(100)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_noise_gives_rows_or_findings(noise: bytes | str) -> None:
    """No content makes the reader raise, and what it says is fit for a terminal."""
    data = noise.encode("utf-8", "surrogatepass") if isinstance(noise, str) else noise
    for content in (data, b"account_id,target_date\n" + data, b'account_number;"' + data):
        file = AccountRows(content, "a.csv")
        rows = list(file)
        assert rows or file.problems
        for finding in file.problems:
            assert finding.line >= 1
            assert finding.column >= 1
            assert finding.sentence.isprintable()
            assert len(finding.sentence) < 1000
