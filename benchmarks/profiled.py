"""Run zbatch under a profiler: `python -m benchmarks.profiled OUT WORD...`; its words are zbatch's.

Only the event loop's thread is followed, by its CPU: neither waits nor other programs are in it,
nor the ledger's own thread. With MEMORY=1 in the environment it is followed what holds the memory
at its peak, of all threads; what C libraries take for themselves is not seen.
"""

from __future__ import annotations

import cProfile
import json
import os
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

LOOKS = 0.1  # seconds between two looks at the memory
GROWTH = 1.05  # a look is worth keeping from this on


def main() -> int:
    """Run the command and write what its functions took."""
    out, *words = sys.argv[1:]

    def zbatch() -> int:
        from zbatch.cli import main as command  # its imports are part of what is looked at

        return command(words)

    if os.environ.get("MEMORY"):
        return _at_the_peak(zbatch, Path(out))
    profile = cProfile.Profile(time.thread_time)
    code = profile.runcall(zbatch)
    profile.dump_stats(out)
    return code


def _at_the_peak(zbatch: Callable[[], int], out: Path) -> int:
    tracemalloc.start()
    found: tracemalloc.Snapshot | None = None
    most = 0
    over = threading.Event()

    def look() -> None:
        nonlocal found, most
        while not over.wait(LOOKS):
            held, _ = tracemalloc.get_traced_memory()
            if held > most * GROWTH:
                most, found = held, tracemalloc.take_snapshot()

    looking = threading.Thread(target=look)
    looking.start()
    try:
        code = zbatch()
    finally:
        over.set()
        looking.join()
    found = found or tracemalloc.take_snapshot()
    lines = found.statistics("lineno")
    held = [(one.traceback[0].filename, one.traceback[0].lineno, one.size) for one in lines]
    out.write_text(json.dumps(held), "utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
