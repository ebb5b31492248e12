"""The disk under a state folder: what kind of file system, and how much room it has."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from zbatch.app.doctor.check import Check, note, ok, problem

MOUNTS = Path("/proc/self/mountinfo")
ROOM = 500 * 2**20
"""Bytes; ledger and report of 100,000 items take less."""

_NETWORK = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "glusterfs", "gpfs", "lustre", "nfs", "nfs4", "smb3"}
)
_NETWORK_FUSE = frozenset({"fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone"})
_FLEETING = frozenset({"tmpfs", "ramfs"})
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Space:
    """What a disk has left, in bytes and in files; a file system may not count files."""

    free: int
    files: int | None

    @classmethod
    def at(cls, folder: Path) -> Space:
        """Ask the system; raises OSError."""
        told = os.statvfs(folder)
        return cls(told.f_bavail * told.f_frsize, told.f_favail if told.f_files else None)


def check_space(space: Space) -> Check:
    """Tell whether a month end fits on the disk."""
    told = f"{_size(space.free)} free"
    if space.free < ROOM:
        advice = f"make room for {_size(ROOM)}; a disk that fills up stops a run with exit 3"
        return problem("disk", told, advice)
    if space.files is not None and space.files < 100:
        return problem("disk", f"room for {space.files} more files", "delete files on this disk")
    return ok("disk", told)


def check_file_system(kind: str | None) -> Check:
    """Tell whether a ledger is safe on a kind of file system."""
    if kind is None:
        return note("file system", "its kind is not told here; a ledger wants a local disk")
    if kind in _NETWORK or kind in _NETWORK_FUSE:
        advice = "name a folder on a local disk with --state-dir"
        return problem("file system", f"{kind}, on which SQLite's locks are not reliable", advice)
    if kind in _FLEETING:
        advice = "name a folder on a disk with --state-dir"
        return problem("file system", f"{kind}, which is empty after a restart", advice)
    return ok("file system", kind)


def kind_of_file_system(folder: Path, mounts: Path = MOUNTS) -> str | None:
    """Name the kind of file system that a folder is on; None where the system does not say."""
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    place = Path(os.path.realpath(folder))
    best, kind = -1, None
    for line in lines:
        head, _, tail = line.partition(" - ")
        fields, kinds = head.split(" "), tail.split(" ")
        if len(fields) < 5 or not kinds[0]:
            continue
        point = Path(_ESCAPE.sub(lambda escaped: chr(int(escaped[1], 8)), fields[4]))
        # of two at one place the later one hides the other
        if place.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), kinds[0]
    return kind


def _size(number: int) -> str:
    for unit, size in (("GB", 2**30), ("MB", 2**20)):
        if number >= size:
            return f"{number / size:.1f} {unit}" if unit == "GB" else f"{number // size} {unit}"
    return f"{number // 1024} KB"
