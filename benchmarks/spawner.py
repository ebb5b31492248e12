"""Run programs one after the other and tell what each took.

It is a process of its own because the size of whoever starts a program counts for the program's
peak: this one stays at a few megabytes, however much the bench keeps in mind. It reads a JSON
object a line, `words`, `environ`, `out` and `err`, and answers with one.
"""

from __future__ import annotations

import json
import os
import sys
import time

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def run(words: list[str], environ: dict[str, str], out: str, err: str) -> dict[str, float]:
    """Run a program to its end, with nothing to read."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, out, _FLAGS, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, err, _FLAGS, 0o600),
    ]
    begun = time.perf_counter()
    child = os.posix_spawnp(words[0], words, environ, file_actions=actions)
    _, status, usage = os.wait4(child, 0)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "cpu": usage.ru_utime + usage.ru_stime,
        "wall": time.perf_counter() - begun,
        "peak": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6,
    }


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(run(**json.loads(line))) + "\n")
        sys.stdout.flush()
