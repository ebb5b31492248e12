"""Run zbatch under a profiler: `python -m benchmarks.profiled OUT WORD...`; its words are zbatch's.

Only the event loop's thread is followed; the ledger's own thread is not in it.
"""

from __future__ import annotations

import cProfile
import sys


def main() -> int:
    """Run the command and write what its functions took."""
    out, *words = sys.argv[1:]
    profile = cProfile.Profile()
    profile.enable()
    from zbatch.cli import main as zbatch  # its imports are part of what is looked at

    code = zbatch(words)
    profile.disable()
    profile.dump_stats(out)
    return code


if __name__ == "__main__":
    sys.exit(main())
