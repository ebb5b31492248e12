"""The command line: seeds in, violations and a count out."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from support.simulation.describing import describe, size
from support.simulation.drawing import FAMILIES, ITEMS, draw, family_of
from support.simulation.playing import Played, play_scenario
from support.simulation.shrinking import MOST_RUNS, End, Shrunk, shrink
from support.simulation.sweeping import seldom_swept

A_PORTION = 50  # seeds that one process plays at a time
MOST_LINES = 60
MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Count:
    """What a portion of seeds came to; `failed` are whole messages, `over` after a Ctrl-C."""

    seeds: int = 0
    runs: int = 0
    failed: tuple[str, ...] = ()
    over: bool = False

    def __add__(self, other: Count) -> Count:
        failed, over = self.failed + other.failed, self.over or other.over
        return Count(self.seeds + other.seeds, self.runs + other.runs, failed, over)


def play_portion(
    seeds: Iterable[int],
    family: str | None = None,
    size: int = ITEMS,
    *,
    shrinking: int = 0,
    runs: int | None = None,
) -> Count:
    """Play some seeds and count; with `runs` only until there have been so many.

    What fails is shrunk by so many runs, or not at all.
    """
    total = Count()
    with seldom_swept():
        for seed in seeds:
            played = play_scenario(draw(seed, family or family_of(seed), size))
            total += Count(1, len(played.evidence.runs))
            if played.violations:
                shrunk = shrink(played, shrinking, _progress) if shrinking else None
                over = shrunk is not None and shrunk.end is End.INTERRUPTED
                total += Count(failed=(report(played, shrunk),), over=over)
            if total.over or (runs is not None and total.runs >= runs):
                break
    return total


def report(played: Played, shrunk: Shrunk | None = None) -> str:
    """Tell of a history in which something is wrong, or of what it has been shrunk to."""
    scenario = played.scenario
    wrong = Counter(played.violations)
    lines = [f"seed {scenario.seed} of {scenario.family}: {wrong.total()} violations"]
    if shrunk:
        played, wrong = shrunk.played, Counter(shrunk.played.violations)
        took = f"{shrunk.histories} histories of {shrunk.runs} runs: {shrunk.end.value}"
        found = "as it is" if played.scenario == scenario else f"to {size(played.scenario)}"
        lines += [f"from {size(scenario)}", f"  {found}, by {took}"]
        lines += ["shrunk to", *describe(played.scenario)]
    lines += ["what is wrong", *(_times(*one) for one in wrong.most_common()[:MOST_NAMED])]
    lines += _cut(len(wrong) - MOST_NAMED)
    story = played.story
    lines += ["what happened", *story[:MOST_LINES], *_cut(len(story) - MOST_LINES)]
    return "\n".join(lines)


def _times(violation: str, times: int) -> str:
    return f"  {violation}" + (f", {times} times" if times > 1 else "")


def _cut(left: int) -> list[str]:
    return [f"  and {left} more"] if left > 0 else []


def _progress(line: str) -> None:
    """Tell how far shrinking is, beside what is told in the end."""
    print(line, file=sys.stderr, flush=True)


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
        if total.over:
            break
    seconds = time.monotonic() - began
    print(
        f"{total.seeds} seeds from {seeds.start:,} on, {total.runs} runs of {options.items} items,"
        f" {len(total.failed)} failed, {seconds:.1f} s, {total.runs / seconds:.0f} runs/s"
    )
    return 1 if total.failed else 0


def _counts(seeds: range, options: argparse.Namespace) -> Iterator[Count]:
    portions = [seeds[n : n + A_PORTION] for n in range(0, len(seeds), A_PORTION)]
    shrinking = options.shrink_runs if options.shrink else 0
    play = partial(play_portion, family=options.family, size=options.items, shrinking=shrinking)
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
    parser.add_argument(
        "--shrink",
        action="store_true",
        help="shrink what fails; with one job Ctrl-C tells the smallest so far",
    )
    parser.add_argument(
        "--shrink-runs",
        type=int,
        default=MOST_RUNS,
        help=f"runs to shrink a history by, {MOST_RUNS} unless told",
    )
    return parser
