"""A run's signs of life: its figures, once a second, in a file beside its report.

It is written by a thread of its own, whole and renamed, and never synced: whatever the disk does
to it costs the run nothing. It holds no secret and no truth either; the ledger and the report do.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from types import TracebackType
from typing import Any

from zbatch.app.api import RunHeader, RunResult, Watcher
from zbatch.app.live import Live
from zbatch.app.live_json import to_json
from zbatch.app.process import Process
from zbatch.engine.events import Event
from zbatch.report.lines import timestamp

VERSION = 1
LIVE_FILE = "live.json"
EVERY = 1.0  # seconds
PATIENCE = 2.0  # seconds for which the end of a run waits for a disk that hangs


class Followed:
    """Pass on what a run tells, and show its signs of life while the body runs."""

    def __init__(self, watch: Watcher, folder: Path, run_id: str) -> None:
        self._watch = watch
        self._run_id = run_id
        self._beats = Heartbeat(folder / LIVE_FILE, run_id)
        self._live = Live()

    def __enter__(self) -> Followed:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._beats.end()

    def started(self, header: RunHeader) -> None:
        """Begin to count, and give the figures to whoever watches."""
        held_back = len(header.plan.items) - header.outstanding - header.settled
        self._live = Live.of(header.plan, header.settled, self._run_id, held_back=held_back)
        self._beats.begin(self._live)
        self._watch.started(replace(header, live=self._live))

    def event(self, event: Event) -> None:
        """Count an event before anybody is told of it."""
        self._live.take(event)
        self._watch.event(event)

    def finished(self, result: RunResult) -> None:
        """Show a last sign of life: that it has ended, and how."""
        self._beats.end(int(result.exit_code))
        self._watch.finished(result)


class Heartbeat:
    """Writes the figures of a run until it ends."""

    def __init__(self, path: Path, run_id: str, every: float = EVERY) -> None:
        self._path = path
        self._every = every
        self._head = {
            "version": VERSION,
            "run_id": run_id,
            "process": asdict(Process.current()),
        }
        self._over = Signal()
        self._thread: Thread | None = None
        self._live = Live()
        self._exit_code: int | None = None

    def begin(self, live: Live) -> None:
        """Write the figures now and then, in the background."""
        self._live = live
        thread = Thread(target=self._beat, name="heartbeat", daemon=True)
        with suppress(RuntimeError):  # the system has no thread left: a run needs none
            thread.start()
            self._thread = thread

    def end(self, exit_code: int | None = None) -> None:
        """Write a last time, unless the disk hangs; nothing if it never began."""
        if self._thread is None or self._over.is_set():
            return
        self._exit_code = exit_code
        self._over.set()
        self._thread.join(PATIENCE)

    def _beat(self) -> None:
        while not self._over.is_set():
            self._write()
            self._over.wait(self._every)
        self._write()

    def _write(self) -> None:
        with suppress(OSError):
            write_aside(self._path, {**self._head, **self._now()})

    def _now(self) -> dict[str, Any]:
        return {
            "at": timestamp(datetime.now(UTC)),
            "ended": self._over.is_set(),
            "exit_code": self._exit_code,
            "figures": to_json(self._live.figures()),
        }


def write_aside(path: Path, data: Mapping[str, Any]) -> None:
    """Put a whole new file in the place of the old one, without waiting for the disk."""
    fresh = path.with_name(f".{path.name}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(fresh, flags, 0o600), "w", encoding="utf-8") as stream:
        json.dump(data, stream, allow_nan=False)
    fresh.replace(path)
