"""One run at a time for one tenant: an advisory lock that dies with its holder."""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zbatch.errors import CannotStart

LOCK_FILE = "lock"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_UNKNOWN = "unknown"


@contextmanager
def locked(folder: Path, holder: str) -> Iterator[None]:
    """Hold the lock of the ledger in `folder`; `holder` tells others who does.

    flock, not lockf: a POSIX lock is dropped when any descriptor of the file is closed. It is
    released by the kernel when the process ends, however it ends, and never taken over by age: a
    holder that is only suspended still holds it. A file of its own, never the database, whose
    locks belong to SQLite; and the folder itself, since people delete a lock file that is in their
    way. Raises `CannotStart` while another process holds it.
    """
    path = folder / LOCK_FILE
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotStart(f"cannot open the lock file {path}: {error.strerror}") from error
    try:
        with _folder_held(folder, descriptor):
            _take(descriptor, path)
            _sign(descriptor, path, holder)
            yield
    finally:
        os.close(descriptor)


def holder_of(folder: Path) -> str | None:
    """Tell who holds the lock of a ledger just now, or None; nothing is written.

    To find out, the lock is shared for an instant: a run that starts in that very instant is told
    that it is held. Raises `CannotStart` where that cannot be found out.
    """
    path = folder / LOCK_FILE
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return _holder_of_folder(folder)
    except OSError as error:
        raise CannotStart(f"cannot open the lock file {path}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(descriptor)
    except OSError as error:
        raise _no_locks(path, error) from error
    finally:
        os.close(descriptor)
    return _holder_of_folder(folder)


def signature(folder: Path) -> tuple[str, int] | None:
    """Give the run, and the number of its process, by which the lock was signed last.

    The lock is only read: whether the process is still there, its number tells.
    """
    try:
        text = (folder / LOCK_FILE).read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return None
    found = re.fullmatch(r"run ([^ ,]+), process ([0-9]+)", text)
    return (found[1], int(found[2])) if found else None


def signer_of(folder: Path, run_id: str) -> int | None:
    """Name the process that has signed the lock for a run; None where another run has, or none."""
    signed = signature(folder)
    return signed[1] if signed and signed[0] == run_id else None


@contextmanager
def _folder_held(folder: Path, signed: int) -> Iterator[None]:
    """Lock the folder itself while the body runs, where its file system locks folders."""
    try:
        descriptor = os.open(folder, _FOLDER)
    except OSError as error:
        raise CannotStart(f"cannot open the folder {folder}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _held(signed) from error
        except OSError:  # as NFS, which locks files alone
            pass
        yield
    finally:
        os.close(descriptor)


def _holder_of_folder(folder: Path) -> str | None:
    """Tell whether a run holds the lock though its file was deleted, and nobody has signed."""
    with suppress(FileNotFoundError):
        descriptor = os.open(folder, _FOLDER)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _UNKNOWN
        except OSError:  # nor does anybody hold it then
            pass
        finally:
            os.close(descriptor)
    return None


def _take(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _held(descriptor) from error
    except OSError as error:
        raise _no_locks(path, error) from error


def _held(descriptor: int) -> CannotStart:
    return CannotStart(
        f"another run holds the lock of this tenant ({_holder(descriptor)}); nothing was sent."
        " Wait for it to end, then run again: what it settled is not sent again"
    )


def _no_locks(path: Path, error: OSError) -> CannotStart:
    name = errno.errorcode.get(error.errno or 0, "?")
    return CannotStart(
        f"the file system of {path} does not lock files ({name}):"
        " name a local folder with --state-dir"
    )


def _sign(descriptor: int, path: Path, holder: str) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, holder.encode(), 0)
    except OSError as error:
        raise CannotStart(f"cannot write the lock file {path}: {error.strerror}") from error


def _holder(descriptor: int) -> str:
    text = os.pread(descriptor, 200, 0).decode("ascii", "replace")
    return "".join(c for c in text if c.isprintable()) or _UNKNOWN
