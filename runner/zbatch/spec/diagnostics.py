"""What can be wrong with a file, and how each finding is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from zbatch.errors import Refused

CODES: dict[str, str] = {
    "ZB101": "The file cannot be opened or read.",
    "ZB102": "The path is not a regular file: a folder, a pipe or a device.",
    "ZB103": "The file is empty, or holds nothing but comments.",
    "ZB104": "The file is larger than 32 MB.",
    "ZB105": "The file is not UTF-8 text.",
    "ZB106": "The file holds a control, zero-width or direction-changing character.",
    "ZB107": "The text is not valid YAML.",
    "ZB108": "Lists and maps are nested deeper than 32 levels.",
    "ZB109": "The file holds more than one YAML document.",
    "ZB110": "A key is written twice in one map; YAML tools would keep only one of them.",
    "ZB111": "An anchor or alias is used; every value is written where it holds.",
    "ZB112": "A merge key `<<` is used; every value is written where it holds.",
    "ZB113": "A tag such as `!!str` or `!env` is used; the schema alone says what a value is.",
    "ZB114": "A key of a map is not plain text.",
    "ZB115": "The file holds more than 2,000,000 values.",
    "ZB201": "A required key is missing.",
    "ZB202": "A key is unknown.",
    "ZB203": "A key is known, but not supported by this version of zbatch, or not allowed here.",
    "ZB204": "A value is of the wrong kind: text, whole number, true or false, list, map.",
    "ZB205": "A text does not have the form that is asked for.",
    "ZB206": "A number is too small or too large.",
    "ZB207": "A text or a list is too short or too long.",
    "ZB208": "A value is not one of those that are allowed.",
    "ZB209": "The file's `version` is not one that this zbatch reads.",
    "ZB210": "Dates by expression are not supported by this version of zbatch.",
    "ZB211": "Exactly one of several keys must be there.",
    "ZB212": "A long list has more wrong entries than are told one by one.",
    "ZB301": "A date is not a day of the calendar.",
    "ZB302": "The same account and target date is listed twice.",
    "ZB303": "The tenant is not known.",
    "ZB304": "A base URL is not acceptable.",
    "ZB305": "A path leaves the project's folder.",
    "ZB306": "A file that is named does not exist or is not a regular file.",
    "ZB307": "A name or host is reserved for the built-in emulator.",
    "ZB308": "One entity is spelled in two ways, which would give it two ledgers.",
    "ZB309": "A fault of the emulator cannot be played as it is written.",
    "ZB901": "A text without quotes looks like a number, a truth value or nothing to other tools.",
}
LISTED = 50  # findings of one code that are told one by one
ECHO = 80  # characters of a value that a message repeats


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One finding; `file` is the path as given, `line` and `column` count from 1."""

    file: str
    line: int
    column: int
    code: str
    message: str

    @property
    def warning(self) -> bool:
        """Whether the file is usable all the same."""
        return self.code.startswith("ZB9")

    def __str__(self) -> str:
        return f"{visible(self.file)}:{self.line}:{self.column} {self.code} {self.message}"


class SpecError(Refused):
    """A file cannot be used; `diagnostics` holds every reason, in the order of the text."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(map(str, self.diagnostics)))


def visible(text: str) -> str:
    """Return the text with everything that a terminal could act on written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def quote(text: str) -> str:
    """Return a value as messages repeat it: visible, in quotes, at most 80 characters of it."""
    cut = text if len(text) <= ECHO else text[: ECHO - 1]
    return f'"{visible(cut)}{"" if cut is text else "…"}"'


def tidy(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sort, drop repetitions, and tell the 51st finding of a code only with how many follow."""
    findings = sorted(set(diagnostics))
    total = Counter((finding.file, finding.code) for finding in findings)
    seen: Counter[tuple[str, str]] = Counter()
    told = []
    for finding in findings:
        key = (finding.file, finding.code)
        seen[key] += 1
        if seen[key] <= LISTED:
            told.append(finding)
        elif seen[key] == LISTED + 1:
            told.append(_and_more(finding, total[key] - LISTED))
    return tuple(told)


def _and_more(finding: Diagnostic, count: int) -> Diagnostic:
    message = f"and {count:,} more of this kind from here on: {CODES[finding.code]}"
    return Diagnostic(finding.file, finding.line, finding.column, finding.code, message)
