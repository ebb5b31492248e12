"""The files of the report: created by this run alone, holding whole lines or nothing."""

from __future__ import annotations

import os
import resource
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from zbatch.errors import CannotStart, Refused, ReportFailure
from zbatch.report.writer import ReportWriter


def test_lines_are_seen_as_soon_as_written(tmp_path: Path) -> None:
    """`tail -f` sees each line at once, in the report and in its copy."""
    report, copy = tmp_path / "runs" / "r1" / "report.jsonl", tmp_path / "copy.jsonl"
    writer = ReportWriter.create(report, copy)
    writer.write(b'{"n":1}\n')
    assert report.read_bytes() == copy.read_bytes() == b'{"n":1}\n'
    writer.write(b'{"n":2}\n')
    assert report.read_bytes() == copy.read_bytes() == b'{"n":1}\n{"n":2}\n'
    writer.close()
    writer.close()


def test_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    """Folder 0700, files 0600, whatever the umask allows."""
    before = os.umask(0)
    try:
        writer = ReportWriter.create(tmp_path / "r1" / "report.jsonl", tmp_path / "copy")
    finally:
        os.umask(before)
    writer.close()
    modes = [(tmp_path / name).stat().st_mode for name in ("r1", "r1/report.jsonl", "copy")]
    assert [stat.S_IMODE(mode) for mode in modes] == [0o700, 0o600, 0o600]


def _file(path: Path) -> None:
    path.write_text("precious")


def _dangling(path: Path) -> None:
    path.symlink_to(path.parent / "elsewhere")


@pytest.mark.parametrize("occupy", [_file, _dangling, os.mkfifo, Path.mkdir])
def test_f101_what_is_there_is_never_written_to(
    occupy: Callable[[Path], None], tmp_path: Path
) -> None:
    """A file, a symlink, a FIFO and a directory in the place of the copy are refused."""
    copy = tmp_path / "copy"
    occupy(copy)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(Refused, match="exists"):
        ReportWriter.create(tmp_path / "r1" / "report.jsonl", copy)
    assert sorted(tmp_path.iterdir()) == before


def test_copy_into_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """The folder of the copy is the author's to create."""
    with pytest.raises(Refused, match="No such file"):
        ReportWriter.create(tmp_path / "r1" / "report.jsonl", tmp_path / "no" / "copy")


def test_report_that_cannot_be_created_leaves_no_copy(tmp_path: Path) -> None:
    """When the state folder fails, the copy is gone again and the next try is not refused."""
    (tmp_path / "r1").write_text("in the way")
    with pytest.raises(CannotStart):
        ReportWriter.create(tmp_path / "r1" / "report.jsonl", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_what_is_taken_back_is_our_own(tmp_path: Path) -> None:
    """A copy that somebody has moved away makes room for another one, which is not ours."""
    copy = tmp_path / "copy"
    writer = ReportWriter.create(tmp_path / "r1" / "report.jsonl", copy)
    copy.rename(tmp_path / "moved")
    copy.write_text("of another run")
    writer.discard()
    assert copy.read_text() == "of another run"
    assert not (tmp_path / "r1" / "report.jsonl").exists()


@contextmanager
def small_files() -> Iterator[None]:
    """Let no file grow beyond 25 bytes: the first write past it is short, the next fails.

    Only around the writes of a test: the test runner's own output may be a file too.
    """
    old_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    old_handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (25, old_limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old_limit)
        signal.signal(signal.SIGXFSZ, old_handler)


def test_f94_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    """A line that the disk takes only in part is taken back, and nothing is glued to it."""
    report = tmp_path / "r1" / "report.jsonl"
    writer = ReportWriter.create(report)
    writer.write(b"0123456789\n")
    with small_files(), pytest.raises(ReportFailure, match="File too large"):
        writer.write(b"a longer line than fits\n")
    assert report.read_bytes() == b"0123456789\n"
    with pytest.raises(ReportFailure):
        writer.write(b"ok\n")
    writer.close()
    assert report.read_bytes() == b"0123456789\n"


def test_f94_a_full_disk_keeps_the_whole_ones_of_several_lines(tmp_path: Path) -> None:
    """Those that it took stay; only the one that was torn is taken back."""
    report = tmp_path / "r1" / "report.jsonl"
    writer = ReportWriter.create(report)
    writer.write(b"first\n")
    with small_files(), pytest.raises(ReportFailure, match="File too large"):
        writer.write(b"second\nthird\nthe torn one\nlast\n")
    writer.close()
    assert report.read_bytes() == b"first\nsecond\nthird\n"


def _take_away(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


def _put_another(path: Path) -> None:
    _take_away(path)
    path.write_bytes(b"")


def _cut_off(path: Path) -> None:
    os.truncate(path, 4)


def _add_to(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"note to self\n")


@pytest.mark.parametrize("name", ["r1/report.jsonl", "copy.jsonl"])
@pytest.mark.parametrize(
    ("disturb", "told"),
    [
        (Path.unlink, "No such file"),
        (_take_away, "No such file"),
        (_put_another, "another file is in its place"),
        (_cut_off, "somebody else has changed it"),
        (_add_to, "somebody else has changed it"),
    ],
)
def test_f99_a_report_that_is_not_what_was_written_is_told(
    name: str, disturb: Callable[[Path], object], told: str, tmp_path: Path
) -> None:
    """F99: nobody takes a run for a good one whose report is gone, or misses lines."""
    writer = ReportWriter.create(tmp_path / "r1" / "report.jsonl", tmp_path / "copy.jsonl")
    writer.write(b"first\n")
    disturb(tmp_path / name)
    writer.write(b"second\n")
    with pytest.raises(ReportFailure, match=f"{name}: {told}"):
        writer.close()


def test_f94_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of which the system takes seven bytes at a time arrives whole."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:7]))
    writer = ReportWriter.create(tmp_path / "report.jsonl")
    writer.write(b"x" * 100 + b"\n")
    writer.close()
    assert (tmp_path / "report.jsonl").read_bytes() == b"x" * 100 + b"\n"
