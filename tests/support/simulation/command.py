"""The command line: seeds in, violations and a count out."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from support.simulation.drawing import FAMILIES, ITEMS, draw, family_of
from support.simulation.playing import Played, play_scenario
from support.simulation.shrinking import describe, shrink
from support.simulation.sweeping import seldom_swept

A_PORTION = 50  # seeds that one process plays at a time
MOST_LINES = 60
MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Count:
    """What a portion of seeds came to; `failed` are whole messages."""

    seeds: int = 0
    runs: int = 0
    failed: tuple[str, ...] = ()

    def __add__(self, other: Count) -> Count:
        return Count(self.seeds + other.seeds, self.runs + other.runs, self.failed + other.failed)


def play_portion(
    seeds: Iterable[int],
    family: str | None = None,
    size: int = ITEMS,
    *,
    shrinking: bool = False,
    runs: int | None = None,
) -> Count:
    """Play some seeds and count; with `runs` only until there have been so many."""
    total = Count()
    with seldom_swept():
        for seed in seeds:
            played = play_scenario(draw(seed, family or family_of(seed), size))
            failed = (report(played, shrinking),) if played.violations else ()
            total += Count(1, len(played.evidence.runs), failed)
            if runs is not None and total.runs >= runs:
                break
    return total


def report(played: Played, shrinking: bool = False) -> str:
    """Tell of a history in which something is wrong, as short as it goes."""
    scenario = played.scenario
    lines = [f"seed {scenario.seed} of {scenario.family}: {len(played.violations)} violations"]
    if shrinking:
        played = shrink(played)
        lines += ["shrunk to", *describe(played.scenario)]
    lines += [f"  {text}" for text in played.violations[:MOST_NAMED]]
    return "\n".join([*lines, *played.story[:MOST_LINES]])


def kept_seeds() -> list[tuple[str, int]]:
    """Read the seeds that have shown a fault, each with its family."""
    lines = Path(__file__).with_name("seeds.txt").read_text("utf-8").splitlines()
    words = [line.split() for line in lines if not line.startswith("#")]
    return [(family, int(seed)) for family, seed, *_ in words]


def main(argv: Sequence[str]) -> int:
    """Play seeds; 1 if anything is wrong with one of them."""
    options = _parser().parse_args(argv)
    first, _, last = options.seeds.partition(":")
    seeds = range(int(first), int(last) if last else int(first) + 1)
    began = time.monotonic()
    total = Count()
    for count in _counts(seeds, options):
        for failed in count.failed:
            print(failed, end="\n\n", flush=True)
        total += count
    seconds = time.monotonic() - began
    print(
        f"{total.seeds} seeds from {seeds.start:,} on, {total.runs} runs of {options.items} items,"
        f" {len(total.failed)} failed, {seconds:.1f} s, {total.runs / seconds:.0f} runs/s"
    )
    return 1 if total.failed else 0


def _counts(seeds: range, options: argparse.Namespace) -> Iterator[Count]:
    portions = [seeds[n : n + A_PORTION] for n in range(0, len(seeds), A_PORTION)]
    play = partial(
        play_portion, family=options.family, size=options.items, shrinking=options.shrink
    )
    if options.jobs == 1:
        yield from map(play, portions)
        return
    with ProcessPoolExecutor(options.jobs) as pool:
        yield from pool.map(play, portions)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m support.simulation", description=__doc__)
    parser.add_argument("--seeds", default="0:300", help="FIRST:LAST, without the last, or one")
    parser.add_argument(
        "--family", choices=list(FAMILIES), help="the first five, in turn, unless named"
    )
    parser.add_argument("--items", type=int, default=ITEMS, help="items of each history")
    parser.add_argument("--jobs", type=int, default=1, help="processes to play in")
    parser.add_argument("--shrink", action="store_true", help="shrink what fails")
    return parser
