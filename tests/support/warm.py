"""A warm parent: it has imported the command once, and forks a process for each run of it.

Run as a script. Each line of its standard input is a JSON object. `start` tells of a child:
`argv`, `cwd`, `env`, where `out` and `err` go, its `limits` by the names of the `resource` module
(AS counts from what it has already), and the tool it runs `under`; the answer is its process ID.
A child that is `watched` says so on standard error whenever it reaches for the network. One with a
`tenant` is no client: it serves an emulated tenant, by the fields of `support.processes.tenant`.
`wait` names a child; the answer is its exit code (negative: the signal that ended it), its peak
memory in KiB and its seconds of CPU.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

# What a run loads at its first use, loaded here once for all of them.
import zbatch.app.run
import zbatch.cli.run
import zbatch.cli.screen  # noqa: F401
from zbatch.app.serve import serve as serve_tenant
from zbatch.cli import main
from zbatch.emulator import EmulatorConfig


def serve() -> None:
    """Do what the lines ask for until there are no more."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where the tests run under nohup
    # Not the buffered stream: a child must not inherit lines that were meant for the parent.
    pending = b""
    while chunk := os.read(0, 65536):
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            asked = json.loads(line)
            answer = _start(asked["start"]) if "start" in asked else _wait(asked["wait"])
            os.write(1, json.dumps(answer).encode() + b"\n")


def _start(child: dict[str, Any]) -> dict[str, float]:
    pid = os.fork()
    if pid == 0:
        _become(child)
    _ended.pop(pid, None)
    return {"pid": pid}


def _wait(pid: int) -> dict[str, float]:
    if pid not in _ended:
        _, status, usage = os.wait4(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        seconds = usage.ru_utime + usage.ru_stime
        _ended[pid] = {"code": code, "peak": usage.ru_maxrss, "seconds": seconds}
    return _ended[pid]


# Who asks for a child may be cut short, and ask again.
_ended: dict[int, dict[str, float]] = {}


def _become(child: dict[str, Any]) -> NoReturn:
    code = 70
    try:
        os.chdir(child["cwd"])
        os.environ.clear()
        os.environ.update(child["env"])
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        for number, path in ((0, os.devnull), (1, child["out"]), (2, child["err"])):
            opened = os.open(path, os.O_RDONLY if number == 0 else flags, 0o600)
            os.dup2(opened, number)
            os.close(opened)
        _limit(child["limits"])
        if child["watched"]:
            sys.addaudithook(_tell_of_the_network)
        if child["under"]:  # a tool that starts the command itself
            os.execvp(child["under"][0], child["under"] + child["argv"])  # noqa: S606 - no shell
        code = _tenant(**child["tenant"]) if child["tenant"] else main(child["argv"])
        sys.stdout.flush()
    finally:
        os._exit(code)


def _tenant(data: str, faults: str, book: str, secret: str) -> int:
    """Serve an emulated tenant until it is told to end; its first line is its address."""
    config = EmulatorConfig(Path(data), Path(book) if book else None, client_secret=secret)
    serve_tenant(config, lambda running: print(running.base_url, flush=True), Path(faults))
    return 0


def _limit(limits: dict[str, int]) -> None:
    """Give this process limits; a file that may not grow is an error of the write, as on a disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for name, value in limits.items():
        if name == "AS":
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            value += pages * resource.getpagesize()
        kind = getattr(resource, f"RLIMIT_{name}")
        resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))


def _tell_of_the_network(event: str, _: object) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.bind"):
        os.write(2, f"network: {event}\n".encode())


if __name__ == "__main__":
    serve()
