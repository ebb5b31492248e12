"""What has become of a run's open items since: a report says what was known when it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from zbatch.model import Item, Outcome
from zbatch.report.lines import Line

FIRST_ACCOUNTS = 5
OPEN = (Outcome.UNKNOWN, Outcome.FAILED, Outcome.NOT_ATTEMPTED)  # the gravest first
NOT_CREATED = "NOT_CREATED"  # how a reconciliation's report tells that a key has made nothing
UNREADABLE = "LEDGER_UNREADABLE"  # unknown to the report alone: the ledger may have known it then

Key = tuple[str, str, int]
"""An item by account ID, target date and revision."""

Now = tuple[Outcome, str | None]
"""What the ledger holds an item as by now, and which run has settled that, where it is known."""


@dataclass(frozen=True, slots=True)
class Change:
    """How many items were one thing in the report, and are another in the ledger by now.

    `runs` are those that have settled them, `accounts` the first ones. What was in doubt and is
    not attempted by now is proved not to have been billed: its keys have made nothing.
    """

    was: Outcome
    now: Outcome
    count: int
    accounts: tuple[str, ...]
    runs: tuple[str, ...]

    @property
    def disproved(self) -> bool:
        """Whether it is proved by now that nothing was billed by what was in doubt."""
        return self.was is Outcome.UNKNOWN and self.now is Outcome.NOT_ATTEMPTED


def key_of(line: Line) -> Key:
    """Name the item of a line as the ledger does."""
    return line.account_id, line.target_date.isoformat(), line.revision


def key_of_item(item: Item) -> Key:
    """Name an item of the ledger."""
    identity = item.identity
    return identity.account_id, identity.target_date.isoformat(), identity.revision


def open_lines(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Give the lines that may have become something else."""
    return tuple(line for line in lines if line.outcome in OPEN)


def changes(lines: Iterable[Line], held: Mapping[Key, Now]) -> tuple[Change, ...]:
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


def in_a_sentence(changes: Sequence[Change], counts: Mapping[Outcome, int]) -> str:
    """Say how much of what needed a look is settled or worse by now; nothing where none is."""
    wanted = sum(counts.get(outcome, 0) for outcome in OPEN)
    settled = sum(one.count for one in changes if one.now not in OPEN)
    disproved = sum(one.count for one in changes if one.disproved)
    if settled and settled == wanted:
        return "Since then all that needed a look has been settled: see below."
    parts = []
    if settled:
        parts.append(f"{settled:,} of {wanted:,} items that needed a look were settled")
    if doubted := sum(one.count for one in changes if one.now is Outcome.UNKNOWN):
        parts.append(f"{doubted:,} came to be in doubt")
    if disproved:
        parts.append(f"it was proved for {disproved:,} of those unknown that nothing was billed")
    return f"Since then {' and '.join(parts)}: see below." if parts else ""
