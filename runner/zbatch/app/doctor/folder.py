"""The state folder of a tenant: can it be written and locked, and can its ledger be read."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from zbatch.app.doctor.check import Check, note, ok, problem
from zbatch.app.doctor.clocks import SLACK
from zbatch.app.doctor.disk import Space, check_file_system, check_space, kind_of_file_system
from zbatch.app.state import State
from zbatch.errors import CannotStart
from zbatch.ledger.glance import KnownRun, Outdated, glance
from zbatch.ledger.lock import holder_of
from zbatch.ledger.place import LEDGER_FILE
from zbatch.model import Tenant

_ELSEWHERE = "or name another folder with --state-dir"
_BACKUP = f"bring its last backup back, with no {LEDGER_FILE}-wal or -shm of now beside it"


def check_folder(state: State, tenant: Tenant, now: datetime) -> Iterator[Check]:
    """Look at folder, lock, ledger and disk; what is not there is not made."""
    folder = state.ledger(tenant).parent
    there = _deepest(folder)
    try:
        _try(there)
        yield _written(folder, there)
        yield check_space(Space.at(there))
        yield check_file_system(kind_of_file_system(there))
    except OSError as error:
        advice = f"let this user write there, {_ELSEWHERE}"
        yield problem("state folder", f"{there} cannot be used: {error.strerror}", advice)
        if there != folder:
            return  # so there is no ledger, and no lock
    yield _lock(folder)
    yield _ledger(folder, now)


def _deepest(folder: Path) -> Path:
    return next(one for one in (folder, *folder.parents) if os.path.lexists(one))


def _try(folder: Path) -> None:
    """Write, sync and lock a file without a name, or one that is gone at once."""
    with tempfile.TemporaryFile(prefix=".zbatch-", dir=folder) as file:
        file.write(b"zbatch")
        file.flush()
        os.fsync(file.fileno())
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _written(folder: Path, there: Path) -> Check:
    if there == folder:
        return ok("state folder", f"{folder} can be written")
    return ok("state folder", f"{folder} is not there yet; {there} can be written")


def _lock(folder: Path) -> Check:
    try:
        holder = holder_of(folder)
    except CannotStart as error:
        return problem("lock", str(error))
    if holder:
        return note("lock", f"held by {holder}, which is running now")
    return ok("lock", "free")


def _ledger(folder: Path, now: datetime) -> Check:
    try:
        found = glance(folder, lambda ledger: (ledger.damage(), ledger.runs()))
    except Outdated as older:
        return note("ledger", str(older))
    except CannotStart as error:
        advice = f"{_BACKUP}; without it nobody knows here what was billed"
        return problem("ledger", str(error), advice)
    if found is None:
        return note("ledger", f"none yet in {folder}; the first run begins it")
    damage, runs = found
    if damage:
        advice = f"keep a copy, and {_BACKUP}"
        return problem("ledger", f"{folder} holds a damaged one ({damage})", advice)
    return _of_runs(runs, now)


def _of_runs(runs: tuple[KnownRun, ...], now: datetime) -> Check:
    if not runs:
        return ok("ledger", "can be read; no run yet")
    last, ahead = runs[-1], max(runs, key=lambda run: run.started_at)
    if ahead.started_at > now + SLACK:
        which = "its last run" if ahead is last else "its run"
        told = f"{which}, {ahead.id}, began later than this machine's clock is now"
        return problem("ledger", told, "set the clock right: it was set back, or ahead that day")
    count = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    return ok("ledger", f"can be read; {count}, the last one {last.id}")
