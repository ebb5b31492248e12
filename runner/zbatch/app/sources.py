"""The lines that findings are about, read once and only as far as they are shown."""

from __future__ import annotations

import os
import re
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from zbatch.spec.masking import Outline, Piece, pieces

TABLES = frozenset({".csv", ".tsv"})
MAX_LINE = 20_000  # characters; what is longer is shown by nobody

_CELL = re.compile(r'"(?:""|[^"])*"?|[^,;\t]+')

Place = tuple[str, int]  # file and line


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file, and which of its parts may be shown."""

    text: str
    pieces: tuple[Piece, ...]


def read_lines(places: Iterable[Place]) -> Mapping[Place, Line]:
    """Return the lines at places, of which those that cannot be read, or shown, are left out."""
    wanted: defaultdict[str, set[int]] = defaultdict(set)
    for file, line in places:
        wanted[file].add(line)
    return {
        (file, number): line
        for file, numbers in wanted.items()
        for number, line in _lines(file, numbers)
    }


def _lines(file: str, numbers: set[int]) -> Iterator[tuple[int, Line]]:
    try:
        with open(file, "rb", opener=_without_waiting) as stream:
            if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                yield from (
                    _of_table(stream, numbers)
                    if Path(file).suffix in TABLES
                    else _of_yaml(stream, numbers)
                )
    except (OSError, ValueError):
        return  # that it cannot be read is what the finding says


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _of_table(stream: BinaryIO, numbers: set[int]) -> Iterator[tuple[int, Line]]:
    for number, text in _texts(stream, max(numbers)):
        if number in numbers and _is_shown(text):
            cells = (Piece(*cell.span(), True) for cell in _CELL.finditer(text))
            yield number, Line(text, tuple(cells))


def _of_yaml(stream: BinaryIO, numbers: set[int]) -> Iterator[tuple[int, Line]]:
    outline = Outline()
    for number, text in _texts(stream, max(numbers)):
        above = outline.enter(text[:MAX_LINE])
        if number in numbers and _is_shown(text):
            yield number, Line(text, tuple(pieces(text, above)))


def _texts(stream: BinaryIO, last: int) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(stream, 1):
        if number > last:
            return
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        yield number, text.removeprefix("\ufeff") if number == 1 else text


def _is_shown(text: str) -> bool:
    return len(text) <= MAX_LINE and "\x00" not in text
