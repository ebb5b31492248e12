"""Serve the emulator until somebody stops it, with the faults that a file asks for."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

from zbatch.app.faults import Watched
from zbatch.emulator import EmulatorConfig, RunningEmulator, running

Announce = Callable[[RunningEmulator], None]


def serve(
    config: EmulatorConfig,
    announce: Announce,
    faults: Path | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP; `announce` is told once it listens.

    A file of `faults` is taken over whenever it changes, and `tell` is told of that. Raises
    `Refused` for the account book or the faults, `CannotStart` for the folder or the port.
    """
    watched = None if faults is None else Watched(faults, config.seed, tell)
    asyncio.run(_serve(config, announce, watched))


async def _serve(config: EmulatorConfig, announce: Announce, watched: Watched | None) -> None:
    serving = asyncio.create_task(_forever(config, announce, watched))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, serving.cancel)
    await asyncio.wait([serving])
    if not serving.cancelled():
        serving.result()


async def _forever(config: EmulatorConfig, announce: Announce, watched: Watched | None) -> None:
    async with running(config if watched is None else watched.on(config)) as emulator:
        announce(emulator)
        if watched is not None:
            watched.introduce()
            await watched.follow(emulator.faults)
        await asyncio.Event().wait()
