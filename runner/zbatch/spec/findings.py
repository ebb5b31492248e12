"""Findings as they come up, as many as will be told; the others of their kind as one count."""

from __future__ import annotations

from collections import Counter

from zbatch.spec.diagnostics import CODES, LISTED, Diagnostic


class Findings:
    """Keeps a thousand findings of each kind in each file, and counts those beyond."""

    def __init__(self) -> None:
        self._kept: list[Diagnostic] = []
        self._seen: Counter[tuple[str, str]] = Counter()
        self._beyond: dict[tuple[str, str], Diagnostic] = {}

    def add(self, finding: Diagnostic) -> None:
        """Keep a finding, or count it."""
        key = (finding.file, finding.code)
        self._seen[key] += finding.count
        if self._seen[key] <= LISTED:
            self._kept.append(finding)
        else:
            self._beyond.setdefault(key, finding)

    def all(self) -> list[Diagnostic]:
        """Return what was kept, and one finding for what was counted of each kind."""
        return [*self._kept, *map(self._more, self._beyond.values())]

    def _more(self, first: Diagnostic) -> Diagnostic:
        count = self._seen[first.file, first.code] - LISTED
        if count == 1:
            return first
        message = f"and {count:,} more of this kind from here on: {CODES[first.code]}"
        place = (first.file, first.line, first.column)
        return Diagnostic(*place, first.code, message, count=count)
