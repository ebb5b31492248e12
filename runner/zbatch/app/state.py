"""Where a project keeps its state: ledgers by tenant, runs by ID, nothing readable by others."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import MAXYEAR, datetime, timedelta
from pathlib import Path

from zbatch.errors import CannotStart
from zbatch.ledger.place import LEDGER_FILE
from zbatch.model import Tenant
from zbatch.report.files import sync_folder

STATE_FOLDER = ".zbatch"
_RUN_ID = re.compile("([0-9]{8}T[0-9]{6}Z)-[0-9a-f]{4}")


@dataclass(frozen=True, slots=True)
class State:
    """The state folder of a project, or the one named by `--state-dir`."""

    root: Path

    @classmethod
    def of(cls, project_root: Path, named: Path | None) -> State:
        """Choose the folder; nothing is made yet."""
        return cls((named or project_root / STATE_FOLDER).absolute())

    def named_from(self, project_root: Path) -> Path | None:
        """Give what `--state-dir` has to name for this folder where it is not the project's own."""
        own = State.of(project_root, None).root
        return None if os.path.realpath(own) == os.path.realpath(self.root) else self.root

    def to_project(self, root: Path) -> str:
        """Name a project's root from here."""
        return os.path.relpath(root, os.path.realpath(self.root))

    def tenant_folder(self, tenant: Tenant) -> Path:
        """Give the folder of the tenant's ledger, made where it is missing.

        Raises `CannotStart` where it cannot be made.
        """
        return _make(self.root / tenant.folder)

    def ledger(self, tenant: Tenant) -> Path:
        """Tell where the tenant's ledger is, or would be; nothing is made."""
        return self.root / tenant.folder / LEDGER_FILE

    def runs(self) -> frozenset[str]:
        """Give the IDs of the runs that have a folder."""
        folder = self.root / "runs"
        return frozenset(path.name for path in folder.iterdir()) if folder.is_dir() else frozenset()

    def in_order(self, now: datetime) -> datetime:
        """Give the moment by which a run that begins now is named, later than those before it.

        It is the clock's, or a second after the latest run where the clock has been set back since:
        by their names runs are listed, and the last of them is taken for the newest.
        """
        ahead = max((one for one in self._named() if one > now), default=None)
        return now if ahead is None else ahead + timedelta(seconds=1)

    def _named(self) -> Iterator[datetime]:
        """Give the moments by which runs are named; other names in the folder tell none."""
        for found in filter(None, map(_RUN_ID.fullmatch, self.runs())):
            with suppress(ValueError):  # as of a 99th month
                if (moment := datetime.fromisoformat(found[1])).year < MAXYEAR:
                    yield moment

    def run_folder(self, run_id: str) -> Path:
        """Give the folder of a run's report and record, made where it is missing."""
        return _make(self.root / "runs" / run_id)


def run_id(now: datetime, tail: str) -> str:
    """Name a run: IDs sort by time, and the tail tells two of one second apart."""
    return f"{now:%Y%m%dT%H%M%SZ}-{tail}"


def _make(folder: Path) -> Path:
    try:
        for part in reversed([folder, *folder.parents]):
            if not part.exists():
                part.mkdir(mode=0o700, exist_ok=True)
                sync_folder(part.parent)  # a ledger whose folder a power cut takes is a lost one
        if not os.access(folder, os.W_OK | os.X_OK):
            raise CannotStart(f"the state folder {folder} cannot be written by this user")
    except OSError as error:
        raise CannotStart(
            f"cannot make the state folder {folder}: {error.strerror};"
            " name another one with --state-dir"
        ) from error
    return folder
