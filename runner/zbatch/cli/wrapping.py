"""Long lines on a terminal: broken between words, and never inside a command."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.text import Text

# A command goes to the next two spaces, or to a comma or semicolon with a space: who pastes it
# from a terminal must not lose its end to another line. Counts and brief brackets stay whole too.
_UNIT = re.compile(
    r"zbatch (?:run|reconcile|verify)\b.*?(?=  |[,;] |$)"
    r"|[A-Za-z]+(?: [a-z]+)* [0-9,]+(?=  )"
    r"|\([^()]{,30}\)(?!\S)"
    r"|\S+"
)
_HANGING = 4


def wrapped(line: Text, width: int | None) -> Iterator[Text]:
    """Break a line before what would pass `width` columns; None leaves it whole.

    A command that is longer than that stands alone and is left to the terminal.
    """
    if width is None or line.cell_len <= width:
        yield line
        return
    pad = " " * (len(line.plain) - len(line.plain.lstrip()) + _HANGING)
    indent, start, end = "", 0, 0
    for unit in _UNIT.finditer(line.plain):
        part = line[start : unit.end()]
        if end > start and len(indent) + part.cell_len > width:
            yield _padded(indent, line[start:end])
            indent, start = pad, unit.start()
        end = unit.end()
    yield _padded(indent, line[start:end])


def _padded(indent: str, part: Text) -> Text:
    part.rstrip()
    return Text(indent).append_text(part)
