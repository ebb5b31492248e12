"""What the servers take themselves, so that nobody measures them by mistake."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from benchmarks.figures import Row, Sizes
from benchmarks.machine import SERVER, SHARED, ZBATCH, folder
from benchmarks.native import have_wrk, wrk
from benchmarks.tenant import tenant

# Its own limit, a tenant's 50,000 a minute, would be over within seconds.
UNLIMITED = "version: 1\nname: unlimited\nlimits: {rate: 9000000/min}\nfaults: []\n"


def capacity(sizes: Sizes) -> Iterator[Row]:
    """Let wrk press on the bench's own tenant, and on the emulator."""
    if not have_wrk():
        return
    seconds = min(sizes.seconds, 5.0)
    with tenant(1, 1000) as server:
        rates = tuple(wrk(server.url, seconds).rate for _ in range(sizes.pairs))
    told = f"{median(rates) / 833:.0f} times what a tenant takes"
    yield Row("capacity of the bench's tenant, by wrk", None, rates, " calls/s", told=told)
    with _emulator() as url:
        rates = tuple(wrk(url, seconds, _token(url)).rate for _ in range(sizes.pairs))
    yield Row("capacity of `zbatch emulator`, by wrk", None, rates, " calls/s")


@contextmanager
def _emulator() -> Iterator[str]:
    pinned = [] if SERVER == SHARED else ["taskset", "-c", str(SERVER)]
    with folder("emulator") as place:
        faults = place / "unlimited.faults.yaml"
        faults.write_text(UNLIMITED, "utf-8")
        words = [*pinned, ZBATCH, "emulator", "--port", "0", "--data", str(place / "data")]
        words += ["--faults", str(faults)]
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            try:
                yield _address(process)
            finally:
                process.terminate()


def _address(process: subprocess.Popen[str]) -> str:
    for line in process.stdout or ():
        if (start := line.find("http://127.0.0.1:")) >= 0:
            return line[start:].split()[0].rstrip("/.,;")
    raise RuntimeError("the emulator did not say where it listens")


def _token(url: str) -> str:
    body = b"client_id=emulator&client_secret=emulator&grant_type=client_credentials"
    with urllib.request.urlopen(f"{url}/oauth/token", body) as reply:  # noqa: S310 - loopback
        return str(json.load(reply)["access_token"])
