"""Account files: CSV read as text and as a stream, each row checked before it is handed on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date
from io import BytesIO
from itertools import chain
from typing import BinaryIO

from zbatch.spec.csv_cells import Cells, Row, Unreadable, find_delimiter, place
from zbatch.spec.csv_header import Header, Layout
from zbatch.spec.csv_passed import PassedOver
from zbatch.spec.csv_text import Lines, WrongPlaces
from zbatch.spec.csv_values import Complaint, read_date, why_not_id, why_not_number
from zbatch.spec.diagnostics import Diagnostic
from zbatch.spec.reading import FORBIDDEN
from zbatch.spec.values import ACCOUNT_ID, ACCOUNT_NUMBER

# line and column of the account's cell; its ID or number; target date or None where the spec's
# own dates hold; invoice date or None where it is the target date
AccountRow = tuple[int, int, str, date | None, date | None]

MAX_ROWS = 2_000_000
_SPEC_DATES = (None, None)
_FIRST_LINE = "the first line must name the columns; it is empty"
_BLANK = "an empty row stands between rows, where an account may have been lost"
_SEPARATOR = "put a cell that holds a separator in quotes"
_DAYS = 4096  # different dates that are remembered, so that most cells cost a look-up


class AccountRows:
    """An account file being read, once: its rows, and what there is to say when they are over.

    `columns` gives our names of columns the names in the file; only a `dated` one may have dates
    of its own. `kind` is `account_id` or
    `account_number`, which is how all rows of the file name their accounts, and None where the
    header is wrong; then there are no rows. IDs come in lower case, numbers as they are written.
    `rows` and `digest`, the SHA-256 of the file's bytes in hexadecimal, are whole once the rows
    are over. Rows handed out are no proof of a good file: look at `problems` afterwards.
    """

    def __init__(
        self,
        content: BinaryIO | bytes,
        file: str,
        columns: Mapping[str, str] | None = None,
        *,
        dated: bool = True,
    ) -> None:
        self.rows = 0
        self._dated = dated
        self._findings = WrongPlaces(file)
        stream = BytesIO(content) if isinstance(content, bytes) else content
        self._text = Lines(stream, self._findings)
        self._days: dict[str, date | None] = {"": None}
        self._ignored: PassedOver | None = None
        self._rows: Iterator[Row] = iter(())
        self._layout = self._begin(columns or {})

    @property
    def kind(self) -> str | None:
        """How the rows name their accounts."""
        return self._layout.kind if self._layout else None

    @property
    def digest(self) -> str:
        """The SHA-256 of the bytes read."""
        return self._text.digest

    @property
    def problems(self) -> list[Diagnostic]:
        """What is wrong, in no particular order."""
        return self._findings.problems

    def __iter__(self) -> Iterator[AccountRow]:
        if self._layout is not None:
            with suppress(Unreadable):  # told where the quote begins that is not closed
                yield from self._read(self._layout)
            if not self.rows and not self.problems:
                self._findings.tell(1, 1, "ZB408", "the file has a header, but no rows")
        if self._ignored:
            self._ignored.tell(self._findings)
        self._findings.finish()

    def _begin(self, columns: Mapping[str, str]) -> Layout | None:
        lines = iter(self._text)
        header = next(lines, "")
        if self._text.failed:
            return None
        if not header.strip():
            blank = not any(map(str.strip, lines))
            told = ("ZB103", "the file is empty") if blank else ("ZB401", _FIRST_LINE)
            self._findings.tell(1, 1, *told)
            return None
        try:
            delimiter = find_delimiter(header)
        except ValueError as error:
            self._findings.tell(1, 1, "ZB407", str(error))
            return None
        self._rows = iter(Cells(chain([header], lines), delimiter, self._findings))
        return self._header(columns)

    def _header(self, columns: Mapping[str, str]) -> Layout | None:
        try:
            row = next(self._rows, None)
        except Unreadable:
            return None
        if row is None or row[0] > 1:
            return None  # the quotes of the first line are wrong, which was told
        places = [place(row, position) for position in range(len(row[1]))]
        header = Header(row[1], places, columns, self._findings, dated=self._dated)
        layout = header.layout()
        self._ignored = PassedOver(row, layout) if layout else None
        return layout

    def _read(self, layout: Layout) -> Iterator[AccountRow]:
        account, is_id = layout.account, layout.kind == "account_id"
        fits = (ACCOUNT_ID if is_id else ACCOUNT_NUMBER).fullmatch
        for row in self._whole(layout):
            cells = row[1]
            if self._ignored and self._ignored.looks:
                self._ignored.see(cells)
            name = cells[account]
            days = self._dates(row, layout) if layout.dated else _SPEC_DATES
            if not fits(name):
                self._misnamed(row, layout)
            elif self.rows == MAX_ROWS:
                self._findings.tell(row[0], 1, "ZB417", f"more than {MAX_ROWS:,} rows")
                return
            elif days is not None:
                self.rows += 1
                line, column = place(row, account) if account else (row[0], 1)
                yield line, column, name.lower() if is_id else name, *days

    def _whole(self, layout: Layout) -> Iterator[Row]:
        """Give the rows with as many cells as the header; empty ones are lost accounts, perhaps."""
        blank = 0
        for row in self._rows:
            line, cells, _ = row
            if not cells[0] and not any(cells):
                blank = blank or line
                continue
            if blank:
                self._findings.tell(blank, 1, "ZB413", _BLANK, "delete it, or fill it in")
                blank = 0
            if len(cells) == layout.width:
                yield row
            else:
                self._ragged(row, layout.width)

    def _dates(self, row: Row, layout: Layout) -> tuple[date | None, date | None] | None:
        """Return target date and invoice date, or None where a finding was told."""
        wanted = [position for position in (layout.target, layout.invoice) if position is not None]
        known = [self._knows(row, position) for position in wanted]
        if not all(known):
            return None
        target, *others = (self._days[row[1][position]] for position in wanted)
        invoice = others[0] if others else None
        if invoice and not target:
            message = "the row has an invoice date, but no target date"
            self._tell(row, wanted[-1], ("ZB428", message, "fill in both, or neither"))
            return None
        return target, invoice

    def _knows(self, row: Row, position: int) -> bool:
        """Tell whether a cell holds a day or nothing; remember the day, or tell what is wrong."""
        text = row[1][position]
        if text in self._days:
            return True
        if self._findings.full:
            self._findings.count(*place(row, position))
            return False
        day = read_date(text)
        if not isinstance(day, date):
            self._tell(row, position, day)
            return False
        if len(self._days) == _DAYS:
            self._days = {"": None}
        self._days[text] = day
        return True

    def _ragged(self, row: Row, width: int) -> None:
        cells = row[1]
        if len(cells) < width:
            message = f"the row has {len(cells)} of the header's {width} cells"
            self._tell(row, len(cells) - 1, ("ZB411", message, ""))
        else:
            message = f"the row has {len(cells)} cells, the header {width}"
            hint = _SEPARATOR if any(cells[width:]) else "delete the separators at its end"
            self._tell(row, width, ("ZB412", message, hint))

    def _misnamed(self, row: Row, layout: Layout) -> None:
        name = row[1][layout.account]
        if self._findings.full:
            self._findings.count(*place(row, layout.account))
        elif not FORBIDDEN.search(name):  # that was told
            why = why_not_id if layout.kind == "account_id" else why_not_number
            self._tell(row, layout.account, why(name))

    def _tell(self, row: Row, position: int, complaint: Complaint) -> None:
        self._findings.tell(*place(row, position), *complaint)
