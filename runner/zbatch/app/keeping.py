"""Write a file that did not exist before: whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from zbatch.errors import Refused
from zbatch.report.files import sync_folder, write_new


def keep(path: Path, data: bytes, flag: str) -> None:
    """Write a file, readable as the user's umask has it, unless another one is there already.

    One that holds the very same is left as it is. Raises `Refused` in the name of `flag`.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        write_new(fresh, data, 0o666)
        try:
            os.link(fresh, path)  # other than a renaming, it never takes the place of a file
        finally:
            with suppress(OSError):
                fresh.unlink()
        sync_folder(path.parent)
    except FileExistsError as error:
        if not _holds(path, data):
            raise Refused(
                f"{flag} {path} exists and holds something else; it is never overwritten: name"
                " another file, or remove this one"
            ) from error
    except OSError as error:
        raise Refused(f"{flag} {path} cannot be written: {error.strerror}") from error


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False
