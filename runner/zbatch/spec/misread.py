"""What is likely wrong where the YAML parser gives up, in words for who does not know YAML."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import yaml


class Slip(NamedTuple):
    """What is likely wrong at a place, counted from 1, and what to write instead."""

    line: int
    column: int
    message: str
    hint: str


class _Stuck(NamedTuple):
    """Where the parser gave up, and where that began which it was reading; counted from 0."""

    lines: list[str]
    line: int
    column: int
    problem: str
    began: tuple[int, int] | None
    reading: str

    @property
    def text(self) -> str:
        """The line where the parser gave up."""
        return self.lines[self.line] if self.line < len(self.lines) else ""

    @property
    def near(self) -> list[int]:
        """The lines where a slip may stand: this one, where it began, and the one above."""
        above = next((n for n in range(self.line - 1, -1, -1) if _tells(self.lines[n])), None)
        began = self.began[0] if self.began and self.reading.endswith("a simple key") else None
        known = {n for n in (self.line, above, began) if n is not None}
        return sorted(n for n in known if n < len(self.lines))


_DASH = re.compile(r" *-(?=[^-\s])")
_COLON = re.compile(r"(?: *- +)* *[A-Za-z_]+:(?=[^\s/:])")
_NO_COLON = re.compile(r"((?: *- +)* *)([a-z_]+) +[^\s#]")
_KEYED = re.compile(r"(?:- +)*[\w.-]+: +[^\s#]")
_OPENED = re.compile(r"""(?: *- +)*(?: *[\w.-]+: +)? *(["'])""")
_FLOW = {"a flow mapping": ("{", "}"), "a flow sequence": ("[", "]")}
_STARTS = re.compile("[@`%&*!|>?]")


def likely_slip(error: yaml.YAMLError, text: str) -> Slip | None:
    """Say what is likely wrong; None where only the parser's own words can be given."""
    mark, began = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    if mark is None:
        return None
    stuck = _Stuck(
        text.splitlines(),
        mark.line,
        mark.column,
        str(getattr(error, "problem", "")),
        (began.line, began.column) if began else None,
        str(getattr(error, "context", "")),
    )
    return next(filter(None, (look(stuck) for look in _LOOKS)), None)


def without_space(text: str) -> str:
    """Say what to write where a whole text stands for the list or map that it was meant to be."""
    if _DASH.match(text):
        return 'a space is missing behind the `-`: write each entry as `- "…"`'
    if colon := _COLON.match(text):
        return f"a space is missing behind the `:`: write `{colon[0].strip(' -:')}: …`"
    return ""


def _tab(stuck: _Stuck) -> Slip | None:
    if stuck.text[stuck.column : stuck.column + 1] != "\t":
        return None
    return Slip(stuck.line + 1, stuck.column + 1, "a tab cannot indent", "use spaces")


def _unclosed_quote(stuck: _Stuck) -> Slip | None:
    """Find a quote that the parser has closed with the first one of a later line, or never."""
    if stuck.reading.endswith("a quoted scalar") and stuck.began:
        line, column = stuck.began
    else:
        opened = _opened_above(stuck)
        if opened is None:
            return None
        line, column = opened
    mark = stuck.lines[line][column]
    hint = f"write `{mark}` at the end of the value, in the same line"
    return Slip(line + 1, column + 1, "this quote is not closed", hint)


def _opened_above(stuck: _Stuck) -> tuple[int, int] | None:
    for line in range(min(stuck.line, len(stuck.lines)) - 1, -1, -1):
        opened = _OPENED.match(stuck.lines[line])
        closes = opened is None or opened[1] in stuck.lines[line][opened.end() :]
        if opened and not closes:
            between = stuck.lines[line + 1 : stuck.line]
            closed_here = opened[1] in stuck.text[: stuck.column]
            alone = not any(opened[1] in one for one in between)
            return (line, opened.end() - 1) if closed_here and alone else None
        if opened:
            return None
    return None


def _no_space(stuck: _Stuck) -> Slip | None:
    for line in stuck.near:
        text = stuck.lines[line]
        if dash := _DASH.match(text):
            message = "a space is missing behind this `-`"
            hint = 'write each entry of a list as `- "…"`'
            return Slip(line + 1, dash.end(), message, hint)
        if colon := _COLON.match(text):
            key = colon[0].strip(" -:")
            message = "a space is missing behind this `:`"
            return Slip(line + 1, colon.end(), message, f"write `{key}: …`")
    return None


def _no_colon(stuck: _Stuck) -> Slip | None:
    if not stuck.began or "expected ':'" not in stuck.problem:
        return None
    line, column = stuck.began
    if found := _NO_COLON.match(stuck.lines[line]):
        message = "the colon behind this key is missing"
        return Slip(line + 1, column + 1, message, f"write `{found[2]}: …`")
    return Slip(line + 1, column + 1, "this line is no key with its value", "write `key: value`")


def _second_colon(stuck: _Stuck) -> Slip | None:
    before = stuck.text[: stuck.column].lstrip()
    if not stuck.problem.startswith("mapping values") or not _KEYED.match(before):
        return None
    message = "a second colon with a space behind it stands in this line"
    return Slip(stuck.line + 1, stuck.column + 1, message, "put the whole value in quotes")


def _behind_quote(stuck: _Stuck) -> Slip | None:
    before = stuck.text[: stuck.column].rstrip()
    if not stuck.text[stuck.column :].strip() or not before.endswith(('"', "'")):
        return None
    message = "text follows the quote that closes the value"
    hint = "one pair of quotes holds the whole value, and each entry has a line of its own"
    return Slip(stuck.line + 1, stuck.column + 1, message, hint)


def _indented(stuck: _Stuck) -> Slip | None:
    """Compare the indentation with that of the entry or key above."""
    text = stuck.text
    begins = len(text) - len(text.lstrip(" "))
    key = stuck.problem.startswith("mapping values") and ":" in text
    if not text.strip() or not (stuck.column == begins or key):
        return None
    entry = text.lstrip().startswith("-")
    for above in reversed(stuck.lines[: stuck.line]):
        if not _tells(above) or (entry and not above.lstrip().startswith("-")):
            continue
        bare = above.lstrip(" ") if entry else re.sub(r"^ *(- +)*", "", above)
        wanted = len(above) - len(bare)
        if wanted == begins:
            return None
        message = f"this line begins after {_spaces(begins)}, the one above after {_spaces(wanted)}"
        hint = "entries of one list, and keys of one map, begin below one another"
        return Slip(stuck.line + 1, begins + 1, message, hint)
    return None


def _open_bracket(stuck: _Stuck) -> Slip | None:
    brackets = next((_FLOW[what] for what in _FLOW if stuck.reading.endswith(what)), None)
    if brackets is None or stuck.began is None or "expected ',' or" not in stuck.problem:
        return None
    line, column = stuck.began
    message = f"what begins here with `{brackets[0]}` is not closed, or lacks a comma"
    hint = f"write `,` between two values, and `{brackets[1]}` at the end"
    return Slip(line + 1, column + 1, message, hint)


def _first_character(stuck: _Stuck) -> Slip | None:
    first = stuck.text[stuck.column : stuck.column + 1]
    if "cannot start any token" not in stuck.problem or not _STARTS.match(first):
        return None
    message = f"a value cannot begin with `{first}`"
    return Slip(stuck.line + 1, stuck.column + 1, message, "put it in quotes")


def _tells(line: str) -> bool:
    """Tell whether a line is more than empty or a comment."""
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _spaces(count: int) -> str:
    return f"{count} space{'' if count == 1 else 's'}" if count else "no space"


_LOOKS: tuple[Callable[[_Stuck], Slip | None], ...] = (
    _tab,
    _unclosed_quote,
    _no_space,
    _no_colon,
    _second_colon,
    _behind_quote,
    _indented,
    _open_bracket,
    _first_character,
)
