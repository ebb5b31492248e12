"""Make a history that fails as small as it goes, while it still fails in the same way.

First without all that the violation does not name, then without whole groups of parts, then halves,
quarters, down to single ones; and again, until nothing more can be left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import combinations

from support.engine import item
from support.simulation.describing import size
from support.simulation.leaving_out import Part, parts, without
from support.simulation.playing import Played, play_scenario
from support.simulation.scenario import Scenario

MOST_RUNS = 800  # at most some 40 s on a slow machine
_CODES = re.compile(r" ended with [0-9]+, not \[[0-9, ]+\]$")
_DETAILS = re.compile(r"[0-9a-f]{6,}|[0-9][0-9.-]*")


class End(Enum):
    """Why shrinking has come to its end."""

    SMALLEST = "nothing more can be left out"
    BOUND = "broken off by --shrink-runs: more may be left out"
    INTERRUPTED = "interrupted: more may be left out"


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The smallest history that was found to fail in the same way, and what finding it took."""

    played: Played
    histories: int
    runs: int
    end: End


class _Enough(Exception):
    """As many runs are played as may be."""


def shrink(
    played: Played, most: int = MOST_RUNS, tell: Callable[[str], None] = lambda _: None
) -> Shrunk:
    """Leave out what the first violation does not need; no history is begun after so many runs.

    Ctrl-C breaks it off. `tell` is given a line each time that a smaller history is found.
    """
    search = _Search(played, most, tell)
    end = End.SMALLEST
    try:
        search.search()
    except _Enough:
        end = End.BOUND
    except KeyboardInterrupt:
        end = End.INTERRUPTED
    return Shrunk(search.best, search.histories, search.runs, end)


def kind_of(violation: str) -> str:
    """Give what is the same in violations of one kind: all but names, numbers and times.

    A wrong exit code is of a kind with those alone that are wrong in the same way.
    """
    codes = _CODES.search(violation)
    at = codes.start() if codes else len(violation)
    return _DETAILS.sub("…", violation[:at]) + violation[at:]


class _Search:
    """Plays histories without more and more parts of the whole one."""

    def __init__(self, played: Played, most: int, tell: Callable[[str], None]) -> None:
        self.best = played
        self.histories, self.runs = 0, 0
        self._most, self._tell = most, tell
        self._accused = played.violations[0]
        self._kind = kind_of(self._accused)
        self._whole = played.scenario
        self._groups = parts(played.scenario)
        self._gone: frozenset[Part] = frozenset()
        self._tried: dict[str, Played | None] = {}

    def search(self) -> None:
        """Leave out parts until there is none left that can be, nor any two of them."""
        for leap in self._leaps():
            self._try(leap)
        while self._thin_all(1):
            pass
        while self._sweep() or self._pairs():
            pass

    def _leaps(self) -> Iterator[list[Part]]:
        """Give what a history may well do without: other accounts, and whatever goes wrong."""
        others: list[Part] = [
            ("items", n)
            for n, (number, _) in enumerate(self._whole.items)
            if item(number).identity.account_id not in self._accused
        ]
        rest = [part for group in self._groups[1:] for part in group]
        if len(others) < len(self._whole.items):
            yield [*others, *rest]
            yield others
        yield rest

    def _sweep(self) -> bool:
        """Try without larger portions of each group, then smaller ones; tell whether it helped."""
        helped, portions = False, 1
        while any(portions < 2 * len(self._left(group)) for group in self._groups):
            helped |= self._thin_all(portions)
            portions *= 2
        return helped

    def _thin_all(self, portions: int) -> bool:
        before = self._gone
        for group in self._groups:
            self._thin(group, portions)
        return self._gone != before

    def _pairs(self) -> bool:
        """Try without any two parts at once, until that helps; tell whether it did."""
        before = self._gone
        single = [part for group in self._groups for part in self._left(group)]
        for pair in combinations(single, 2):
            self._try(pair)
            if self._gone != before:
                return True
        return False

    def _left(self, group: Sequence[Part]) -> list[Part]:
        return [part for part in group if part not in self._gone]

    def _thin(self, group: Sequence[Part], portions: int) -> None:
        left = self._left(group)
        portion = -(-len(left) // portions) or 1
        for start in range(0, len(left), portion):
            self._try(left[start : start + portion])

    def _try(self, some: Sequence[Part]) -> None:
        """Go on without some more parts, if that still fails in the same way."""
        gone = self._gone.union(some)
        smaller = without(self._whole, gone)
        if not smaller.items or smaller == self._whole:
            return
        name = repr(smaller)
        if name not in self._tried:
            self._tried[name] = self._play(smaller)
        if (played := self._tried[name]) is None:
            return
        self._gone = gone
        if played is not self.best:
            self.best = played
            self._tell(f"after {self.runs} runs: {size(smaller)}")

    def _play(self, smaller: Scenario) -> Played | None:
        if self.runs >= self._most:
            raise _Enough
        played = play_scenario(smaller)
        self.histories += 1
        self.runs += len(played.evidence.runs)
        same = [text for text in played.violations if kind_of(text) == self._kind]
        others = [text for text in played.violations if text not in same]
        return replace(played, violations=[*same, *others]) if same else None
