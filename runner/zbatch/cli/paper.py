"""Where lines for people are written: broken between words, and nothing of them obeyed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TextIO

from rich.console import Console
from rich.text import Text

from zbatch.cli.streams import is_coloured
from zbatch.cli.wrapping import wrapped


def console_for(stream: TextIO, environment: Mapping[str, str]) -> Console:
    """Open a stream for styled text that is never read as markup nor broken into lines."""
    return Console(
        file=stream,
        force_terminal=stream.isatty(),
        color_system="standard" if is_coloured(stream, environment) else None,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=True,
        _environ=environment,
    )


class Paper:
    """Writes lines to a console."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def say(self, text: Text) -> None:
        """Write lines, broken between words where a terminal would break them anywhere."""
        width = self.console.width if self.console.is_terminal else None
        for line in text.split("\n", allow_blank=True):
            for part in wrapped(line, width):
                self.console.print(part)

    def ask(self, question: Text) -> None:
        """Write a question, and leave the cursor behind it."""
        self.console.print(question, end="")


def say_lines(lines: Iterable[str], stream: TextIO, environment: Mapping[str, str]) -> None:
    """Write plain lines, broken between words on a terminal and as they are elsewhere."""
    paper = Paper(console_for(stream, environment))
    for line in lines:
        paper.say(Text(line))
