"""The first word on a terminal, before what a command needs is loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

_WORDS = {"run": "reading the spec", "reconcile": "opening the ledger"}
_NOT_WITH = frozenset({"-q", "--quiet", "-h", "--help", "-n", "--dry-run"})
_WIPED = b"\r\x1b[K"


class Opening:
    """Says on a terminal that a command has begun, until anything else is written there."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._shown = False

    def show(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        """Say it, where the command takes a while and somebody may look."""
        words = _WORDS.get(argv[0]) if argv else None
        silent = not _NOT_WITH.isdisjoint(argv) or environment.get("ZBATCH_QUIET")
        able = os.isatty(self._descriptor) and environment.get("TERM", "dumb") != "dumb"
        if words and able and not silent:
            self._shown = self._write(f"zbatch {argv[0]}: {words} …".encode())

    def wipe(self) -> None:
        """Take it back; nothing, if it was never shown."""
        if self._shown:
            self._shown = False
            self._write(_WIPED)

    def _write(self, data: bytes) -> bool:
        try:
            os.write(self._descriptor, data)
        except OSError:  # the terminal is gone
            return False
        return True
