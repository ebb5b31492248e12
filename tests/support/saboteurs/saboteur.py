"""What a saboteur is: one rule broken in one place, and who must notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from support.saboteurs.bench import Bench

RULES = "tests/exactly_once/test_rules.py::test_"
TWICE = "tests/exactly_once/test_scenarios_d.py::test_"
LOST = "tests/exactly_once/test_scenarios_l.py::test_"


@dataclass(frozen=True, slots=True)
class Saboteur:
    """One way to break the product; `test` is the pytest node that must fail under it.

    `seed` is the first simulated history in which the checker sees it; where the simulation
    cannot reach it, `beyond` says why.
    """

    breaks: str
    name: str
    says: str
    sabotage: Callable[[Bench], None]
    test: str
    seed: int | None = None
    beyond: str = ""

    def __post_init__(self) -> None:
        if (self.seed is None) != bool(self.beyond):
            raise ValueError(f"{self.name}: either a seed or why there is none")

    @contextmanager
    def apply(self) -> Iterator[Bench]:
        """Break the product while the body runs."""
        bench = Bench()
        try:
            self.sabotage(bench)
            yield bench
        finally:
            bench.undo()


def saboteur(
    breaks: str, *, test: str, seed: int | None = None, beyond: str = ""
) -> Callable[[Callable[[Bench], None]], Saboteur]:
    """Make a saboteur of a function that puts substitutes in place; its docstring is the sentence.

    `breaks` is the number of the rule or scenario.
    """

    def make(sabotage: Callable[[Bench], None]) -> Saboteur:
        name = f"{breaks}-{sabotage.__name__.replace('_', '-')}"
        says = (sabotage.__doc__ or "").strip()
        return Saboteur(breaks, name, says, sabotage, test, seed, beyond)

    return make
