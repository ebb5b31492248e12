"""The command line: one file a verb, one frame that turns errors into exit codes."""

from __future__ import annotations

import os
from collections.abc import Sequence

from zbatch.cli import garbage

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; without `argv` that of a process of its own.

    The frame is loaded in here, so that Ctrl-C in that moment is told like any later one.
    """
    if argv is None:
        garbage.pause()
    try:
        from zbatch.cli.frame import main as framed
    except KeyboardInterrupt:
        os.write(2, b"zbatch: interrupted\n")
        return 130
    return framed(argv)
