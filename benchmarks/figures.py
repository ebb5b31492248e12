"""What was measured, held against its goal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TypeVar

T = TypeVar("T")
NOISE = 0.12  # of a shared machine, where CPU is compared; never where a limit is kept


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured: pairs of each, seconds a sending phase takes, calls and accounts.

    `many` and `few` are accounts of long lists, `batch` those of whole runs at 50 a call. What is
    `spare` is left out where all only has to be seen to run.
    """

    name: str
    pairs: int
    starts: int
    seconds: float
    calls: int
    batch: int
    many: int
    few: int
    spare: bool = True


FULL = Sizes("full", 5, 15, 32.0, 80_000, 100_000, 1_000_000, 10_000)
QUICK = Sizes("quick", 3, 5, 5.0, 4_000, 10_000, 50_000, 5_000)
TINY = Sizes("tiny", 1, 1, 0.1, 50, 100, 100, 50, spare=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One goal: what was measured, pair by pair, and the most that it may be.

    `noise` is the share by which it may be missed on a shared machine; `unit` stands behind the
    figure; `told` says what the figure is made of, `hot` where it goes, where that is known,
    `why` what stands in the way of a goal that is missed.
    """

    what: str
    most: float | None
    values: tuple[float, ...]
    unit: str = ""
    noise: float = 0.0
    told: str = ""
    why: str = ""
    hot: Callable[[], str] | None = field(default=None, compare=False)

    @property
    def figure(self) -> float:
        """The median."""
        return median(self.values)

    @property
    def met(self) -> bool:
        """Whether the goal is reached, noise allowed for."""
        return self.most is None or self.figure <= self.most * (1 + self.noise)

    @property
    def verdict(self) -> str:
        """Say how it stands."""
        if self.most is None:
            return "for comparison"
        if self.figure <= self.most:
            return "met"
        over = f"{self.figure / self.most - 1:.1%} over" if self.most else "over"
        if self.met:
            return f"met but for noise, {over}"
        return f"**missed**, {over}" if self.figure < 2 * self.most else f"**missed**, {self.times}"

    @property
    def times(self) -> str:
        """Say how many times the goal it is."""
        return f"{self.figure / self.most:.1f} times the goal" if self.most else "beyond the goal"

    def cells(self) -> tuple[str, ...]:
        """Lay it out for the table."""
        goal = "" if self.most is None else f"≤ {_number(self.most)}{self.unit}"
        said = _number(self.figure) + self.unit
        if len(self.values) > 1:
            said += f" ({_number(min(self.values))} to {_number(max(self.values))})"
        return self.what, goal, said, self.verdict, self.told


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Write a Markdown table."""
    rows = [head, ("---",) * len(head), *lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def alternating(pairs: int, *ways: Callable[[], T]) -> list[tuple[T, ...]]:
    """Take several ways in turn, so many times, every other time from the last to the first."""
    taken = []
    for number in range(pairs):
        order = range(len(ways)) if number % 2 == 0 else reversed(range(len(ways)))
        found = {position: ways[position]() for position in order}
        taken.append(tuple(found[position] for position in range(len(ways))))
    return taken


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3f}".rstrip("0").rstrip(".")
