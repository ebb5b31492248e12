"""Lines of a long list that are the same but for the account's ID: parsed once, and then copied.

A list that a program has written is a million lines like `  - {id: "2c93…"}`. The parser is shown
the first line of each such run alone. Where it turns out to be a whole entry of the list, every
other line of the run is one as well, since it is the same text at the same place of a line but for
hexadecimal digits. Where it does not, or anything at all is wrong with the text, the text is read
again as it stands.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

# Possessive, for the lines are not tried again: else each would be remembered.
_RUN = re.compile(
    r"^( *- \{[^\n]{0,60}?)([0-9a-fA-F]{32})([^\n]{0,300})\n(?:\1[0-9a-fA-F]{32}\3\n){8,}+",
    re.MULTILINE,
)
_DIGITS = 32
_AT_ONCE = 4096


class Unlike(Exception):
    """The text is to be read as it stands: a run is not what it looks like, or text is wrong."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run after its first line: where in the text its IDs are, and which `line` is the next.

    `first` is the ID of the first line, and `column` where the map begins there.
    """

    first: str
    column: int
    line: int
    places: range

    def pieces(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """Give the IDs, some thousands at a time, each time with the line of the first of them."""
        for start in range(0, len(self.places), _AT_ONCE):
            part = self.places[start : start + _AT_ONCE]
            yield self.line + start, [text[at : at + _DIGITS] for at in part]


@dataclass(slots=True)
class Shortened:
    """A text with all lines of its runs but the first left out, and the runs by that line.

    Lines count from 0 here, as the parser counts them.
    """

    text: str
    runs: dict[int, Run] = field(default_factory=dict)
    _lines: list[int] = field(default_factory=list)
    _before: list[int] = field(default_factory=lambda: [0])

    def line(self, shown: int) -> int:
        """Tell which line of the whole text a line is that the parser has been shown."""
        return shown + self._before[bisect_left(self._lines, shown)]

    def leave_out(self, line: int, run: Run) -> None:
        """Take note of lines that are left out after one that is shown."""
        shown = line - self._before[-1]
        self.runs[shown] = run
        self._lines.append(shown)
        self._before.append(self._before[-1] + len(run.places))


def shorten(text: str) -> Shortened:
    """Leave out what can be copied from the lines before it."""
    short = Shortened(text)
    parts: list[str] = []
    end = line = 0
    for found in _RUN.finditer(text):
        start, second = found.start(), found.end(3) + 1
        if text.count(found[2], start, second) > 1:  # which of them is the name?
            continue
        line += text.count("\n", end, start)
        places = range(second + len(found[1]), found.end(), second - start)
        short.leave_out(line, Run(found[2], found[1].index("{"), line + 2, places))
        parts.append(text[end:second])
        line += 1 + len(places)
        end = found.end()
    parts.append(text[end:])
    short.text = "".join(parts)
    return short
