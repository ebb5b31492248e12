"""New files are whole or not there."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from zbatch.report.files import write_new


def test_a_new_file_is_whole_and_has_its_mode(tmp_path: Path) -> None:
    """Its bytes are those that were given, for whom they were meant."""
    path = tmp_path / "new"
    write_new(path, b"x" * 300_000, 0o600)
    assert path.read_bytes() == b"x" * 300_000
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_there_stays(tmp_path: Path) -> None:
    """Neither a file nor a link is written through."""
    path, link = tmp_path / "there", tmp_path / "link"
    path.write_bytes(b"theirs")
    link.symlink_to(path)
    for taken in (path, link):
        with pytest.raises(FileExistsError):
            write_new(taken, b"ours", 0o600)
    assert path.read_bytes() == b"theirs"


def test_half_a_file_is_not_left_behind(tmp_path: Path) -> None:
    """Where the disk takes only a part, the name is free again for the next try."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            write_new(tmp_path / "new", b"x" * 100, 0o600)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
