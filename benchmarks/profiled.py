"""Run zbatch under a profiler: `python -m benchmarks.profiled OUT WORD...`; its words are zbatch's.

Only the event loop's thread is followed, by its CPU: neither waits nor other programs are in it,
nor the ledger's own thread.
"""

from __future__ import annotations

import cProfile
import sys
import time


def main() -> int:
    """Run the command and write what its functions took."""
    out, *words = sys.argv[1:]
    profile = cProfile.Profile(time.thread_time)
    profile.enable()
    from zbatch.cli import main as zbatch  # its imports are part of what is looked at

    code = zbatch(words)
    profile.disable()
    profile.dump_stats(out)
    return code


if __name__ == "__main__":
    sys.exit(main())
