"""From lines to rows of cells: strict where Python's csv module is lenient, and with places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from zbatch.spec.csv_text import WrongPlaces

MAX_CELL = 32_767  # characters: what a spreadsheet's cell can hold
_CLOSED = re.compile(r'[^"]*+(?:""[^"]*+)*+"')
_QUOTED = re.compile(r'"[^"]*(?:"|$)')
_QUOTING = 'put the cell in quotes, and write each quote in it twice (`""`)'
_KNOWN = {",": "`,`", ";": "`;`", "\t": "tab"}


Place = tuple[int, int]  # line and column


class Gathered(NamedTuple):
    """The cells of a row that was read one by one, and where each begins."""

    cells: list[str]
    places: list[Place]


# The line where a row begins, its cells, and how to find their places: the characters that
# stand between two of them, or the row as it was gathered.
Row = tuple[int, list[str], int | Gathered]


def place(row: Row, position: int) -> Place:
    """Return where a cell begins."""
    line, cells, how = row
    if isinstance(how, Gathered):
        return how.places[position]
    return line, sum(map(len, cells[:position])) + position * how + 1


class Unreadable(Exception):
    """The rest of a file cannot be told apart into rows; the reason is among the findings."""


def find_delimiter(header: str) -> str:
    """Return what separates the cells; raise ValueError where the header leaves that open."""
    bare = _QUOTED.sub("", header)
    found = [delimiter for delimiter in _KNOWN if delimiter in bare]
    if len(found) > 1:
        both = " and ".join(_KNOWN[delimiter] for delimiter in found)
        raise ValueError(f"the header holds {both}: put column names that hold one in quotes")
    if header.lower().startswith("sep="):
        raise ValueError(
            "a line `sep=` is a spreadsheet's own; the file must begin with the header"
        )
    return found[0] if found else ","


class Cells:
    """The rows of a file that can be told apart into cells; what is wrong with others is told.

    Most lines have no quotes, or every cell in quotes: these are split at once.
    """

    def __init__(self, lines: Iterable[str], delimiter: str, findings: WrongPlaces) -> None:
        self._line = 0
        self._lines = iter(lines)
        self._delimiter = delimiter
        self._findings = findings

    def __iter__(self) -> Iterator[Row]:
        delimiter, between = self._delimiter, f'"{self._delimiter}"'
        for text in self._lines:
            self._line = line = self._line + 1
            if len(text) <= MAX_CELL:
                if '"' not in text:
                    yield line, text.split(delimiter), 1
                    continue
                cells = text[1:-1].split(between)
                if text[0] == '"' == text[-1] and text.count('"') == 2 * len(cells):
                    yield line, cells, 3
                    continue
            if row := self._gather(text):
                yield line, row.cells, row

    def _gather(self, text: str) -> Gathered | None:
        """Read a row cell by cell, over as many lines as its quotes span."""
        row = Gathered([], [])
        at = 0
        while True:
            row.places.append((self._line, at + 1))
            if text.startswith('"', at):
                value, text, end = self._within_quotes(text, at + 1)
                wrong = end if text[end : end + 1] not in ("", self._delimiter) else -1
                what = "text follows the quote that closes this cell"
            else:
                end = text.find(self._delimiter, at) % (len(text) + 1)  # -1: where it ends
                value = text[at:end]
                wrong = text.find('"', at, end)
                what = "a quote stands in a cell that does not begin with one"
            if wrong >= 0:
                self._findings.tell(self._line, wrong + 1, "ZB414", what, _QUOTING)
                return None
            if len(value) > MAX_CELL:
                most = f"the cell has more than {MAX_CELL:,} characters, as no spreadsheet's can"
                self._findings.tell(*row.places[-1], "ZB416", most)
                return None
            row.cells.append(value)
            if end == len(text):
                return row
            at = end + 1

    def _within_quotes(self, text: str, at: int) -> tuple[str, str, int]:
        """Return the text of a cell, the line where it ends, and the place after its quote."""
        line, column = self._line, at
        parts: list[str] = []
        size = 0
        while (match := _CLOSED.match(text, at)) is None:
            parts.append(text[at:])
            size += len(text) - at + 1
            following = next(self._lines, None)
            if following is None or size > MAX_CELL:
                until = "" if following is None else f" within {MAX_CELL:,} characters"
                message = f"this quote is not closed{until}"
                self._findings.tell(line, column, "ZB415", message, "the rest was not checked")
                raise Unreadable
            self._line += 1
            text, at = following, 0
        parts.append(text[at : match.end() - 1])
        return "\n".join(parts).replace('""', '"'), text, match.end()
