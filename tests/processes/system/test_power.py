"""Power that fails: of what a run wrote, only what it synced is sure to be on the disk.

A run is traced; then disks are built as they may be found after a power cut at any moment: all
that was synced by then, any subset of the writes since, and a new file perhaps without its name.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from support.processes import Project, Tenant, check_billed_once, check_truth, reading
from zbatch.errors import CannotStart
from zbatch.ledger.store import LEDGER_FILE, open_store

Serve = Callable[..., Tenant]
ProjectAt = Callable[..., Project]

NUMBERS = range(6)
CALLS = "openat,close,write,pwrite64,ftruncate,fsync,fdatasync,rename,unlink,mkdir,sendto"
LINE = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
KEY = re.compile(rb"Idempotency-Key: (zb1-[0-9a-f]+)")
KINDS = ("none", "all", "random")


@dataclass(slots=True)
class File:
    """What a file holds on the disk, and the writes that may or may not have got there."""

    synced: bytes = b""
    named: bool = False
    pending: list[tuple[int, bytes]] = field(default_factory=list)

    def sync(self) -> None:
        """Bring everything to the disk."""
        for write in self.pending:
            self.synced = _written(self.synced, *write)
        self.pending = []

    def found(self, chosen: Callable[[], bool]) -> bytes:
        """Give what is found after a power cut if the chosen writes got through."""
        content = self.synced
        for write in self.pending:
            if chosen():
                content = _written(content, *write)
        return content


def _written(content: bytes, at: int, data: bytes) -> bytes:
    return content[:at].ljust(at, b"\0") + data + content[at + len(data) :]


@dataclass(slots=True)
class Disk:
    """The files of a run as its system calls leave them; a sync of a folder keeps its names."""

    root: Path
    files: dict[Path, File] = field(default_factory=dict)
    folders: dict[Path, bool] = field(default_factory=dict)
    opened: dict[int, Path] = field(default_factory=dict)
    ends: dict[Path, int] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)

    def take(self, call: str, arguments: str, result: int) -> None:
        """Follow one system call that succeeded."""
        texts = [bytes.fromhex(found.replace("\\x", "")) for found in TEXT.findall(arguments)]
        number = int(arguments.split(",")[0]) if arguments[:1].isdigit() else -1
        path = self.opened.get(number)
        if call == "openat":
            self._open(Path(texts[0].decode()), result)
        elif call == "close":
            self.opened.pop(number, None)
        elif call == "rename":
            self._rename(*(Path(text.decode()) for text in texts))
        elif call == "mkdir":
            self.folders[Path(texts[0].decode())] = False
        elif call == "unlink":
            self.files.pop(Path(texts[0].decode()), None)
        elif call == "sendto" and texts:
            self.sent += [key.decode() for key in KEY.findall(texts[0])]
        elif path is not None:
            self._change(call, arguments, path, texts[0][:result] if texts else b"")

    def _open(self, path: Path, number: int) -> None:
        self.opened.pop(number, None)
        if path.is_relative_to(self.root) or path == self.root.parent:
            self.opened[number] = path
            if not path.is_dir():
                self.files.setdefault(path, File())

    def _rename(self, old: Path, new: Path) -> None:
        if old in self.files:
            self.files[new] = self.files.pop(old)
            self.ends[new] = self.ends.pop(old, 0)
            self.opened = {n: new if p == old else p for n, p in self.opened.items()}

    def _change(self, call: str, arguments: str, path: Path, data: bytes) -> None:
        if call in ("fsync", "fdatasync") and path.is_dir():
            for other, file in self.files.items():
                file.named |= other.parent == path
            for other in self.folders:
                self.folders[other] |= other.parent == path
            return
        file = self.files[path]
        if call == "pwrite64":
            file.pending.append((int(arguments.rpartition(", ")[2]), data))
        elif call == "write":
            at = self.ends.get(path, 0)
            file.pending.append((at, data))
            self.ends[path] = at + len(data)
        elif call in ("fsync", "fdatasync"):
            file.sync()

    def build(self, folder: Path, random: Random, kind: str) -> None:
        """Write the disk as it may be found: none, all or some of what was not synced."""
        shares = {"none": 0.0, "all": 1.0, "random": random.random()}
        share = shares[kind]
        for path, file in self.files.items():
            if path.suffix == "" or path.name.endswith("-shm") or path.name == "lock":
                continue
            named = file.named and all(self.folders.get(one, True) for one in path.parents)
            if named or random.random() < share:
                there = folder / path.relative_to(self.root)
                there.parent.mkdir(parents=True, exist_ok=True)
                there.write_bytes(file.found(lambda: random.random() < share))


def _calls(trace: Path) -> Iterator[tuple[str, str, int]]:
    """Read the system calls of a trace, whole again where they were interrupted."""
    begun: dict[str, str] = {}
    for line in trace.read_text().splitlines():
        thread = line.split(maxsplit=1)[0]
        if line.endswith("<unfinished ...>"):
            begun[thread] = line.removesuffix("<unfinished ...>").rstrip()
            continue
        resumed = re.match(r"^\d+ +<\.\.\. \w+ resumed>(.*)$", line)
        whole = begun.pop(thread) + resumed[1] if resumed and thread in begun else line
        if (found := LINE.match(whole)) and int(found[3]) >= 0:
            yield found[1], found[2], int(found[3])


def _keys(folder: Path) -> set[str]:
    """Read which calls a ledger knows, opened as the next run opens it."""
    try:
        with closing(open_store(folder)):
            pass
    except CannotStart:
        return set()
    with reading(folder / LEDGER_FILE) as ledger:
        return {key for (key,) in ledger.execute("SELECT key FROM call")}


@pytest.mark.usefixtures("strace", "faketime")
def test_f97_f103_power_that_fails_at_any_moment(
    serve: Serve, project_at: ProjectAt, tmp_path: Path
) -> None:
    """F97, F103, D4: whatever was lost, each call that left is in the ledger; run.json is whole.

    On a sample of these disks the next run bills nothing twice, and bills what was not billed.
    """
    served = serve()
    project = project_at(served)
    project.write(NUMBERS, concurrency=2, rate="3000/min")
    trace = tmp_path / "trace"
    tool = ("strace", "-f", "-qq", "-xx", "-s", "200000", "-e", f"trace={CALLS}", "-o", str(trace))
    assert project.run("spec.yaml", under=tool).code == 0
    disk, random, checked = Disk(project.folder / ".zbatch"), Random(97), 0
    last = {"": 0}
    for number, call in enumerate(_calls(trace)):
        disk.take(*call)
        if call[0] not in ("pwrite64", "write", "fsync", "fdatasync", "sendto", "rename"):
            continue
        if (state := _state(disk)) == last:
            continue
        last = state
        for kind in KINDS:
            folder = tmp_path / "disks" / f"{number}-{kind}"
            disk.build(folder, random, kind)
            _check(folder, disk.sent, call)
            checked += 1
            shutil.rmtree(folder, ignore_errors=True)
    assert checked > 50
    assert len(set(disk.sent)) == len(NUMBERS)
    _check_next_runs(project, served, disk, trace)


def _state(disk: Disk) -> dict[str, int]:
    pending = {str(path): len(file.pending) for path, file in disk.files.items()}
    return {**pending, "": len(disk.sent)}


def _check(folder: Path, sent: list[str], call: object) -> None:
    """Hold that a disk has every call that left, and a run record that is whole or not there."""
    for record in folder.glob("runs/*/run.json"):
        json.loads(record.read_text())
    ledgers = [path.parent for path in folder.glob(f"*/{LEDGER_FILE}")]
    known = set().union(*map(_keys, ledgers))
    assert set(sent) <= known, call


def _check_next_runs(project: Project, tenant: Tenant, whole: Disk, trace: Path) -> None:
    """Put disks of several moments in place, and let the next run find what was billed."""
    calls = list(_calls(trace))
    for part in (0.3, 0.5, 0.7, 0.9):
        disk = Disk(whole.root)
        for call in calls[: int(len(calls) * part)]:
            disk.take(*call)
        shutil.rmtree(whole.root)
        disk.build(whole.root, Random(part), "none")
        client = project.run()
        if client.code == 3:
            client = project.run_at("+2m")
        assert client.code == 0, client.said
        check_billed_once(tenant, NUMBERS)
    check_truth(project, tenant, NUMBERS)
