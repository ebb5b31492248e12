"""What it takes to start: held against importing eagerly all that zbatch stands on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from statistics import median

from benchmarks.figures import NOISE, Row, Sizes, alternating
from benchmarks.hot import hot_start
from benchmarks.inputs import Sheet, write_project
from benchmarks.machine import ZBATCH, folder, measured

EAGER = [sys.executable, "-c", "import aiohttp, jsonschema, yaml, click, rich"]
ACCOUNTS = 1000
PROBE = """\
import sys
from zbatch.cli import main
code = main(sys.argv[1:])
raise SystemExit(code or ("aiohttp" in sys.modules))
"""


def starting(sizes: Sizes) -> Iterator[Row]:
    """Measure the two commands that people wait for at a prompt."""
    with folder("start") as place:
        spec = write_project(place, Sheet(min(ACCOUNTS, sizes.many)))
        commands = {
            "`zbatch --help`": (["--help"], 0.25),
            f"`zbatch validate` of {ACCOUNTS:,} accounts": (["validate", str(spec)], 0.35),
        }
        for name, (words, goal) in commands.items():
            taken = alternating(
                sizes.starts,
                partial(_cpu, [ZBATCH, *words]),
                partial(_cpu, EAGER),
            )
            told = " ÷ ".join(f"{median(pair[n] for pair in taken) * 1000:.0f} ms" for n in (0, 1))
            ratios = tuple(mine / eager for mine, eager in taken)
            yield Row(
                f"CPU of {name} ÷ importing eagerly", goal, ratios, noise=NOISE, told=told,
                hot=partial(hot_start, words, name),
            )  # fmt: skip
        importing = sum(_imports_aiohttp(words) for words, _ in commands.values())
        yield Row("of these commands, that import aiohttp", 0, (importing,))


def _cpu(words: list[str]) -> float:
    return measured(words).cpu


def _imports_aiohttp(words: list[str]) -> bool:
    try:
        measured([sys.executable, "-c", PROBE, *words])
    except RuntimeError:
        return True
    return False
