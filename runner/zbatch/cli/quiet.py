"""A run of which the last block alone is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from zbatch.app.api import RunHeader, RunResult
from zbatch.cli.called import CALLED, Called
from zbatch.cli.last_block import last_block
from zbatch.cli.paper import Paper
from zbatch.engine.events import Event


class Quiet:
    """Show the last block alone."""

    def __init__(self, paper: Paper, called: Called = CALLED) -> None:
        self._paper = paper
        self._called = called

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    @contextmanager
    def aside(self) -> Iterator[Paper]:
        """Give the terminal as it is: nothing is drawn on it."""
        yield self._paper

    def started(self, header: RunHeader) -> None:
        """Stay silent."""

    def event(self, event: Event) -> None:
        """Stay silent."""

    def finished(self, result: RunResult) -> None:
        """Show the last block."""
        for line in last_block(result, Path.cwd(), self._called):
            self._paper.say(line)
