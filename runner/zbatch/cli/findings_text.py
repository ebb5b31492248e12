"""Findings as a text: what and where, the line with a mark, and other places it is about.

specs/nov.yaml:8:5: error: account 2c93... is listed twice [ZB302]
  8 |   - "2c93808457d787030157e0306be53a01"
    |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    = first listed here: specs/nov.yaml:6:5
  6 |   - "2c93808457d787030157e0306be53a01"
    |     ----------------------------------
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
from rich.cells import cell_len

from zbatch.app.sources import Line, Place, read_lines
from zbatch.cli.excerpt import excerpt
from zbatch.cli.findings import Look, Validation
from zbatch.cli.words import path_text
from zbatch.spec import Diagnostic, tidy
from zbatch.spec.diagnostics import Related, visible
from zbatch.zuora.text import one_line

MESSAGE_LIMIT = 2000
REFUSED = "(a warning that --strict refuses)"
_STYLES = {"error": "red", "warning": "yellow"}
# Of these the place is the file, or the key rather than what opens there.
_OF_FILES = frozenset({"ZB101", "ZB102", "ZB103", "ZB104"})
_OF_KEYS = frozenset({"ZB110", "ZB112", "ZB202", "ZB203", "ZB205"})
_INDENT = 4


def findings_text(validation: Validation, look: Look) -> Iterator[str]:
    """Write findings, at most ten of a kind and file one by one, for a stream of that look."""
    shown = _fewer(validation.diagnostics, validation.shown)
    painter = _Painter(look, read_lines(_places(shown)))
    for finding in shown:
        yield from painter.finding(finding, validation.severity(finding))


def _fewer(findings: tuple[Diagnostic, ...], most: int) -> list[Diagnostic]:
    """Fold what is too much of a kind, file by file, in the order that files come in."""
    by_file: dict[str, list[Diagnostic]] = {}
    for finding in findings:
        by_file.setdefault(finding.file, []).append(finding)
    return [finding for own in by_file.values() for finding in tidy(own, most)]


def _places(findings: list[Diagnostic]) -> Iterator[Place]:
    for finding in findings:
        yield finding.file, finding.line
        for place in finding.related:
            yield place.file, place.line


class _Painter:
    """Knows the lines and how wide and colourful they may become."""

    def __init__(self, look: Look, lines: Mapping[Place, Line]) -> None:
        self._look = look
        self._lines = lines
        self._last: tuple[str, int, int] | None = None

    def finding(self, finding: Diagnostic, severity: str) -> Iterator[str]:
        """Say what is wrong, show where, and what to write instead."""
        digits = len(str(max([finding.line, *(place.line for place in finding.related)])))
        source = self._shown(finding, digits)
        hint = finding.hint if source else ""
        yield from self._head(finding, severity, finding.message if hint else finding.sentence)
        if source:
            yield from self._below(*source, hint, _STYLES[severity], digits)
        for place in finding.related:
            yield from self._note(_named(place), digits)
            if also := self._source(place, finding.code, digits):
                yield from self._below(also[0], also[1].replace("^", "-"), "", "cyan", digits)

    def _shown(self, finding: Diagnostic, digits: int) -> tuple[str, str] | None:
        """Show the line of a finding, unless the one before it has just shown it."""
        place = (finding.file, finding.line, finding.column)
        if place == self._last or finding.count > 1:
            return None
        self._last = place
        return self._source(finding, finding.code, digits)

    def _below(self, line: str, mark: str, hint: str, style: str, digits: int) -> Iterator[str]:
        short = hint and cell_len(mark) + 1 + cell_len(hint) <= self._look.width
        yield line
        yield self._marked(mark, style) + (f" {self._paint(hint, style)}" if short else "")
        if hint and not short:
            yield from self._note(hint, digits)

    def _head(self, finding: Diagnostic, severity: str, sentence: str) -> Iterator[str]:
        place = f"{_path(finding.file)}:{finding.line}:{finding.column}:"
        said = f"{place} {severity}: {one_line(sentence, MESSAGE_LIMIT)} [{finding.code}]"
        if finding.warning and severity == "error":
            said += f" {REFUSED}"
        first, *more = self._wrapped(said, " " * _INDENT)
        if first.startswith(f"{place} {severity}:"):
            rest = first[len(place) + len(severity) + 2 :]
            first = f"{self._paint(place)} {self._paint(f'{severity}:', _STYLES[severity])}{rest}"
        yield first
        yield from more

    def _source(self, at: Diagnostic | Related, code: str, digits: int) -> tuple[str, str] | None:
        line = self._lines.get((at.file, at.line))
        if line is None or code in _OF_FILES:
            return None
        room = self._look.width - digits - len("   | ")
        shown = excerpt(line, at.column, room, of_key=code in _OF_KEYS)
        if not shown.tells:
            return None
        mark = " " * shown.offset + "^" * shown.length
        bar = self._paint("|", "blue")
        number = self._paint(f"{at.line:>{digits}}", "blue")
        return f"  {number} {bar} {shown.text}".rstrip(), f"  {' ' * digits} | {mark}"

    def _marked(self, mark: str, style: str) -> str:
        gutter, bar, rest = mark.partition("|")
        below = rest.lstrip()
        indent = rest[: len(rest) - len(below)]
        return f"{gutter}{self._paint(bar, 'blue')}{indent}{self._paint(below, style)}"

    def _note(self, text: str, digits: int) -> Iterator[str]:
        gutter = " " * (digits + 3)
        said = one_line(text, MESSAGE_LIMIT)
        yield from self._wrapped(f"{gutter}= {said}", f"{gutter}  ")

    def _wrapped(self, text: str, indent: str) -> Iterator[str]:
        """Break a line between words where a terminal would break it anywhere."""
        if not self._look.wraps or cell_len(text) <= self._look.width:
            yield text
            return
        first, *words = text.lstrip().split(" ")
        line = text[: len(text) - len(text.lstrip())] + first
        for word in words:
            if cell_len(line) + 1 + cell_len(word) > self._look.width:
                yield line
                line = indent + word
            else:
                line += f" {word}"
        yield line

    def _paint(self, text: str, style: str | None = None) -> str:
        if not self._look.colour or not text:
            return text
        bold = True if style is None or style in _STYLES.values() else None
        return click.style(text, fg=style, bold=bold)


def _named(place: Related) -> str:
    return f"{place.label}: {_path(place.file)}:{place.line}:{place.column}"


def _path(file: str) -> str:
    """Name a file as seen from here, and so that no line begins like a command of Actions."""
    near = path_text(Path(file), Path.cwd()) if os.path.isabs(file) else os.path.normpath(file)
    shown = one_line(visible(near), MESSAGE_LIMIT)
    return f"./{shown}" if shown.startswith(":") else shown
