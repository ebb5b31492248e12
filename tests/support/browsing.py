"""What a browser has complained of, and what it has asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selenium.webdriver import Chrome


def log_of(browser: Chrome, kind: str) -> list[dict[str, Any]]:
    """Give what a log holds since it was last asked."""
    entries: list[dict[str, Any]] = browser.get_log(kind)  # type: ignore[no-untyped-call] # selenium's own
    return entries
