"""Options that say how a run is shown, and all who watch it for them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import click

from zbatch.cli.called import Called, Style
from zbatch.cli.options import Command, ordinary

if TYPE_CHECKING:
    from zbatch.app.api import RunHeader, RunResult, Watcher
    from zbatch.cli.screen import Screen
    from zbatch.engine.events import Event


class Watching(TypedDict):
    """What `watched` adds to a command."""

    as_json: bool
    progress: str
    quiet: bool
    verbose: bool
    log_file: Path | None


def watched(command: Command) -> Command:
    """Add the options that say what is shown of a run, and where."""
    options = [
        ordinary(
            "--json",
            "as_json",
            is_flag=True,
            help="Print events as JSON, one a line: zbatch schema events.",
        ),
        ordinary(
            "--progress",
            type=click.Choice([style.value for style in Style]),
            default=Style.AUTO.value,
            show_default=True,
            help="How to show what goes on.",
        ),
        ordinary("-q", "--quiet", is_flag=True, help="Show errors and the last block only."),
        ordinary("-v", "--verbose", is_flag=True, help="Show every item and every retry."),
        ordinary(
            "--log-file",
            type=click.Path(path_type=Path),
            metavar="PATH",
            help="Append each call, its IDs and what came of it to PATH, as JSON, one a line.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


class Several:
    """Tells several who watch, in their order."""

    def __init__(self, watchers: Sequence[Watcher]) -> None:
        self._watchers = watchers

    def started(self, header: RunHeader) -> None:
        """Tell that the run begins."""
        for watcher in self._watchers:
            watcher.started(header)

    def event(self, event: Event) -> None:
        """Tell what the engine tells."""
        for watcher in self._watchers:
            watcher.event(event)

    def finished(self, result: RunResult) -> None:
        """Tell that the run is over."""
        for watcher in self._watchers:
            watcher.finished(result)


@contextmanager
def watchers(called: Called, flags: Watching) -> Iterator[tuple[Screen, Watcher]]:
    """Give the screen, and all who are to be told of the run, while the body runs."""
    # Loaded here, because a dry run and the help need none of it.
    from zbatch.cli.event_stream import EventStream
    from zbatch.cli.log_file import LogFile
    from zbatch.cli.screen import Wishes, screen_for

    shared = flags["as_json"] and sys.stdout.isatty()
    style = Style(flags["progress"])
    wishes = Wishes(style, flags["quiet"], flags["verbose"], called, shared)
    with ExitStack() as stack:
        others: list[Watcher] = []
        if flags["as_json"]:
            others.append(stack.enter_context(EventStream(called.verb)))
        screen = stack.enter_context(screen_for(sys.stderr, wishes, os.environ))
        if flags["log_file"]:
            others.append(stack.enter_context(LogFile(flags["log_file"], screen)))
        yield screen, Several([*others, screen]) if others else screen
