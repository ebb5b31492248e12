"""A log for who follows single calls: one JSON object a line, in a file that is appended to."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.text import Text

from zbatch.app.api import RunHeader, RunResult
from zbatch.cli.drain import Drain
from zbatch.cli.event_json import Told, finished, logged, now, started
from zbatch.cli.screen import Screen
from zbatch.engine.events import Event
from zbatch.errors import Refused
from zbatch.report.files import write_all
from zbatch.zuora.text import one_line

PATIENCE = 5.0  # seconds for which the end of a run waits for a disk that hangs
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


class LogFile:
    """Logs a run; where the disk refuses that, it is said once, and the run goes on."""

    def __init__(self, path: Path, screen: Screen) -> None:
        self._path = path
        self._screen = screen
        if _is_something_else(path):
            raise Refused(
                f"{path} is no log, and a log would be appended to it: name another --log-file;"
                " nothing was sent"
            )
        try:
            self._descriptor = os.open(path, _FLAGS, 0o600)
        except OSError as error:
            raise Refused(
                f"cannot write the log file {path}: {error.strerror}; nothing was sent"
            ) from error
        self._drain = Drain[tuple[str, str, Event | Told]](_encode, self._write)
        self._run_id = ""
        self._said = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def started(self, header: RunHeader) -> None:
        """Log what begins."""
        self._run_id = header.run_id
        self._put(started(header))

    def event(self, event: Event) -> None:
        """Log what goes on."""
        self._put(event)
        self._say_failure()

    def finished(self, result: RunResult) -> None:
        """Log how it ended."""
        self._put(finished(result))
        self._end()

    def _put(self, value: Event | Told) -> None:
        self._drain.put((now(), self._run_id, value))

    def _write(self, data: bytes) -> None:
        write_all(self._descriptor, data)

    def _end(self) -> None:
        if self._descriptor < 0:
            return
        if not self._drain.end(PATIENCE):
            self._say("the disk does not answer")
            self._descriptor = -1  # the thread still has it
        self._say_failure()

    def _say_failure(self) -> None:
        if isinstance(self._drain.failure, OSError):
            self._say(self._drain.failure.strerror or "it cannot be written")

    def _say(self, why: str) -> None:
        if self._said:
            return
        self._said = True
        path = one_line(str(self._path))
        text = f"the log {path} ends here: {one_line(why)}; the run goes on without it"
        with self._screen.aside() as paper:
            paper.say(Text(text, "yellow"))


def _is_something_else(path: Path) -> bool:
    """Tell whether a file has a first line that no log begins with, such as a spec or a ledger."""
    with suppress(OSError):  # what cannot be read may be written all the same
        if path.is_file():
            with path.open("rb") as file:
                return file.read(1) not in (b"", b"{")
    return False


def _encode(entry: tuple[str, str, Event | Told]) -> bytes:
    at, run_id, value = entry
    said = value if isinstance(value, dict) else logged(value)  # type: ignore[arg-type] # an event
    if said is None:
        return b""
    line = {"at": at, "run_id": run_id or None, **said}
    return json.dumps(line, allow_nan=False, separators=(",", ":")).encode() + b"\n"
