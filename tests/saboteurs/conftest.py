"""Say which saboteurs were let loose, and how to let the same ones loose again."""

from __future__ import annotations

import pytest

from support.saboteurs.rotation import PART


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell the part of the day after the tests."""
    terminalreporter.write_line(f"saboteurs: {PART.word}; the same again: {PART.again}")
