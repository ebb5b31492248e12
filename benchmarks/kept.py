"""What a bench has measured so far, for one that goes on after an end before its time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from benchmarks.figures import Row
from benchmarks.machine import ROOT


class Kept:
    """The rows of each part, where the figures of those go that miss their goal, and the limits.

    They count for the commit that they were measured at, and only with nothing uncommitted.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.commit = _commit()
        self._parts: dict[str, Any] = {}

    def take_up(self) -> None:
        """Take over what an earlier bench has measured at this commit."""
        if self.commit and self._path.exists():
            found = json.loads(self._path.read_text("utf-8"))
            if found["commit"] == self.commit:
                self._parts = found["parts"]

    def rows(self, part: str) -> list[Row] | None:
        """Give the rows of a part that was measured."""
        if part not in self._parts:
            return None
        rows = self._parts[part]["rows"]
        return [Row(**{**row, "values": tuple(row["values"])}) for row in rows]

    def hot(self, part: str) -> list[str]:
        """Give what was said of those that miss their goal."""
        return [str(one) for one in self._parts[part]["hot"]]

    def keep(self, part: str, rows: Sequence[Row], hot: Sequence[str]) -> None:
        """Keep a part."""
        plain = [asdict(replace(row, hot=None)) for row in rows]
        self._write(part, {"rows": plain, "hot": list(hot)})

    def limits(self) -> tuple[str, bool] | None:
        """Give what was found of limits that nobody tells, and whether their goals are met."""
        found = self._parts.get("limits")
        return (found["said"], found["met"]) if found else None

    def keep_limits(self, said: str, *, met: bool) -> None:
        """Keep that."""
        self._write("limits", {"said": said, "met": met})

    def _write(self, part: str, found: dict[str, Any]) -> None:
        self._parts[part] = found
        kept = {"commit": self.commit, "parts": self._parts}
        self._path.write_text(json.dumps(kept), "utf-8")


def _commit() -> str:
    """Name the commit that is measured; an empty text for a tree that is none."""
    git = ["git", "-C", str(ROOT)]
    changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, check=False)
    if changed.returncode or changed.stdout.strip():
        return ""
    named = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return named.stdout.strip()
