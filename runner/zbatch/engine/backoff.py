"""How long to wait before a key is sent again: pure functions of the count of failures."""

from __future__ import annotations

BASE = 1.0
CAP = 60.0
CONFLICT_PATIENCE = 600.0
CROWDED = 120.0  # what the tenant asks for where too many requests are under way at once
LONGEST_GATE = 3600.0


def ceiling(failures: int) -> float:
    """Give the most seconds to wait after so many failures in a row, counted from 1."""
    return min(CAP, BASE * 2.0 ** min(failures - 1, 10))


def conflict_wait(conflicts: int) -> float:
    """Give the seconds to wait after the `conflicts`-th 409 of a call in this run: 1, 2, 4 … 60."""
    return ceiling(conflicts)


def conflicts_exhausted(conflicts: int) -> bool:
    """Tell whether a call has waited for its own execution long enough in this run."""
    return sum(map(conflict_wait, range(1, conflicts + 1))) > CONFLICT_PATIENCE
