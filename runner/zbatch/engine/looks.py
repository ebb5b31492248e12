"""The looks at stages that are over: who is asked, what the answer means, and how it is kept."""

from __future__ import annotations

from zbatch.engine.brake import Brake
from zbatch.engine.ending import StopReason
from zbatch.engine.settings import Ports, Staging
from zbatch.engine.stages import Choice, Stages


class Looks:
    """Asks for a look at a stage, and keeps in the ledger how far somebody has looked."""

    def __init__(self, ports: Ports, brake: Brake, stages: Stages, staging: Staging) -> None:
        self._ports = ports
        self._brake = brake
        self._stages = stages
        self._name = staging.name
        self._noted = staging.looked

    async def at(self, number: int, following: int) -> bool:
        """Let a person look at a stage that is over; tell whether the run goes on.

        Only an answer is a look: not an interruption, nor the end of the input.
        """
        stages, brake = self._stages, self._brake
        end = stages.end(number)
        choice = await brake.unless_stopped(self._ports.gate.look(end))
        if brake.stopping.is_set():
            return False
        if choice is None:
            brake.stop(StopReason.UNSEEN, f"{end.name} is over; zbatch run asks about it again")
            return False
        stages.looked = end.of if choice is Choice.CONTINUE else number
        await self.note()
        if choice is Choice.STOP:
            following = stages.unseen(following) or following
            brake.stop(StopReason.STAGE, f"{end.name} is over; zbatch run begins stage {following}")
            return False
        if choice is Choice.CONTINUE:
            stages.begin(end.of)
        return True

    async def note(self) -> None:
        """Make durable how far somebody has looked, where that has changed."""
        if self._stages.looked != self._noted:
            self._noted = self._stages.looked
            await self._ports.ledger.look(self._name, self._noted)
