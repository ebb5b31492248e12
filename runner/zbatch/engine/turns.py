"""When a request may leave: once it could leave at once, and then in its turn."""

from __future__ import annotations

from collections.abc import Callable

from zbatch.engine.brake import Brake, always
from zbatch.engine.ports import Sender

MOST_WAITS = 3  # for a token: one that is too old each time its turn comes lives too short for that


class Turns:
    """Turns in the run's rate and places, of requests that have their token in hand.

    A turn that a request spends waiting for a token is not its turn any more: all who wait would
    leave together, faster than the rate, and perhaps while the tenant asks to be left alone.
    """

    def __init__(self, sender: Sender, brake: Brake) -> None:
        self._sender = sender
        self._brake = brake

    async def turn(self, stale_token: int | None, still: Callable[[], bool] = always) -> bool:
        """Wait for a turn of a request that needs a token newer than `stale_token`.

        False when the run stops before, and where `still` does not hold any more as the turn comes.
        Where no token can be had, the turn is given all the same: the sender says why.
        """

        def ready() -> bool:
            return self._sender.ready(stale_token) and still()

        waits = MOST_WAITS
        while not self._brake.stopping.is_set():
            in_hand = self._sender.ready(stale_token) or await self._prepared(stale_token)
            if await self._brake.turn(ready if in_hand and waits else still):
                return True
            if not still():
                return False
            waits -= 1
        return False

    async def _prepared(self, stale_token: int | None) -> bool:
        """Wait for a token, at most until the run stops; ask for none behind a closed gate."""
        await self._brake.opened()
        return bool(await self._brake.unless_stopped(self._sender.prepare(stale_token)))
