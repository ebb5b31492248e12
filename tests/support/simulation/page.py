"""Write the example of docs/simulation.md: `python -m support.simulation.page`, in `tests`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from support.saboteurs import SABOTEURS
from support.simulation.command import report
from support.simulation.drawing import draw, family_of
from support.simulation.playing import play_scenario
from support.simulation.shrinking import shrink

PAGE = Path(__file__).parents[3] / "docs" / "simulation.md"
SABOTEUR = "R9b-any-invoice-is-claimed"
_BLOCK = re.compile(r"(<!-- shown by [^\n]*test_shrinking.py -->\n```\n).*?(```\n)", re.DOTALL)


def text() -> str:
    """Give the whole page, with what is told of the history that shows the saboteur."""
    told = f"{example()}\n"
    return _BLOCK.sub(lambda found: found[1] + told + found[2], PAGE.read_text("utf-8"))


def example() -> str:
    """Play, shrink and tell a history in which an invoice is claimed, whoever made it."""
    (saboteur,) = (one for one in SABOTEURS if one.name == SABOTEUR)
    assert saboteur.seed is not None
    with saboteur.apply():
        played = play_scenario(draw(saboteur.seed, family_of(saboteur.seed)))
        return report(played, shrink(played))


def main() -> int:
    """Write the page."""
    PAGE.write_text(text(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
