"""The lock of a tenant, with real processes and the real flock."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from zbatch.errors import CannotStart
from zbatch.ledger.lock import LOCK_FILE, holder_of, locked, signer_of

# A process that takes the lock, says so on stdout, and holds it until its stdin closes.
HOLDER = """
import sys
from pathlib import Path
from zbatch.errors import CannotStart
from zbatch.ledger.lock import locked
try:
    with locked(Path(sys.argv[1]), "run " + sys.argv[2]):
        print("held", flush=True)
        sys.stdin.read()
except CannotStart as error:
    print("refused", flush=True)
    sys.exit(str(error))
"""


def holder(folder: Path, name: str = "A") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def held_elsewhere(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the lock; it is gone afterwards, however it was treated."""
    with holder(folder) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()


def test_f104_of_twenty_starts_at_once_exactly_one_gets_the_lock(tmp_path: Path) -> None:
    """F104: one runs, nineteen are told who does."""
    processes = [holder(tmp_path, str(number)) for number in range(20)]
    try:
        said = [process.stdout.readline() for process in processes if process.stdout]
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
        codes = [process.wait() for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    told = [process.stderr.read() for process in processes if process.stderr]
    for process in processes:
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()
    assert sorted(said) == ["held\n"] + ["refused\n"] * 19
    assert sorted(codes) == [0] + [1] * 19
    assert all("another run holds the lock" in text for text in told if text)


def test_a_second_run_is_refused_by_name(tmp_path: Path) -> None:
    """Whoever is refused learns who holds the lock and that nothing was sent."""
    with (
        held_elsewhere(tmp_path),
        pytest.raises(CannotStart, match=r"\(run A\); nothing was sent"),
        locked(tmp_path, "run B"),
    ):
        pass


def test_f107_the_lock_of_a_killed_holder_is_free_at_once(tmp_path: Path) -> None:
    """F107: the kernel releases it, whatever the file still says."""
    with held_elsewhere(tmp_path) as process:
        process.kill()
        process.wait()
        with locked(tmp_path, "run B"):
            assert (tmp_path / LOCK_FILE).read_text() == "run B"


def test_f107_a_suspended_holder_still_holds(tmp_path: Path) -> None:
    """F107, D17: no takeover by age: a stopped process may wake up and send."""
    with held_elsewhere(tmp_path) as process:
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        os.utime(tmp_path / LOCK_FILE, (0, 0))
        with pytest.raises(CannotStart), locked(tmp_path, "run B"):
            pass
        process.send_signal(signal.SIGCONT)


def test_f108_the_lock_survives_other_descriptors_of_its_file(tmp_path: Path) -> None:
    """F108: a POSIX lock would be dropped when any descriptor of the file is closed."""
    with locked(tmp_path, "run A"):
        (tmp_path / LOCK_FILE).read_text()
        os.close(os.open(tmp_path / LOCK_FILE, os.O_RDWR))
        with holder(tmp_path, "B") as process:
            said, told = process.communicate("")
        assert said == "refused\n"
        assert "run A" in told


def test_the_lock_is_free_again_after_the_run(tmp_path: Path) -> None:
    """It is released at the end, after an error too, and the file stays."""
    for _ in range(3):
        with suppress(ZeroDivisionError), locked(tmp_path, "run A"):
            raise ZeroDivisionError
    assert (tmp_path / LOCK_FILE).exists()


def test_the_lock_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Under any umask the file is 0600."""
    before = os.umask(0)
    try:
        with locked(tmp_path, "run A"):
            assert stat.S_IMODE((tmp_path / LOCK_FILE).stat().st_mode) == 0o600
    finally:
        os.umask(before)


@pytest.mark.parametrize("content", [b"", b"\x1b[2Jrun\nX", b"\xff\xfe\x00", b"x" * 10_000])
def test_whatever_the_file_says_is_told_in_one_printable_line(
    tmp_path: Path, content: bytes
) -> None:
    """The holder's name is text from a file: no escape, no line break, no flood."""
    (tmp_path / LOCK_FILE).write_bytes(content)
    with (tmp_path / LOCK_FILE).open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(CannotStart) as told, locked(tmp_path, "run B"):
            pass
    assert str(told.value).isprintable()
    assert len(str(told.value)) < 500


def test_a_lock_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """A symlink or a folder in its place, or no folder at all, is told before anything is sent."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / LOCK_FILE).symlink_to(tmp_path / "elsewhere")
    (tmp_path / "b" / LOCK_FILE).mkdir(parents=True)
    for folder in ("a", "b", "missing"):
        with (
            pytest.raises(CannotStart, match="cannot open the lock file"),
            locked(tmp_path / folder, "run A"),
        ):
            pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_second_lock_within_one_process_is_refused_too(tmp_path: Path) -> None:
    """The lock belongs to an open file, so that no part of a process takes it from another."""
    with (
        locked(tmp_path, "run A"),
        pytest.raises(CannotStart, match=r"\(run A\)"),
        locked(tmp_path, "run B"),
    ):
        pass


def test_a_lock_whose_file_was_deleted_is_held_all_the_same(tmp_path: Path) -> None:
    """F107: people delete a lock file that is in their way, and its run may be at work."""
    with held_elsewhere(tmp_path):
        (tmp_path / LOCK_FILE).unlink()
        assert holder_of(tmp_path) == "unknown"
        for _ in range(2):  # the first try has made another file
            with pytest.raises(CannotStart, match=r"holds the lock of this tenant \(unknown\)"):
                locked(tmp_path, "run B").__enter__()
            assert holder_of(tmp_path) == "unknown"
    with locked(tmp_path, "run B"):
        assert holder_of(tmp_path) == "run B"


def test_where_folders_cannot_be_locked_the_file_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on NFS: that lock is one more, and no run needs it."""
    lock = fcntl.flock

    def files_alone(descriptor: int, how: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EBADF, "Bad file descriptor")
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", files_alone)
    assert holder_of(tmp_path) is None
    with (
        locked(tmp_path, "run A"),
        pytest.raises(CannotStart, match=r"\(run A\)"),
        locked(tmp_path, "run B"),
    ):
        pass


def test_f102_a_folder_that_cannot_be_opened_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F102: the lock file has taken the last descriptor, and nothing is sent."""
    opened = os.open

    def no_folder(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_DIRECTORY:
            raise OSError(errno.EMFILE, "Too many open files")
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", no_folder)
    with (
        pytest.raises(CannotStart, match=r"cannot open the folder .*: Too many open files"),
        locked(tmp_path, "run A"),
    ):
        pass


def no_locks(*_: object) -> None:
    raise OSError(errno.ENOLCK, "No locks available")


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("module", "call", "fails", "told"),
    [
        (fcntl, "flock", no_locks, r"/.* does not lock files \(ENOLCK\): name a local folder"),
        (os, "pwrite", full, "cannot write the lock file .*No space left on device"),
    ],
)
def test_a_file_system_that_cannot_lock_is_told_before_anything_is_sent(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    call: str,
    fails: Callable[..., None],
    told: str,
) -> None:
    """F98: it is the system's own refusal, which no test can ask for in another way."""
    monkeypatch.setattr(module, call, fails)
    with pytest.raises(CannotStart, match=told), locked(tmp_path, "run A"):
        pass
    monkeypatch.undo()
    with locked(tmp_path, "run B"):
        assert (tmp_path / LOCK_FILE).read_text() == "run B"


def test_who_holds_the_lock_is_told_to_who_only_looks(tmp_path: Path) -> None:
    """Nothing is made or written by looking, and the lock stays where it is."""
    assert holder_of(tmp_path) is None
    assert not [*tmp_path.iterdir()]
    with held_elsewhere(tmp_path):
        assert holder_of(tmp_path) == "run A"
        assert (tmp_path / LOCK_FILE).read_text() == "run A"
    assert holder_of(tmp_path) is None
    with locked(tmp_path, "run B"):
        assert holder_of(tmp_path) == "run B"


def test_a_lock_that_cannot_be_looked_at_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link in its place, and a file system without locks."""
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / LOCK_FILE).symlink_to("elsewhere")
    with pytest.raises(CannotStart, match="cannot open the lock file"):
        holder_of(tmp_path / "linked")
    (tmp_path / LOCK_FILE).touch()
    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(CannotStart, match=r"does not lock files \(ENOLCK\)"):
        holder_of(tmp_path)


def test_who_has_signed_is_read_without_the_lock(tmp_path: Path) -> None:
    """While it is held, after it was, and by the name of a run: another run's is none of ours."""
    assert signer_of(tmp_path, "run-1") is None
    with locked(tmp_path, "run run-1, process 4711"):
        assert signer_of(tmp_path, "run-1") == 4711
        assert signer_of(tmp_path, "run-2") is None
    assert signer_of(tmp_path, "run-1") == 4711
    for odd in (b"\xff", b"run run-1, process x", b""):
        (tmp_path / LOCK_FILE).write_bytes(odd)
        assert signer_of(tmp_path, "run-1") is None
