"""What is told while a tenant is asked outside a run: waits, and little else."""

from __future__ import annotations

from typing import TextIO

import click

from zbatch.engine.events import Event

_OF_A_KIND = 3


class Asides:
    """Say what keeps somebody waiting; there is no run to watch."""

    def __init__(self, stream: TextIO) -> None:
        # Loaded here, because a plan that asks nobody tells nothing.
        from zbatch.cli.notices import Notices

        self._stream = stream
        self._notices = Notices(_OF_A_KIND)

    def event(self, event: Event) -> None:
        """Say an event that is worth a line."""
        if (said := self._notices.of(event)) is not None:
            click.echo(said.plain, file=self._stream)
