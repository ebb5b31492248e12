"""Append whole lines to files that this run alone has created."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from zbatch.errors import CannotStart, Refused, ReportFailure
from zbatch.report.files import sync_folder, write_all

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class ReportWriter:
    """Write `report.jsonl`, and a copy of it where one is asked for, whole lines at a time.

    They are in the file when `write` returns, though only `close` brings them to the disk: the
    ledger is the truth, the report its projection. After a failure nothing more is written. What
    people have done to the files meanwhile is told as a failure, too.
    """

    def __init__(self, files: tuple[_AppendFile, ...]) -> None:
        self._files = files

    @classmethod
    def create(cls, path: Path, copy: Path | None = None) -> ReportWriter:
        """Create the report in a folder of its own (0700), and the copy, both 0600.

        Raise `Refused` when the copy cannot be created, above all because it exists, and
        `CannotStart` when the report cannot.
        """
        copies = () if copy is None else (_create_copy(copy),)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return cls((_AppendFile(path), *copies))
        except OSError as error:
            for file in copies:
                file.discard()
            raise CannotStart(f"cannot create the report {path}: {error.strerror}") from error

    def write(self, lines: bytes) -> None:
        """Append lines to each file; raise `ReportFailure` when a file does not take them.

        Of several those stay that it took as a whole.
        """
        for file in self._files:
            file.append(lines)

    def close(self) -> None:
        """Bring the files and their folders to the disk; a second close does nothing."""
        files, self._files = self._files, ()
        failures = [failure for file in files if (failure := file.close())]
        if failures:
            raise failures[0]

    def discard(self) -> None:
        """Take back the files, which nothing was written to."""
        files, self._files = self._files, ()
        for file in files:
            file.discard()


class _AppendFile:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, _FLAGS, 0o600)
        self._size = 0
        self._failure: ReportFailure | None = None

    def append(self, lines: bytes) -> None:
        if self._failure:
            raise self._failure
        try:
            write_all(self._descriptor, lines)
        except OSError as error:
            self._failure = self._failed(error)
            # What came of a line is taken back: a torn one would spoil the next reader's day.
            with suppress(OSError):
                written = os.fstat(self._descriptor).st_size - self._size
                whole = lines.rfind(b"\n", 0, max(written, 0)) + 1
                os.ftruncate(self._descriptor, self._size + whole)
            raise self._failure from error
        self._size += len(lines)

    def close(self) -> ReportFailure | None:
        try:
            os.fsync(self._descriptor)
            if self._failure is None:
                self._check_in_place()
            sync_folder(self._path.parent)
        except OSError as error:
            return self._failed(error)
        finally:
            os.close(self._descriptor)
        return None

    def _check_in_place(self) -> None:
        """Notice a file that somebody has taken away or changed: what is missing is never read."""
        if not self._is_in_place():
            raise OSError(errno.ESTALE, "another file is in its place")
        if os.fstat(self._descriptor).st_size != self._size:
            raise OSError(errno.ESTALE, "somebody else has changed it meanwhile")

    def _is_in_place(self) -> bool:
        ours, there = os.fstat(self._descriptor), os.lstat(self._path)
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def discard(self) -> None:
        """Take the file back, but none that somebody else has put in its place."""
        with suppress(OSError):
            if self._is_in_place():
                self._path.unlink()
        os.close(self._descriptor)

    def _failed(self, error: OSError) -> ReportFailure:
        return ReportFailure(
            f"cannot write the report {self._path}: {error.strerror}; the ledger holds every "
            "outcome, so run the same command again once that is mended"
        )


def _create_copy(path: Path) -> _AppendFile:
    try:
        return _AppendFile(path)
    except FileExistsError as error:
        raise Refused(
            f"--report {path} exists, and a report is never overwritten: name another file"
        ) from error
    except OSError as error:
        raise Refused(f"--report {path} cannot be created: {error.strerror}") from error
