"""Let saboteurs loose on simulated histories, and find the first one in which they are seen.

`python -m support.saboteurs.simulation [NAME…]`, from the folder `tests`, looks through the seeds
from 0 on for each saboteur within reach, or for those named, and prints the first.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from support.saboteurs import SABOTEURS
from support.saboteurs.saboteur import Saboteur
from support.swarm import play

SEEDS = 2000
PATIENCE = 20.0  # seconds for one history: a sabotaged run may never end


def violation(seed: int, saboteur: Saboteur | None) -> str | None:
    """Play a history under a saboteur, or without any; tell what the checker sees, if anything.

    Raises what the saboteur itself has done wrong.
    """
    with tempfile.TemporaryDirectory() as folder:
        if saboteur is None:
            return _played(seed, Path(folder))
        with saboteur.apply() as bench:
            found = _played(seed, Path(folder))
        for blunder in bench.blunders:
            raise blunder
        return found if bench.reached else None


def _played(seed: int, folder: Path) -> str | None:
    try:
        play(seed, folder)
    except AssertionError as error:
        return str(error).splitlines()[0]
    return None


def first_seed(saboteur: Saboteur, seeds: range = range(SEEDS)) -> tuple[int, str] | None:
    """Find the first history in which the checker sees a saboteur; one that hangs shows nothing."""
    for seed in seeds:
        with _alarm():
            found = None
            try:
                found = violation(seed, saboteur)
            except TimeoutError:
                print(f"{saboteur.name}: seed {seed} does not end", file=sys.stderr)
        if found:
            return seed, found
    return None


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    old = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def main(names: Sequence[str]) -> int:
    """Search for the named saboteurs, or for all within reach; 1 where one is not seen."""
    missed = 0
    for one in SABOTEURS:
        if one.name in names or (not names and one.seed is not None):
            found = first_seed(one)
            missed += found is None
            print(one.name, *(found or ("not seen",)), flush=True)
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
