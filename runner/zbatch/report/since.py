"""What has become of a run's open items since: a report says what was known when it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from zbatch.model import Outcome
from zbatch.report.lines import Line

FIRST_ACCOUNTS = 5
OPEN = (Outcome.UNKNOWN, Outcome.FAILED, Outcome.NOT_ATTEMPTED)  # the gravest first

Key = tuple[str, str, int]
"""An item by account ID, target date and revision."""


@dataclass(frozen=True, slots=True)
class Change:
    """How many items were one thing in the report, and are another in the ledger by now.

    `runs` are those that have settled them, `accounts` the first ones.
    """

    was: Outcome
    now: Outcome
    count: int
    accounts: tuple[str, ...]
    runs: tuple[str, ...]


def key_of(line: Line) -> Key:
    """Name the item of a line as the ledger does."""
    return line.account_id, line.target_date.isoformat(), line.revision


def open_lines(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Give the lines that may have become something else."""
    return tuple(line for line in lines if line.outcome in OPEN)


def changes(
    lines: Iterable[Line], held: Mapping[Key, tuple[Outcome, str | None]]
) -> tuple[Change, ...]:
    """Hold open lines against what the ledger holds as settled by now, and by which run."""
    found: dict[tuple[Outcome, Outcome], list[tuple[Line, str | None]]] = {}
    for line in lines:
        now, run = held.get(key_of(line), (line.outcome, None))
        if now is not line.outcome:
            found.setdefault((line.outcome, now), []).append((line, run))
    return tuple(
        Change(
            was,
            now,
            len(ones),
            tuple(line.account_number or line.account_id for line, _ in ones[:FIRST_ACCOUNTS]),
            tuple(sorted({run for _, run in ones if run})),
        )
        for (was, now), ones in sorted(found.items(), key=lambda one: OPEN.index(one[0][0]))
    )


def in_a_sentence(changes: Iterable[Change], counts: Mapping[Outcome, int]) -> str:
    """Say how much of what needed a look is settled by now; nothing where none of it is."""
    wanted = sum(counts.get(outcome, 0) for outcome in OPEN)
    settled = sum(one.count for one in changes if one.now not in OPEN)
    if not settled:
        return ""
    if settled == wanted:
        return "Since then all that needed a look has been settled: see below."
    return f"Since then {settled:,} of {wanted:,} items that needed a look were settled: see below."
