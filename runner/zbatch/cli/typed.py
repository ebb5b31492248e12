"""What was typed before a question appeared is no answer to it."""

from __future__ import annotations

import termios


def forget_typed(descriptor: int) -> None:
    """Drop what waits to be read from a terminal."""
    termios.tcflush(descriptor, termios.TCIFLUSH)
