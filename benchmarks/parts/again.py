"""What a run over a finished ledger costs, until it has found that there is nothing to send."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.figures import NOISE, Row, Sizes
from benchmarks.hot import held_by_project, hot_project
from benchmarks.inputs import CREDENTIALS, Listed, Sheet, write_project
from benchmarks.machine import ROOT, folder, measured
from benchmarks.runs import check_run, run_words

OBJECTS = 50


def finished(place: Path, accounts: int, listed: Listed = Listed.CSV) -> Path:
    """Write a project whose ledger holds every account as invoiced, and give its spec."""
    spec = write_project(place, Sheet(accounts, listed, objects=OBJECTS))
    words = [sys.executable, "-m", "benchmarks.ledger_made", str(spec)]
    measured(words, {"PYTHONPATH": str(ROOT)})
    return spec


def over_a_finished_ledger(sizes: Sizes) -> Iterator[Row]:
    """Run again over a ledger that the product's own store has written."""
    with folder("again") as place:
        spec = finished(place, sizes.many)
        costs = [measured(run_words(spec), CREDENTIALS) for _ in range(sizes.pairs)]
        check_run(place, sizes.many)
    what = f"re-run over a finished ledger of {sizes.many:,} items"
    scale, shorter = sizes.many / 1_000_000, min(sizes.many, 20_000)
    told = "" if scale == 1 else f"of a list of {sizes.many:,}: the goal is for 1,000,000"
    yield Row(
        f"CPU of a {what}", 10.0 * scale, tuple(one.cpu for one in costs), " s", NOISE, told,
        hot=partial(_look, hot_project, shorter),
    )  # fmt: skip
    peaks = tuple(one.peak for one in costs)
    look = partial(_look, held_by_project, shorter)
    yield Row(f"peak memory of a {what}", 150.0, peaks, " MB", hot=look)


def _look(by: Callable[[Path, str], str], accounts: int) -> str:
    with folder("again") as place:
        return by(finished(place, accounts), f"a re-run over {accounts:,} items")
