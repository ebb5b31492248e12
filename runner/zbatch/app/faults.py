"""Faults files: read with the place of each mistake, and watched while they are played."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from zbatch.emulator import EmulatorConfig, Faults, Scheduled
from zbatch.emulator.faults_file import FaultsRefused, Rehearsal, random_faults, read_faults
from zbatch.errors import Refused
from zbatch.spec import Diagnostic, SpecError, load_document, node_at, tidy

RANDOM = Path("random")  # in place of a file: the seed says everything
LOOK = 0.3  # seconds between two looks at the file

Signature = tuple[int, int, int] | None


def check_faults(path: Path) -> tuple[Diagnostic, ...]:
    """Return all that is wrong with a faults file."""
    try:
        load_faults(path, 0)
    except SpecError as error:
        return error.diagnostics
    return ()


def load_faults(path: Path, seed: int) -> Rehearsal:
    """Read a faults file; raise `SpecError` with the place of each mistake."""
    if path == RANDOM:
        return random_faults(seed)
    document, value, problems = load_document(path, "faults")
    if problems:
        raise SpecError(tidy(problems))
    try:
        return read_faults(value, seed)
    except FaultsRefused as refused:
        nodes = [(node_at(document.root, one.place), one.message) for one in refused.mistakes]
        raise SpecError(
            Diagnostic(document.file, node.line, node.column, "ZB309", message)
            for node, message in nodes
        ) from refused


class Watched:
    """A faults file that is taken over whenever it changes, by an emulator that runs."""

    def __init__(self, path: Path, seed: int, tell: Callable[[str], None]) -> None:
        self._path = path
        self._seed = seed
        self._tell = tell
        self._seen = _signature(path)
        self._played = load_faults(path, seed)

    def on(self, config: EmulatorConfig) -> EmulatorConfig:
        """Return the config of a tenant that starts with what the file says."""
        return self._played.on(config)

    def introduce(self) -> None:
        """Tell what is played; for what a seed has drawn, fault by fault."""
        name = self._played.name or self._path
        self._tell(f"{name}: {_count(self._played)}, seed {self._seed}.")
        if self._path == RANDOM:
            for one in self._played.faults:
                self._tell(f"  {one.mishap.name}, {one.action}, {_when(one)}")

    async def follow(self, faults: Faults) -> None:
        """Look at the file again and again; take over what can be used and tell of the rest."""
        while self._path != RANDOM:
            await asyncio.sleep(LOOK)
            self.look(faults)

    def look(self, faults: Faults) -> None:
        """Take the file over if it is another one than before."""
        signature = _signature(self._path)
        if signature == self._seen:
            return
        self._seen = signature
        try:
            found = load_faults(self._path, self._seed)
        except Refused as refused:
            self._tell(f"{refused}\nThe faults are what they were.")
            return
        faults.switch(found.faults)
        at_start = replace(self._played, name=found.name, faults=found.faults)
        self._tell(f"{self._path}: {_count(found)} from now on.")
        if at_start != found:
            self._tell("Its modes, entities and limits hold from the next start of the emulator.")
        self._played = at_start


def _signature(path: Path) -> Signature:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _when(one: Scheduled) -> str:
    if one.at is not None:
        return f"number {one.at}"
    often = f"{one.chance:.0%} of them" if one.every is None else f"every {one.every}"
    return often if one.times is None else f"{often}, {one.times} times at most"


def _count(found: Rehearsal) -> str:
    how_many = len(found.faults)
    return f"{how_many} {'fault' if how_many == 1 else 'faults'}" if how_many else "no faults"
