"""Serve the emulator until somebody stops it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from zbatch.emulator import EmulatorConfig, RunningEmulator, serve_forever


def serve(config: EmulatorConfig, announce: Callable[[RunningEmulator], None]) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP; `announce` is told once it listens.

    Raises `Refused` for the account book, `CannotStart` for the folder or the port.
    """
    asyncio.run(_serve(config, announce))


async def _serve(config: EmulatorConfig, announce: Callable[[RunningEmulator], None]) -> None:
    serving = asyncio.create_task(serve_forever(config, announce))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, serving.cancel)
    await asyncio.wait([serving])
    if not serving.cancelled():
        serving.result()
