"""Standard output and error that outlive whoever reads them."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Mapping
from typing import TextIO

from zbatch.errors import ReportFailure

STDOUT, STDERR = 1, 2

# Nobody reads on (`| head`), or the terminal is gone: no reason to leave a run half done.
_GONE = frozenset({errno.EPIPE, errno.EIO})


def hold_standard_descriptors() -> None:
    """Give closed standard descriptors to the null device, lest a ledger gets their number."""
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= STDERR:
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)


def is_coloured(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Tell whether a stream takes colour.

    FORCE_COLOR wins over NO_COLOR, both over what the stream is; a dumb terminal has no colour.
    """
    plain = environment.get("NO_COLOR") or environment.get("TERM") == "dumb"
    return bool(environment.get("FORCE_COLOR")) or (stream.isatty() and not plain)


def steady(descriptor: int, before: Callable[[], None] = lambda: None) -> TextIO:
    """Open a standard descriptor for text that is dropped once nobody takes it.

    `before` is called ahead of each write.

    What an encoding cannot say is written as an escape. Standard output that fails in another
    way, on a full disk, raises `ReportFailure`; standard error never fails.
    """
    raw = _Steady(descriptor, "wb", closefd=False)
    raw.before = before
    buffer = io.BufferedWriter(raw)
    return io.TextIOWrapper(
        buffer,
        errors="backslashreplace",
        line_buffering=descriptor == STDERR or os.isatty(descriptor),
    )


class _Steady(io.FileIO):
    dropping = False
    before: Callable[[], None]

    def write(self, data: object, /) -> int:
        self.before()
        view = memoryview(data)  # type: ignore[arg-type] # FileIO's own stub says Buffer, as of 3.12
        if self.dropping:
            return view.nbytes
        try:
            return super().write(view) or 0
        except OSError as error:
            self.dropping = True
            if self.fileno() != STDERR and error.errno not in _GONE:
                raise ReportFailure(f"cannot write to standard output: {error.strerror}") from error
        return view.nbytes
