"""Long lines on a terminal."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import pytest
from rich.text import Text

from zbatch.cli.paper import Paper, console_for
from zbatch.cli.quiet import Quiet
from zbatch.cli.wrapping import wrapped
from zbatch.model import ExitCode, Outcome

COMMAND = "zbatch run specs/month-end.yaml --retry-nothing"
WIDTH = 60


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def plain(lines: Iterable[Text]) -> list[str]:
    return [line.plain for line in lines]


def test_what_fits_is_left_alone() -> None:
    """A line of just the width stays, and without a width every line does."""
    for text, width in (("x" * WIDTH, WIDTH), ("word " * 100, None)):
        assert plain(wrapped(Text(text), width)) == [text]


def test_lines_break_between_words_and_hang() -> None:
    """No part passes the width, no word is cut or lost, and what follows is set in deeper."""
    text = "  " + " ".join(f"word{number}" for number in range(40))
    parts = plain(wrapped(Text(text), WIDTH))
    assert max(map(len, parts)) <= WIDTH
    assert " ".join(parts).split() == text.split()
    assert [len(part) - len(part.lstrip()) for part in parts] == [2, *[6] * (len(parts) - 1)]


@pytest.mark.parametrize("tail", ["", "   sends the rest", ", or not", "   (exit 1)"])
def test_no_command_is_broken(tail: str) -> None:
    """A command stands on one line, whatever is before and after it."""
    for before in range(1, WIDTH):
        parts = plain(wrapped(Text(f"{'a' * before} then {COMMAND}{tail}"), WIDTH))
        assert sum(COMMAND in part for part in parts) == 1
        assert all(len(part) <= WIDTH for part in parts if COMMAND not in part)


def test_a_command_longer_than_the_width_stands_alone() -> None:
    """The terminal folds it then, and gives it back whole to whoever copies it."""
    assert plain(wrapped(Text(f"next: {COMMAND}   (exit 1)"), 30)) == [
        "next:",
        f"    {COMMAND}",
        "    (exit 1)",
    ]


def test_counts_and_brackets_stay_whole() -> None:
    """A word and its number are not parted, nor what stands in brackets."""
    text = "  invoiced 1,231   already invoiced 0   nothing to bill 9   failed 8  (1,249 planned)"
    assert plain(wrapped(Text(text), 50)) == [
        "  invoiced 1,231   already invoiced 0",
        "      nothing to bill 9   failed 8",
        "      (1,249 planned)",
    ]


def test_styles_and_wide_signs_survive() -> None:
    """Each part keeps its style, and signs of two columns count as two."""
    parts = list(wrapped(Text("漢字漢字 漢字漢字 漢字漢字", "red"), 18))
    assert plain(parts) == ["漢字漢字 漢字漢字", "    漢字漢字"]
    assert "red" in str(parts[1].style) + str(parts[1].spans)


@pytest.mark.parametrize(("stream", "most"), [(Terminal(), 80), (io.StringIO(), 1000)])
def test_only_a_terminal_breaks_lines(story: Any, stream: io.StringIO, most: int) -> None:
    """A log keeps each line of the last block whole, so that programs find it."""
    records = [story.record(Outcome.NOTHING_TO_BILL)]
    environment = {"COLUMNS": "80", "NO_COLOR": "1"}
    with Quiet(Paper(console_for(stream, environment))) as screen:
        screen.finished(story.result(records, ExitCode.OK))
    told = stream.getvalue().splitlines()
    assert max(map(len, told)) <= most
    assert any(part.endswith("--retry-nothing") for part in told)
    assert any(part.startswith("  nothing to bill as of") for part in told)
    assert len(told) == (5 if most > 80 else 8)
