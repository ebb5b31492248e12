"""What people see of a run: a block on a terminal, plain lines elsewhere, or next to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, TextIO

from zbatch.app.api import Watcher
from zbatch.cli.block import Block
from zbatch.cli.called import CALLED, Called, Style
from zbatch.cli.lines import Lines
from zbatch.cli.notices import Notices
from zbatch.cli.paper import Paper, console_for
from zbatch.cli.quiet import Quiet

OF_A_KIND = 5  # failures of one kind that scroll by on a terminal before they are counted


class Screen(Watcher, Protocol):
    """A watcher that leaves the terminal as it found it, however the run ends."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def aside(self) -> AbstractContextManager[Paper]:
        """Give the terminal to somebody else while the body runs."""
        ...


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a person wants a run to be shown, and how it was called.

    `shared` tells that something else is written to the same terminal meanwhile.
    """

    progress: Style = Style.AUTO
    quiet: bool = False
    verbose: bool = False
    called: Called = CALLED
    shared: bool = False


def screen_for(stream: TextIO, wishes: Wishes, environment: Mapping[str, str]) -> Screen:
    """Choose the screen that the stream can show and the person wants."""
    paper = Paper(console_for(stream, environment))
    if wishes.quiet:
        return Quiet(paper, wishes.called)
    able = environment.get("TERM") != "dumb" and not wishes.shared
    drawn = wishes.progress is Style.BAR or (wishes.progress is Style.AUTO and able)
    if drawn and stream.isatty():
        return Block(paper, Notices(OF_A_KIND, wishes.verbose, grouped=True), called=wishes.called)
    regular = wishes.progress is not Style.NONE
    return Lines(paper, Notices(1, wishes.verbose), regular=regular, called=wishes.called)
