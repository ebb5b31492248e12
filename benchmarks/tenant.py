"""A tenant in a native process: what it answers, and what it has seen."""

from __future__ import annotations

import gzip
import http.client
import json
import random
import struct
import subprocess
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import heapreplace
from pathlib import Path

from benchmarks.machine import BUILD, SERVER, compiled, scratch

GENERATE, QUESTION, TOKEN = 0, 1, 2
FROM_GZIP = 1000  # bytes from which on Zuora compresses an answer


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a tenant takes: milliseconds on average, and the sigma of a log-normal."""

    mean: float = 0.0
    sigma: float = 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as the server saw it, in seconds of its steady clock."""

    arrived: float
    answered: float
    delay: float
    kind: int


class Traffic:
    """What came from the first generate call to the answer of the last: the sending phase."""

    def __init__(self, seen: Sequence[Seen]) -> None:
        calls = [one for one in seen if one.kind == GENERATE]
        if not calls:
            raise RuntimeError("no call has arrived")
        self.calls = len(calls)
        self.begun = min(one.arrived for one in calls)
        self.ended = max(one.answered for one in calls)
        self.requests = [
            one for one in seen if one.kind != TOKEN and self.begun <= one.arrived <= self.ended
        ]
        self.questions = sum(one.kind == QUESTION for one in seen)
        self.tokens = sum(one.kind == TOKEN for one in seen)

    @property
    def seconds(self) -> float:
        """How long the phase took."""
        return self.ended - self.begun

    def of_rate(self, rate: float) -> float:
        """Hold the phase against what the rate allows: questions count, as they do for Zuora.

        The last of n requests may leave after n - 1 gaps and then takes its own time.
        """
        last = max(self.requests, key=lambda one: one.arrived)
        return self.seconds / ((len(self.requests) - 1) / rate + last.delay)

    def of_slots(self, slots: int) -> float:
        """Hold the phase against the same delays in so many slots, each taken anew at once.

        They come in the same order; what is last to come, and takes long, nobody can help.
        """
        ends = [0.0] * slots
        for one in sorted(self.requests, key=lambda one: one.arrived):
            heapreplace(ends, ends[0] + one.delay)
        return self.seconds / max(ends)

    def of_delays(self, slots: int) -> float:
        """Hold the phase against what all slots take if each is busy to the last moment."""
        return self.seconds / (sum(one.delay for one in self.requests) / slots)

    def worst_second(self, rate: float) -> float:
        """Tell the most requests of any second, beyond one, against what the rate allows."""
        arrived = sorted(one.arrived for one in self.requests)
        first, most = 0, 0
        for last, moment in enumerate(arrived):
            while arrived[first] <= moment - 1.0:
                first += 1
            most = max(most, last - first + 1)
        return (most - 1) / rate

    def most_in_flight(self) -> int:
        """Tell how many requests there were at once."""
        steps = [(one.arrived, 1) for one in self.requests]
        steps += [(one.answered, -1) for one in self.requests]
        flying = most = 0
        for _, step in sorted(steps):
            flying += step
            most = max(most, flying)
        return most


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant that listens."""

    port: int

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def seen(self) -> list[Seen]:
        """Give what came since this was asked last."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", "/log")
        numbers = array("d", connection.getresponse().read())
        connection.close()
        step = iter(numbers)
        by_fours = zip(step, step, step, step, strict=True)
        return [
            Seen(arrived, answered, delay, int(kind)) for arrived, answered, delay, kind in by_fours
        ]


@contextmanager
def tenant(objects: int = 1, calls: int = 1, latency: Latency | None = None) -> Iterator[Tenant]:
    """Start a tenant that answers calls of so many objects, and end it.

    It shows what it has billed in the first so many calls.
    """
    latency = latency or Latency()
    answers = _answers(objects, calls)
    words = [compiled("server.c", "-lm", "-lz"), answers, latency.mean, latency.sigma, SERVER]
    with subprocess.Popen(
        list(map(str, words)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        if process.stdout is None or process.stdin is None:
            raise RuntimeError("a process was started without its pipes")
        try:
            yield Tenant(int(process.stdout.readline()))
        finally:
            process.stdin.close()


def _answers(objects: int, calls: int) -> Path:
    """Write so many answers, each with invoices of its own; compressed as Zuora does."""
    path = BUILD / f"billed-{objects}-{calls}"
    if path.exists():
        return path
    chance = random.Random(11)  # noqa: S311 - not secret: the same invoices each time
    fresh = scratch("billed")
    with fresh.open("wb") as file:
        for _ in range(calls):
            ids = [chance.randbytes(16) for _ in range(objects)]
            rows = [{"Success": True, "Id": one.hex()} for one in ids]
            body = json.dumps(rows, separators=(",", ":")).encode()
            packed = len(body) > FROM_GZIP
            body = gzip.compress(body, 6, mtime=0) if packed else body
            head = struct.pack("<IBB", len(body), packed, objects)
            file.write(b"".join((head, *ids, body)))
    return fresh.replace(path)
