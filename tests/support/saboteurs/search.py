"""Let saboteurs loose on simulated histories, and find the first one in which they are seen.

`python -m support.saboteurs.search [NAME…]`, from the folder `tests`, looks through the seeds
from 0 on for each saboteur within reach, or for those named, prints the first and keeps it. With
`--mend` it does so only for those whose kept history does not show them any more; with `--tell` it
keeps nothing.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from support.saboteurs import SABOTEURS
from support.saboteurs.bench import MISFITS
from support.saboteurs.saboteur import KEPT, Saboteur
from support.simulation.playing import play
from support.simulation.sweeping import seldom_swept

MOST = 2000  # histories, within which a saboteur must be seen
PATIENCE = 20.0  # seconds for one history: a sabotaged run may never end


class Endless(KeyboardInterrupt):
    """A history does not end; a KeyboardInterrupt, since only that leaves any event loop."""


def violations(seed: int, saboteur: Saboteur | None) -> list[str]:
    """Play a history under a saboteur, or without any; tell what is wrong with it.

    Raises what the saboteur itself has done wrong.
    """
    if saboteur is None:
        return play(seed)
    with saboteur.apply() as bench:
        found = play(seed)
    for blunder in bench.blunders:
        raise blunder
    for one in found:
        if one.startswith(tuple(f"raised {misfit.__name__}" for misfit in MISFITS)):
            raise LookupError(one)
    return found if bench.reached else []


def first_seed(saboteur: Saboteur, seeds: range = range(MOST)) -> tuple[int, str] | None:
    """Find the first history in which a saboteur is seen; one without an end shows nothing."""
    for seed in seeds:
        found: list[str] = []
        try:
            with _alarm(), seldom_swept():
                found = violations(seed, saboteur)
        except Endless:
            print(f"{saboteur.name}: history {seed} does not end", file=sys.stderr)
        if found and not violations(seed, None):
            return seed, found[0]
    return None


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise Endless

    old = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def main(arguments: Sequence[str]) -> int:
    """Search for saboteurs and keep what is found; 1 where one is not seen."""
    names = [one for one in arguments if not one.startswith("--")]
    wanted = [one for one in SABOTEURS if (one.name in names if names else not one.beyond)]
    if "--mend" in arguments:
        wanted = [one for one in wanted if one.seed is None or not _shows(one.seed, one)]
    seen: list[int] = []
    for one in wanted:
        found = first_seed(one)
        print(one.name, *(found or ("is not seen",)), flush=True)
        seen += [found[0]] if found else []
        if "--tell" not in arguments:
            _keep(one, found[0] if found else None)
    print(f"{len(seen)} of {len(wanted)} seen, the last of them in history {max(seen, default=0)}")
    return int(len(seen) < len(wanted))


def _shows(seed: int, saboteur: Saboteur) -> bool:
    return bool(violations(seed, saboteur)) and not violations(seed, None)


def _keep(saboteur: Saboteur, seed: int | None) -> None:
    """Put a seed down, or take an old one out, in the order of the registry."""
    kept: dict[str, int | None] = {**json.loads(KEPT.read_text("utf-8")), saboteur.name: seed}
    order = {one.name: kept.get(one.name) for one in SABOTEURS}
    held = {name: number for name, number in order.items() if number is not None}
    KEPT.write_text(f"{json.dumps(held, indent=2)}\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
