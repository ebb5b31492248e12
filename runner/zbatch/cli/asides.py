"""What is told while a tenant is asked outside a run: waits, and little else."""

from __future__ import annotations

from typing import TextIO

import click

from zbatch.app.api import RunHeader, RunResult
from zbatch.engine.events import Event

_OF_A_KIND = 3


class AsidesOnly:
    """A watcher that says what keeps somebody waiting, and nothing of a run: there is none."""

    def __init__(self, stream: TextIO) -> None:
        # Loaded here, because a plan that asks nobody tells nothing.
        from zbatch.cli.notices import Notices

        self._stream = stream
        self._notices = Notices(_OF_A_KIND)

    def event(self, event: Event) -> None:
        """Say an event that is worth a line."""
        if (said := self._notices.of(event)) is not None:
            click.echo(said.plain, file=self._stream)

    def started(self, header: RunHeader) -> None:
        """Take in that a run begins."""

    def finished(self, result: RunResult) -> None:
        """Take in that a run is over."""
