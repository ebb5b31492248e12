"""Real processes around the real command: an emulated tenant, clients that may be killed, truth.

The tenant plays the unguarded mode unless told otherwise: a second generate bills again, so that
nothing but the client's keys, ledger and questions protects a customer.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import termios
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from support.accounts import account
from support.checker import check
from support.evidence_reading import state_evidence
from zbatch.emulator import Execution, Invoice, executions, history, invoices
from zbatch.emulator.invoices import derive

ZBATCH = str(Path(sys.executable).with_name("zbatch"))
WARM = Path(__file__).with_name("warm.py")
LIMIT = 60.0  # seconds that any wait of these tests may take
TARGET = "2026-11-30"
UNGUARDED = {"second_generate": "bills_again"}

# Its encodings all differ from it, so that none of them is found by looking for another.
CANARY = "canary+7f/3a=Xq%2Zk&r:9~0123456789"


def until(holds: Callable[[], object], what: str, limit: float = LIMIT) -> None:
    """Look again and again until something holds; fail with `what` after `limit` seconds."""
    end = time.monotonic() + limit
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit:g} s: {what}")
        time.sleep(0.002)


@dataclass(frozen=True, slots=True)
class Tenant:
    """An emulated tenant in a process of its own; `data` holds the truth of what was billed."""

    url: str
    data: Path
    file: Path
    modes: Mapping[str, object]

    def play(self, *faults: Mapping[str, object]) -> None:
        """Let these faults happen, in place of what did."""
        text = {
            "version": 1,
            "name": "played",
            "modes": {**UNGUARDED, **self.modes},
            "faults": list(faults),
        }
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps(text))  # JSON is YAML
        fresh.rename(self.file)

    @property
    def executions(self) -> list[Execution]:
        """Every time that an account was billed."""
        return executions(self.data)

    @property
    def invoices(self) -> dict[str, Invoice]:
        """The invoices that exist, by ID."""
        return {invoice.id: invoice for invoice in invoices(self.data)}

    @property
    def billed(self) -> Counter[tuple[str, str]]:
        """How often each account was billed for each target date."""
        return Counter((one.account_id, one.target_date.isoformat()) for one in self.executions)

    @property
    def calls(self) -> list[tuple[str, str | None]]:
        """What was answered, in order: the action and its idempotency key."""
        return [(one.path.rpartition("/")[2], one.key) for one in history(self.data)]

    @property
    def generates(self) -> int:
        """How many generate calls were answered."""
        return sum(action == "generate" for action, _ in self.calls)

    @property
    def arrived(self) -> int:
        """How many generate calls have arrived, answered or not."""
        count = "select count(*) from arrivals where path like '%/generate'"
        with reading(self.data / "emulator.sqlite3") as store:
            return int(store.execute(count).fetchone()[0])

    @property
    def tokens(self) -> list[str]:
        """The access tokens that it has issued."""
        with reading(self.data / "emulator.sqlite3") as store:
            return [derive(0, "token", *row) for row in store.execute("select id from tokens")]

    @property
    def asked(self) -> int:
        """How many requests of any kind were answered."""
        return len(history(self.data))


@contextmanager
def tenant(
    parent: Parent,
    folder: Path,
    modes: Mapping[str, object] | None = None,
    book: str = "",
    faults: Sequence[Mapping[str, object]] = (),
) -> Iterator[Tenant]:
    """Serve an emulated tenant, forked from a warm parent, while the body runs; it is never killed.

    `faults` are those of a faults file, which can be written anew while the tenant serves.
    """
    folder.mkdir()
    served = Tenant("", folder / "data", folder / "played.faults.yaml", modes or {})
    served.play(*faults)
    if book:
        (folder / "book.csv").write_text(book)
    listed = str(folder / "book.csv") if book else ""
    fields = {"data": str(served.data), "faults": str(served.file), "book": listed}
    process = parent.serve({**fields, "secret": CANARY}, folder)
    try:
        until(lambda: process.out.exists() and process.out.read_bytes()[-1:] == b"\n", "a tenant")
        url = process.out.read_text("utf-8").strip()
        assert url.startswith("http://127.0.0.1:")
        yield replace(served, url=url)
    finally:
        process.kill(signal.SIGTERM)
        process.wait()


def _take_terminal() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where the tests run under nohup
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextmanager
def on_a_terminal(
    project: Project, *argv: str, env: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run the spec at a terminal of its own, whose other end is for the caller to close."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [ZBATCH, "run", "spec.yaml", *argv],
        cwd=project.folder,
        env=env,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=_take_terminal,
    ) as process:
        os.close(theirs)
        yield process, ours


def book(latencies: Mapping[int, str]) -> str:
    """Write an account book in which each account takes its time."""
    rows = [f"{account(number)},Active,due,1,{latency}," for number, latency in latencies.items()]
    return "\n".join(["account_id,status,charges,invoices,latency,note", *rows, ""])


@dataclass(slots=True)
class Client:
    """One process of the command, started and not yet waited for."""

    pid: int
    out: Path
    err: Path
    _waiting: Callable[[int], tuple[int, int, float]]
    code: int | None = None
    peak: int = 0
    seconds: float = 0.0

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal; the process is still ours, since nobody has waited for it."""
        assert self.code is None
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Wait for its end, and return its exit code; negative is the signal that ended it."""
        if self.code is None:
            self.code, self.peak, self.seconds = self._waiting(self.pid)
        return self.code

    @property
    def running(self) -> bool:
        """Tell whether it still runs, or is stopped."""
        return self.code is None and self.state not in "ZX"

    @property
    def state(self) -> str:
        """Return the state that the kernel gives it: R, S, T, Z, …"""
        done = subprocess.run(
            ["ps", "-o", "state=", "-p", str(self.pid)], capture_output=True, text=True, check=False
        )
        return done.stdout.strip()[:1] or "X"

    @property
    def said(self) -> str:
        """Return what it has said on standard error so far."""
        return self.err.read_text("utf-8")


class Parent:
    """The warm parent of clients."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(WARM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._clients: list[Client] = []
        self._unanswered = 0

    def start(
        self,
        argv: Sequence[str],
        settings: Mapping[str, object],
        said: Path,
    ) -> Client:
        """Fork a client with its `cwd`, `env`, `limits`, …; what it says goes into `said`."""
        said.mkdir(exist_ok=True)
        client = self._fork(said / str(len(self._clients)), {"argv": list(argv), **settings})
        self._clients.append(client)
        return client

    def serve(self, fields: Mapping[str, str], folder: Path) -> Client:
        """Fork a tenant; it is no client, and whoever has started it ends it."""
        settings = {"tenant": dict(fields), "cwd": str(folder), "env": dict(os.environ)}
        return self._fork(folder / "tenant", settings)

    def _fork(self, stem: Path, settings: Mapping[str, object]) -> Client:
        out, err = stem.with_suffix(".out"), stem.with_suffix(".err")
        err.touch(0o600)
        usual = {"argv": [], "limits": {}, "under": [], "watched": False, "tenant": {}}
        child = {**usual, "out": str(out), "err": str(err), **settings}
        return Client(int(self._ask({"start": child})["pid"]), out, err, self._wait)

    def end_clients(self) -> None:
        """Kill the clients that nobody has waited for."""
        for client in self._clients:
            if client.code is None:
                client.kill()
                client.wait()

    def close(self) -> None:
        """End the parent."""
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._process.wait()

    def _wait(self, pid: int) -> tuple[int, int, float]:
        answer = self._ask({"wait": pid})
        return int(answer["code"]), int(answer["peak"]), answer["seconds"]

    def _ask(self, what: object) -> dict[str, float]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        self._process.stdin.flush()
        self._unanswered += 1
        answer = b""
        while self._unanswered:  # a test that was cut short has left its question behind
            answer = self._process.stdout.readline()
            self._unanswered -= 1
        told: dict[str, float] = json.loads(answer)
        return told


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a client: the credentials, and nothing of the developer's own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ZBATCH", "ZUORA", "LD_PRELOAD")) and name not in _STYLES
    }
    secrets = {"ZUORA_CLIENT_ID": "emulator", "ZUORA_CLIENT_SECRET": CANARY}
    return {**kept, **secrets, "TERM": "dumb", **variables}


_STYLES = ("NO_COLOR", "FORCE_COLOR", "CI")


@dataclass(slots=True)
class Project:
    """A folder with tenants and specs, whose runs are processes of their own."""

    folder: Path
    url: str
    parent: Parent
    env: dict[str, str] = field(default_factory=environment)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        (self.folder / "tenants.yaml").write_text(
            f"version: 1\ntenants:\n  real: {{base_url: '{self.url}'}}\n"
            f"  alias: {{base_url: '{self.url.upper().replace('HTTP', 'http')}/'}}\n"
        )

    def write(
        self,
        numbers: Iterable[int],
        name: str = "spec.yaml",
        tenant: str = "real",
        **limits: object,
    ) -> Path:
        """Write a spec of these accounts; keys rest for a moment only.

        So short a `settle` is sound here: it must outlast the server's longest run and its read
        lag, and the emulator is done within milliseconds and shows at once what it has done.
        """
        given = {"rate": "50000/min", "timeout": "10s", **limits}
        settle = given.pop("settle", "50ms")
        wait = given.pop("wait", "2s")
        lines = [
            f"version: 1\nname: {name.removesuffix('.yaml')}\ntenant: {tenant}",
            f"dates: [{{target_date: {TARGET}}}]",
            f"limits: {{{', '.join(f'{key}: {value}' for key, value in given.items())}}}",
            f"reconcile: {{settle: {settle}, wait: {wait}}}",
            "accounts:",
            *(f'  - "{account(number)}"' for number in numbers),
        ]
        path = self.folder / name
        path.write_text("\n".join(lines) + "\n")
        return path

    def start(
        self,
        *argv: str,
        cwd: Path | None = None,
        limits: Mapping[str, int] | None = None,
        under: Sequence[str] = (),
    ) -> Client:
        """Start the command in this folder, `under` the command line of a tool if there is one.

        `limits` are those of `support.warm`: `{"FSIZE": 4096}` lets no file grow beyond 4 KiB.
        """
        settings = {
            "cwd": str(cwd or self.folder),
            "env": self.env,
            "limits": limits or {},
            "under": [*under, ZBATCH] if under else [],
        }
        return self.parent.start(argv, settings, self.said)

    def run(self, *argv: str, under: Sequence[str] = ()) -> Client:
        """Run a spec, `spec.yaml` unless another one is named, and wait for its end."""
        client = self.start("run", *(argv or ("spec.yaml",)), under=under)
        client.wait()
        return client

    def run_at(self, shift: str, *argv: str) -> Client:
        """Run a spec while the wall clock, and no other one, is wrong by so much (`+25h`)."""
        tool = ("env", "FAKETIME_DONT_FAKE_MONOTONIC=1", "faketime", "-f", shift)
        return self.run(*argv, under=tool)

    @property
    def said(self) -> Path:
        """Where the output of its runs goes."""
        return self.folder.with_name(f"{self.folder.name}-said")

    @property
    def ledgers(self) -> list[Path]:
        """The ledgers that its runs have made."""
        return sorted(self.folder.glob(".zbatch/*/ledger.sqlite3"))

    @property
    def ledger(self) -> Path:
        """The one ledger."""
        (ledger,) = self.ledgers
        return ledger

    @property
    def runs(self) -> list[Path]:
        """The folders of its runs, the oldest first."""
        found = self.folder.glob(".zbatch/runs/*")
        return sorted(found, key=lambda folder: folder.stat().st_ctime_ns)

    def report(self, run: int = -1) -> list[dict[str, Any]]:
        """Read the report of a run, the last one unless told otherwise."""
        lines = self.runs[run].joinpath("report.jsonl").read_bytes().split(b"\n")
        assert lines.pop() == b""
        return [json.loads(line) for line in lines]

    def outcomes(self, run: int = -1) -> Counter[str]:
        """Count the outcomes in a report."""
        return Counter(line["outcome"] for line in self.report(run))


def intents(project: Project) -> int:
    """Count the calls that the ledger holds as begun and not yet answered."""
    if not project.ledgers:
        return 0
    with reading(project.ledger) as ledger:
        try:
            (count,) = ledger.execute(
                "select count(*) from attempt where answer is null"
            ).fetchone()
        except sqlite3.OperationalError:  # the tables are still being made
            return 0
    return int(count)


def check_billed_once(tenant: Tenant, numbers: Iterable[int]) -> None:
    """Assert that each account was billed exactly once."""
    wanted = {(account(number), TARGET): 1 for number in numbers}
    billed = tenant.billed
    assert {key: billed[key] for key in wanted} == wanted


def check_truth(project: Project, tenant: Tenant, numbers: Iterable[int]) -> None:
    """Assert that each account was billed exactly once, and that the report names that invoice."""
    wanted = list(numbers)
    check_billed_once(tenant, wanted)
    there = tenant.invoices
    lines = project.report()
    assert sorted(line["account_id"] for line in lines) == sorted(map(account, wanted))
    for line in lines:
        assert line["success"]
        assert there[line["invoice_id"]].account_id == line["account_id"]
        assert there[line["invoice_id"]].target_date.isoformat() == line["target_date"]
    store, ledger = tenant.data / "emulator.sqlite3", project.ledger.parent
    found = check(state_evidence(store, [ledger.parent], ledger.name))
    assert not found, "\n".join(found)


@contextmanager
def reading(path: Path) -> Iterator[Any]:
    """Open a ledger as any other program may: read-only."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as ledger:
        yield ledger
