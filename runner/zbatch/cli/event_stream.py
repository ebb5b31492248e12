"""The events of a run on standard output, one JSON object a line."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TextIO

from zbatch import __version__
from zbatch.app.api import RunHeader, RunResult
from zbatch.app.clock import SystemClock
from zbatch.app.live import Live
from zbatch.app.live_json import to_json
from zbatch.cli.called import Verb
from zbatch.cli.drain import Drain
from zbatch.cli.event_json import Told, finished, now, started, told
from zbatch.cli.exit_code import exit_code_of
from zbatch.engine.events import Event
from zbatch.errors import ZbatchError
from zbatch.zuora.text import one_line

VERSION = 1
FIGURES_EVERY = 1.0  # seconds
MESSAGE_LIMIT = 2000


class EventStream:
    """Writes what a run tells, as `events.schema.json` describes it.

    The first line names the version, the last one says how it ended. What standard output does to
    it is told only at the end: `ReportFailure`, where it is a full disk.
    """

    def __init__(self, verb: Verb, stream: TextIO | None = None) -> None:
        self._verb = verb
        self._stream = stream or sys.stdout
        self._drain = Drain(_encode, self._write)
        self._live: Live | None = None
        self._steady = SystemClock().monotonic
        self._told_at = self._steady()
        self._over = False

    def __enter__(self) -> Self:
        self._put(
            {"event": "header", "version": VERSION, "zbatch": __version__, "verb": self._verb}
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, ZbatchError) and not self._over:
            message = one_line(str(error), MESSAGE_LIMIT)
            code = int(exit_code_of(error))
            self._put({"event": "refused", "exit_code": code, "message": message})
        self._drain.end()
        if error is None and self._drain.failure is not None:
            raise self._drain.failure

    def started(self, header: RunHeader) -> None:
        """Say what begins."""
        self._live = header.live
        self._put(started(header))

    def event(self, event: Event) -> None:
        """Say what goes on, and once a second how far it is."""
        if (said := told(event)) is not None:
            self._put(said)
        at = self._steady()
        if self._live and at - self._told_at >= FIGURES_EVERY:
            self._told_at = at
            self._tell_figures()

    def finished(self, result: RunResult) -> None:
        """Say the last figures, how it ended, and the run record."""
        self._tell_figures()
        record: Any = None
        with suppress(OSError, ValueError):
            record = json.loads(result.run_record.read_text("utf-8"))
        self._over = True
        self._put({**finished(result), "record": record})

    def _tell_figures(self) -> None:
        if self._live:
            self._put({"event": "figures", "figures": to_json(self._live.figures())})

    def _put(self, said: Told) -> None:
        self._drain.put({"at": now(), **said})

    def _write(self, data: bytes) -> None:
        self._stream.write(data.decode())
        self._stream.flush()


def _encode(said: Told) -> bytes:
    return json.dumps(said, allow_nan=False, separators=(",", ":")).encode() + b"\n"
