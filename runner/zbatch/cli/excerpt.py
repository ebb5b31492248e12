"""A line of a file with a mark below the place that a finding is about, as wide as it is seen."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from rich.cells import cell_len

from zbatch.app.sources import Line
from zbatch.spec.masking import Piece

HIDDEN = "***"
CUT = "..."
_MARKS = " \t-?:,[]{}"
TAB = " " * 4
# What runs from right to left moves the mark away from its place on a terminal.
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
# These make one character of two, as wide as each terminal likes.
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")


class Unit(NamedTuple):
    """What is shown of a part of the line that is never cut, and where the part begins."""

    text: str
    cells: int
    start: int


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What is shown of a line, and where below it the mark begins and how long it is, in cells."""

    text: str
    offset: int
    length: int

    @property
    def tells(self) -> bool:
        """Whether there is something to see: more than marks around what is hidden."""
        return bool(self.text.replace(HIDDEN, "").strip(_MARKS))


def excerpt(line: Line, column: int, width: int, *, of_key: bool) -> Excerpt:
    """Show a line with the value at a column, or the key, in at most so many cells.

    What opens a list or a map is marked by its first character alone.
    """
    start, end = _extent(line, column - 1, of_key)
    units = list(_units(line))
    before = list(accumulate((unit.cells for unit in units), initial=0))
    first = next((n for n, unit in enumerate(units) if unit.start >= start), len(units))
    after = next((n for n, unit in enumerate(units) if unit.start >= end), len(units))
    offset, length = before[first], max(1, before[max(after, first)] - before[first])
    shown, skipped = _window(units, before, first, width)
    return Excerpt(shown, offset - skipped, max(1, min(length, width - offset + skipped)))


def _extent(line: Line, index: int, of_key: bool) -> tuple[int, int]:
    piece = next((piece for piece in line.pieces if piece.start <= index < piece.end), None)
    if piece is None or (piece.key and not of_key) or line.text[piece.start] in "[{-?":
        return index, index + 1
    if not piece.shown:
        return piece.start, piece.end
    end = piece.start + len(line.text[piece.start : piece.end].rstrip())
    return index, max(end, index + 1)


def _units(line: Line) -> Iterator[Unit]:
    position = 0
    for piece in (*line.pieces, Piece(len(line.text), len(line.text), True)):
        yield from _characters(line.text, position, piece.start)
        if piece.comment:
            return
        if piece.shown:
            yield from _characters(line.text, piece.start, piece.end)
        else:
            yield Unit(HIDDEN, len(HIDDEN), piece.start)
        position = piece.end


def _characters(text: str, start: int, end: int) -> Iterator[Unit]:
    for index in range(start, end):
        shown = _seen(text[index])
        yield Unit(shown, cell_len(shown), index)


def _seen(character: str) -> str:
    if character == "\t":
        return TAB
    if character.isascii() and character.isprintable():
        return character
    moves = unicodedata.bidirectional(character) in _RIGHT_TO_LEFT
    if moves or not character.isprintable() or _SELECTORS.match(character):
        return character.encode("unicode_escape").decode()
    return character


def _window(units: list[Unit], before: list[int], first: int, width: int) -> tuple[str, int]:
    """Cut away what does not fit; return what is left, and how many cells less stand before."""
    if before[-1] <= width:
        return "".join(unit.text for unit in units).rstrip(), 0
    begin = 0
    if before[first] > width // 2:
        begin = next(n for n, cells in enumerate(before) if cells >= before[first] - width // 3)
    head = CUT if begin else ""
    skipped = before[begin] - len(head)
    whole = before[-1] - skipped <= width
    last = width if whole else width - len(CUT)
    shown = [
        unit.text for unit, end in zip(units, before[1:], strict=True) if end - skipped <= last
    ]
    return head + "".join(shown[begin:]) + ("" if whole else CUT), skipped
