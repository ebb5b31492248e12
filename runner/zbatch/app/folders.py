"""Write a folder of files that did not exist before: all of them, or no folder at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zbatch.errors import Refused
from zbatch.report.files import sync_folder


@contextmanager
def new_folder(path: Path, flag: str) -> Iterator[Path]:
    """Give a folder to fill, which takes its name once all is in it; raises `Refused`."""
    if os.path.lexists(path):
        raise Refused(f"{flag} {path} exists, and is never overwritten: name another folder")
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        fresh.mkdir()
        try:
            yield fresh
            sync_folder(fresh)
            fresh.rename(path)
            sync_folder(path.parent)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise Refused(f"{flag} {path} cannot be written: {error.strerror}") from error
