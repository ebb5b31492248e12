"""What it costs to be watched: a run that is drawn on a terminal, held against one that is not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from threading import Thread

from benchmarks.figures import NOISE, Row, Sizes, alternating
from benchmarks.inputs import Sheet
from benchmarks.runs import Run, whole_run

MOST = 10_000  # items
RATE = 833  # a second: what tenants allow, 50,000 a minute
GOAL = 1.05


def shown(sizes: Sizes) -> Iterator[Row]:
    """Measure whole runs at the rate that tenants allow, drawn or not, and logged or not."""
    sheet = Sheet(min(MOST, sizes.calls), rate=RATE)
    with _terminal() as terminal:
        run = partial(_run, sheet, terminal)
        log = ("--log-file", os.devnull, "--progress", "none")
        taken = alternating(
            sizes.pairs,
            lambda: run("--progress", "none"),
            lambda: run("--progress", "bar"),
            lambda: run(*log),
        )
    for place, (what, goal) in enumerate([("`--progress bar`", GOAL), ("`--log-file`", None)], 1):
        ratios = tuple(runs[place].cost.cpu / runs[0].cost.cpu for runs in taken)
        cpu = " ÷ ".join(f"{median(runs[n].cost.cpu for runs in taken):.2f} s" for n in (place, 0))
        wall = median(runs[place].cost.wall for runs in taken)
        yield Row(
            f"CPU of the whole run with {what} ÷ with `--progress none`",
            goal, ratios, noise=NOISE, told=f"{cpu}; {sheet.accounts:,} items in {wall:.0f} s",
        )  # fmt: skip


def _run(sheet: Sheet, terminal: Path, *words: str) -> Run:
    return whole_run(sheet, shown=words, terminal=terminal)


@contextmanager
def _terminal() -> Iterator[Path]:
    """Give a terminal that somebody reads, of a process that is not measured."""
    ours, theirs = os.openpty()
    reader = Thread(target=_read, args=(ours,), daemon=True)
    reader.start()
    try:
        yield Path(os.ttyname(theirs))
    finally:
        os.close(theirs)
        reader.join()
        os.close(ours)


def _read(descriptor: int) -> None:
    try:
        while os.read(descriptor, 65536):
            pass
    except OSError:  # the other end is closed
        pass
