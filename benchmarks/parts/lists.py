"""What long lists cost: memory that must not grow with them, and the CPU of checking them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.figures import NOISE, Row, Sizes, alternating
from benchmarks.hot import hot_command, hot_memory
from benchmarks.inputs import Listed, Sheet, write_project
from benchmarks.machine import ZBATCH, Cost, folder, measured
from benchmarks.native import rival_words
from benchmarks.runs import whole_run

MOST = 100.0  # MB
BYTES_A_MAP = 45
GROWS = (
    "What grows is what the plan holds of each row: its ID, line, place when sorted, and what it"
    " has in common with others; of inline maps the text of the spec as well."
)
MOST_BYTES = 32 * 1024 * 1024  # of a spec; what is longer is put into files


def memory(sizes: Sizes) -> Iterator[Row]:
    """Hold the peak at many accounts against that at few, for each verb and way to list them."""
    ways = tuple(Listed) if sizes.spare else (Listed.CSV,)
    for listed in ways:
        for verb in ("validate", "plan"):
            yield from _rows(f"`{verb}`, {listed}", sizes, _offline(verb, listed), verb)
    for listed in ways if sizes.spare else ():
        yield from _rows(f"`run` at 50 a call, {listed}", sizes, _running(listed), "run")


def inline(sizes: Sizes) -> Iterator[Row]:
    """Tell whether one spec may hold all the accounts of a long list."""
    if sizes.many <= inline_most(sizes):
        return
    with folder("list") as place:
        spec = write_project(place, Sheet(sizes.many))
        try:
            measured([ZBATCH, "validate", str(spec)])
        except RuntimeError:
            refused = sizes.many / inline_most(sizes)
            told = f"{sizes.many:,} are refused: a spec has at most 32 MB, for more there are files"
            yield Row("accounts ÷ inline maps that one spec may hold", 1.0, (refused,), told=told)


def inline_most(sizes: Sizes) -> int:
    """Give how many inline maps are measured: as many as a spec may hold, in whole calls of 50."""
    return min(sizes.many, (MOST_BYTES // BYTES_A_MAP - 1000) // 1000 * 1000)


Peak = Callable[[int], float]


def _rows(name: str, sizes: Sizes, peak: Peak, verb: str) -> Iterator[Row]:
    """Measure once: a peak is the same each time, within a megabyte."""
    most = inline_most(sizes) if Listed.MAPS in name else sizes.many
    many, few = peak(most), peak(sizes.few)
    told = f"{many:.0f} MB at {most:,} accounts, {few:.0f} MB at {sizes.few:,}; one pair"
    listed = Listed.MAPS if Listed.MAPS in name else Listed.CSV
    sheet = Sheet(min(most, 20_000), listed, objects=50)
    hot = partial(hot_memory, sheet, verb, name)
    ratio = (many / few,)
    yield Row(f"peak memory of {name}, many ÷ few accounts", 1.5, ratio, told=told, why=GROWS)
    yield Row(f"peak memory of {name}", MOST, (many,), " MB", hot=hot)


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
        spec = write_project(place, Sheet(inline_most(sizes)))
        taken = alternating(
            sizes.pairs, lambda: measured([ZBATCH, "validate", str(spec)]), lambda: _tree(spec)
        )
    told = " ÷ ".join(f"{median(pair[n].cpu for pair in taken):.1f} s" for n in (0, 1))
    yield Row(
        "CPU of `validate`, inline maps, ÷ CSafeLoader + jsonschema",
        1 / 8, tuple(mine.cpu / tree.cpu for mine, tree in taken), noise=NOISE,
        told=f"{told}; {inline_most(sizes):,} accounts",
        hot=lambda: hot_command(
            Sheet(min(sizes.many, 20_000)), "validate", "`validate`, inline maps"
        ),
    )  # fmt: skip


def _tree(spec: Path) -> Cost:
    return measured(rival_words("check", str(spec)))
