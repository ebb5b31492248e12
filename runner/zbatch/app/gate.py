"""Who looks at a stage of a run before the next one begins, and what they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from zbatch.engine.stages import Choice, StageEnd
from zbatch.report.amounts import Amount


@dataclass(frozen=True, slots=True)
class Seen:
    """What the tenant shows of the invoices of a stage, and of what an earlier run left in doubt.

    Of `agreed` items they are as they were asked for, of `unread` ones it has not answered.
    `findings` are counted by their codes; `open` items, with theirs among them, are asked about
    once more at the end of the run. `amounts` is what they come to of
    the items that the run itself has settled as invoiced.
    """

    agreed: int = 0
    findings: Mapping[str, int] = field(default_factory=dict)
    open: int = 0
    unread: int = 0
    amounts: tuple[Amount, ...] = ()


class Gate(Protocol):
    """A person who looks at a stage once it is read back; cancelled where the run stops."""

    async def look(self, end: StageEnd, seen: Seen) -> Choice | None:
        """Tell how the run is to go on; None where nobody has looked."""
        ...


class Unattended:
    """Nobody is there to look: the run ends after the stage, and the next run goes on."""

    async def look(self, end: StageEnd, seen: Seen | None = None) -> Choice:  # noqa: ARG002 - as it is called
        """Let no further stage begin."""
        return Choice.STOP
