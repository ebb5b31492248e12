"""Findings as they come up, as many as will be told; the others of their kind as one count."""

from __future__ import annotations

from collections import Counter

from zbatch.spec.diagnostics import CODES, LISTED, Diagnostic


class Findings:
    """Keeps a thousand findings of each kind in each file, and counts those beyond."""

    def __init__(self) -> None:
        self.added = 0
        self._kept: list[Diagnostic] = []
        self._seen: Counter[tuple[str, str]] = Counter()
        self._beyond: Counter[tuple[str, str]] = Counter()
        self._first: dict[tuple[str, str], Diagnostic] = {}

    def add(self, finding: Diagnostic) -> None:
        """Keep a finding, or count it."""
        self.added += 1
        key = (finding.file, finding.code)
        if self._seen[key] < LISTED:
            self._seen[key] += 1
            self._kept.append(finding)
        else:
            self._first.setdefault(key, finding)
            self._beyond[key] += finding.count

    def all(self) -> list[Diagnostic]:
        """Return what was kept, and one finding for what was counted of each kind."""
        return [*self._kept, *map(self._more, self._first.values())]

    def _more(self, first: Diagnostic) -> Diagnostic:
        count = self._beyond[first.file, first.code]
        if count == first.count:  # alone, and worth no line that hides what it is
            return first
        message = f"and {count:,} more of this kind from here on: {CODES[first.code]}"
        place = (first.file, first.line, first.column)
        return Diagnostic(*place, first.code, message, count=count)
