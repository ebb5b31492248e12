"""What a saboteur is: one rule broken in one place, and who must notice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.saboteurs.bench import Bench

RULES = "tests/exactly_once/test_rules.py::test_"
TWICE = "tests/exactly_once/test_scenarios_d.py::test_"
LOST = "tests/exactly_once/test_scenarios_l.py::test_"
STORED = "tests/exactly_once/test_stored_answers.py::test_"
WRONG = "tests/exactly_once/test_wrong_answers.py::test_"


KEPT = Path(__file__).with_name("seeds.json")
SEEDS: dict[str, int] = json.loads(KEPT.read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Saboteur:
    """One way to break the product; `test` is the pytest node that must fail under it.

    `beyond` says why the simulation cannot show it; without that, it can.
    """

    breaks: str
    name: str
    says: str
    sabotage: Callable[[Bench], None]
    test: str
    beyond: str = ""

    @property
    def seed(self) -> int | None:
        """The first history in which the checker has seen it, as the last search found."""
        return SEEDS.get(self.name)

    @contextmanager
    def apply(self) -> Iterator[Bench]:
        """Break the product while the body runs."""
        bench = Bench()
        try:
            bench.watch()
            self.sabotage(bench)
            yield bench
        finally:
            bench.undo()


def saboteur(
    breaks: str, *, test: str, beyond: str = ""
) -> Callable[[Callable[[Bench], None]], Saboteur]:
    """Make a saboteur of a function that puts substitutes in place; its docstring is the sentence.

    `breaks` is the number of the rule or scenario.
    """

    def make(sabotage: Callable[[Bench], None]) -> Saboteur:
        name = f"{breaks}-{sabotage.__name__.replace('_', '-')}"
        says = (sabotage.__doc__ or "").strip()
        return Saboteur(breaks, name, says, sabotage, test, beyond)

    return make
