"""Write docs/saboteurs.md from the registry: `python -m support.saboteurs.page`, in `tests`."""

from __future__ import annotations

import sys
from pathlib import Path

from support.saboteurs import SABOTEURS
from support.saboteurs.saboteur import Saboteur

PAGE = Path(__file__).parents[3] / "docs" / "saboteurs.md"
HEAD = """\
# The saboteurs: who tests the tests

A test that nothing can make fail shows nothing. So the tests are tested: for each
[rule](exactly-once.md#the-rules) R1 to R14, each [scenario](scenarios.md) D and L, and what
[stops a run in time](stopping.md) or holds it back, P, there is at least one saboteur, a piece of
test code that breaks the product in that one respect, from outside; so there is for what a run
tells, T: that it stands and is kept, of which invoices, and that no secret is in it. With the
saboteur at work

- a *named test* must fail, which passes without it; and
- where the simulation can reach it, the *checker* must see something wrong within the first 2,000
  simulated histories. The last column has the number of one in which it does, and which the tests
  play each time; where the simulation cannot reach it, the column says why.

A third of them runs with the tests, another one each day; `SABOTEURS=0/3`, `1/3`, `2/3` or `all`
before `pytest tests/saboteurs` chooses. So what breaks a guard may stay unseen for two days. In the
folder `tests`, `../.venv/bin/python -m support.saboteurs.search` looks through the histories from
the first on and keeps what it finds; `../.venv/bin/python -m support.saboteurs.page` writes this
page.

| breaks | the saboteur | named test | history |
|---|---|---|---|
"""


def text() -> str:
    """Give the whole page."""
    within = sum(one.seed is not None for one in SABOTEURS)
    foot = (
        f"\n{len(SABOTEURS)} saboteurs, {within} of them within the simulation's reach,"
        f" {len(SABOTEURS) - within} beyond it.\n"
    )
    return HEAD + "".join(map(_row, SABOTEURS)) + foot


def _row(one: Saboteur) -> str:
    path, _, test = one.test.partition("::")
    seen = one.beyond if one.seed is None else f"{one.seed}"
    return f"| {one.breaks} | {one.says} | `{path}` `{test}` | {seen} |\n"


def main() -> int:
    """Write the page."""
    PAGE.write_text(text(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
