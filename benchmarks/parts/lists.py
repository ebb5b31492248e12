"""What long lists cost: memory that must not grow with them, and the CPU of checking them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from benchmarks.figures import NOISE, Row, Sizes, alternating
from benchmarks.hot import hot_command
from benchmarks.inputs import Listed, Sheet, write_project
from benchmarks.machine import ZBATCH, Cost, folder, measured
from benchmarks.native import rival_words
from benchmarks.runs import whole_run

MOST = 100.0  # MB


def memory(sizes: Sizes) -> Iterator[Row]:
    """Hold the peak at many accounts against that at few, for each verb and way to list them."""
    ways = tuple(Listed) if sizes.spare else (Listed.CSV,)
    for listed in ways:
        for verb in ("validate", "plan"):
            yield from _rows(f"`{verb}`, {listed}", sizes, _offline(verb, listed))
    for listed in ways if sizes.spare else ():
        yield from _rows(f"`run` at 50 a call, {listed}", sizes, _running(listed))


Peak = Callable[[int], float]


def _rows(name: str, sizes: Sizes, peak: Peak) -> Iterator[Row]:
    """Measure once: a peak is the same each time, within a megabyte."""
    many, few = peak(sizes.many), peak(sizes.few)
    told = f"{many:.0f} MB at {sizes.many:,} accounts, {few:.0f} MB at {sizes.few:,}; one pair"
    yield Row(f"peak memory of {name}, many ÷ few accounts", 1.5, (many / few,), told=told)
    yield Row(f"peak memory of {name}", MOST, (many,), " MB")


def _offline(verb: str, listed: Listed) -> Peak:
    def peak(accounts: int) -> float:
        with folder("list") as place:
            spec = write_project(place, Sheet(accounts, listed))
            return measured([ZBATCH, verb, str(spec)]).peak

    return peak


def _running(listed: Listed) -> Peak:
    return lambda accounts: whole_run(Sheet(accounts, listed, objects=50)).cost.peak


def checking(sizes: Sizes) -> Iterator[Row]:
    """Hold `validate` of inline maps against PyYAML's C loader and jsonschema."""
    with folder("list") as place:
        spec = write_project(place, Sheet(sizes.many))
        taken = alternating(
            sizes.pairs, lambda: measured([ZBATCH, "validate", str(spec)]), lambda: _tree(spec)
        )
    told = " ÷ ".join(f"{median(pair[n].cpu for pair in taken):.1f} s" for n in (0, 1))
    yield Row(
        "CPU of `validate`, inline maps, ÷ CSafeLoader + jsonschema",
        1 / 8, tuple(mine.cpu / tree.cpu for mine, tree in taken), noise=NOISE,
        told=f"{told}; {sizes.many:,} accounts",
        hot=lambda: hot_command(
            Sheet(min(sizes.many, 20_000)), "validate", "`validate`, inline maps"
        ),
    )  # fmt: skip


def _tree(spec: Path) -> Cost:
    return measured(rival_words("check", str(spec)))
