"""What a run over a finished ledger costs until it knows that nothing is to be sent, and in all."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.figures import NOISE, Row, Sizes
from benchmarks.hot import held_by_project, hot_project
from benchmarks.inputs import CREDENTIALS, Listed, Sheet, write_project
from benchmarks.machine import ROOT, folder, measured, scratch
from benchmarks.runs import check_run, run_words

OBJECTS = 50
KNOWN = re.compile(r"0 to send: ([0-9.]+) s of CPU")


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
        known = tuple(_until_known(spec) for _ in range(sizes.pairs))
        costs = [measured(run_words(spec), CREDENTIALS) for _ in range(sizes.pairs)]
        check_run(place, sizes.many)
    what = f"re-run over a finished ledger of {sizes.many:,} items"
    scale, shorter = sizes.many / 1_000_000, min(sizes.many, 20_000)
    told = "" if scale == 1 else f"of a list of {sizes.many:,}: the goal is for 1,000,000"
    yield Row(
        f"CPU of a {what}, until it knows that nothing is to be sent", 10.0 * scale, known, " s",
        NOISE, told, hot=partial(_look, hot_project, shorter),
    )  # fmt: skip
    yield Row(
        f"CPU of a {what}, with the whole report", None, tuple(one.cpu for one in costs), " s"
    )
    peaks = tuple(one.peak for one in costs)
    look = partial(_look, held_by_project, shorter)
    yield Row(f"peak memory of a {what}", 150.0, peaks, " MB", hot=look)


def _until_known(spec: Path) -> float:
    """Give the CPU of a process, from its start on, when its run tells how much is to be sent."""
    out = scratch("known")
    words = [sys.executable, "-m", "benchmarks.run_scale", "here", str(spec)]
    measured(words, {**CREDENTIALS, "PYTHONPATH": str(ROOT)}, out)
    told = KNOWN.search(out.read_text("utf-8"))
    if told is None:
        raise RuntimeError("a run over a finished ledger had something to send")
    return float(told[1])


def _look(by: Callable[[Path, str], str], accounts: int) -> str:
    with folder("again") as place:
        return by(finished(place, accounts), f"a re-run over {accounts:,} items")
