"""Who looks at a stage of a run before the next one begins."""

from __future__ import annotations

from zbatch.engine.stages import Choice, StageEnd


class Unattended:
    """Nobody is there to look: the run ends after the stage, and the next run goes on."""

    async def look(self, end: StageEnd) -> Choice:  # noqa: ARG002 - as the engine calls it
        """Let no further stage begin."""
        return Choice.STOP
