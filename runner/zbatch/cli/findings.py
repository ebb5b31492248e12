"""Findings as they are asked for: a text to read, JSON, or annotations in GitHub Actions."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO

from zbatch.cli.streams import is_coloured
from zbatch.cli.words import counted
from zbatch.spec import SHOWN, Diagnostic, SpecError

NARROWEST, WIDEST, USUAL = 40, 120, 80  # columns


class Format(StrEnum):
    """How findings are written; `AUTO` is `GITHUB` in GitHub Actions and `TEXT` elsewhere."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


@dataclass(frozen=True, slots=True)
class Validation:
    """All there is to say about so many files; `strict` makes errors of warnings."""

    diagnostics: tuple[Diagnostic, ...]
    files: int
    strict: bool = False
    shown: int = SHOWN  # of a kind and file, one by one

    def is_error(self, finding: Diagnostic) -> bool:
        """Tell whether a finding keeps its file from being used."""
        return self.strict or not finding.warning

    def severity(self, finding: Diagnostic) -> str:
        """Name the weight of a finding."""
        return "error" if self.is_error(finding) else "warning"

    @property
    def errors(self) -> int:
        """How many findings keep a file from being used."""
        return sum(finding.count for finding in self.diagnostics if self.is_error(finding))

    @property
    def warnings(self) -> int:
        """How many findings do not."""
        return sum(finding.count for finding in self.diagnostics) - self.errors

    @property
    def summary(self) -> str:
        """Say how many there are."""
        found = f"{counted(self.errors, 'error')}, {counted(self.warnings, 'warning')}"
        return f"{found} in {counted(self.files, 'file')}"


@dataclass(frozen=True, slots=True)
class Look:
    """What a text may look like: its columns, whether it is broken to fit, and colour."""

    width: int = USUAL
    wraps: bool = False
    colour: bool = False


def look_of(stream: TextIO, environment: Mapping[str, str]) -> Look:
    """See what a stream can show."""
    colour = is_coloured(stream, environment)
    if not stream.isatty():
        return Look(colour=colour)
    columns = environment.get("COLUMNS", "")
    given = int(columns) if columns.isdecimal() else os.get_terminal_size(stream.fileno()).columns
    # a terminal that does not know its width says 0
    return Look(max(NARROWEST, min(WIDEST, given or USUAL)), wraps=True, colour=colour)


def chosen(wanted: Format, environment: Mapping[str, str]) -> Format:
    """Choose the format where nobody has."""
    if wanted is not Format.AUTO:
        return wanted
    return Format.GITHUB if environment.get("GITHUB_ACTIONS") == "true" else Format.TEXT


def told(
    validation: Validation, wanted: Format, stream: TextIO, environment: Mapping[str, str]
) -> Iterator[str]:
    """Write findings for a stream, line by line."""
    # each format is loaded when it is asked for: most files have no findings
    if wanted is Format.JSON:
        from zbatch.cli.findings_json import findings_json

        yield findings_json(validation)
        return
    if not validation.diagnostics:
        return
    from zbatch.cli.findings_text import findings_text

    lines = findings_text(validation, look_of(stream, environment))
    if wanted is Format.GITHUB:
        from zbatch.cli.findings_github import github_annotations, harmless

        yield from github_annotations(validation, environment.get("GITHUB_WORKSPACE"))
        lines = map(harmless, lines)
    yield from lines


def refusal(error: SpecError, stream: TextIO, environment: Mapping[str, str]) -> Iterator[str]:
    """Write why a file was refused, and how much there is to mend."""
    files = len({finding.file for finding in error.diagnostics})
    validation = Validation(error.diagnostics, files, error.strict, error.shown)
    yield from told(validation, chosen(Format.AUTO, environment), stream, environment)
    yield validation.summary


def warn(warnings: tuple[Diagnostic, ...]) -> None:
    """Tell people of warnings, beside the product that they are about."""
    validation = Validation(warnings, len({warning.file for warning in warnings}))
    for line in told(validation, chosen(Format.AUTO, os.environ), sys.stderr, os.environ):
        print(line, file=sys.stderr)
