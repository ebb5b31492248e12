"""Read a tenant's OAuth client from where its entry says: environment variables or files."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from zbatch.errors import CannotStart
from zbatch.model import Tenant
from zbatch.net.secret import Secret

_MOST = 8192  # bytes of a credential's file
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO has no one to wait for


def read_credentials(tenant: Tenant, environ: Mapping[str, str]) -> tuple[Secret, Secret]:
    """Read client ID and client secret; one trailing line end, as files leave it, is dropped.

    Raise CannotStart naming the variable or the file, never what it holds.
    """
    places = tenant.credentials
    return (
        read_credential(tenant, places.client_id, environ),
        read_credential(tenant, places.client_secret, environ),
    )


def read_credential(tenant: Tenant, place: str | Path, environ: Mapping[str, str]) -> Secret:
    """Read what stands in one place; raise CannotStart as for both."""
    if isinstance(place, Path):
        path = _at_home(place, environ)
        name, value = f"The file {path}", _file(tenant, path)
    else:
        name, value = f"The environment variable {place}", _variable(tenant, place, environ)
    value = value.removesuffix("\n").removesuffix("\r")
    if not value.strip():
        raise CannotStart(f"{name} is empty. Set it and run again.")
    if not value.isprintable() or any(character.isspace() for character in value):
        raise CannotStart(
            f"{name} holds blanks or control characters, which no OAuth "
            f"credential does. Check how it was pasted, and run again."
        )
    return Secret(value)


def _variable(tenant: Tenant, name: str, environ: Mapping[str, str]) -> str:
    value = environ.get(name)
    if value is None:
        raise CannotStart(
            f"The environment variable {name} is not set: tenant {tenant.name} reads its OAuth "
            f"client from it. Set it and run again."
        )
    return value


def _at_home(path: Path, environ: Mapping[str, str]) -> Path:
    if path.parts[0] != "~":
        return path
    home = environ.get("HOME", "")
    if not os.path.isabs(home):
        raise CannotStart(
            f"The file {path} cannot be found: the environment variable HOME is not set to a "
            f"folder. Set it, or write the path out in tenants.yaml, and run again."
        )
    return Path(home, *path.parts[1:])


def _file(tenant: Tenant, path: Path) -> str:
    """Read a file that nobody but its owner, who is us, can read or has put in its place."""
    try:
        handle = os.open(path, _FLAGS)
        try:
            _check(path, os.fstat(handle))
            data = os.read(handle, _MOST + 1)
        finally:
            os.close(handle)
    except (OSError, ValueError) as error:
        raise _unreadable(tenant, path, error) from error
    if len(data) > _MOST:
        raise CannotStart(f"The file {path} is larger than 8 KB, which no OAuth credential is.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:  # its text quotes the bytes: it goes no further
        raise CannotStart(f"The file {path} is not UTF-8 text. Write it anew.") from None


def _check(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise CannotStart(
            f"{path} is not a regular file but a folder, a pipe or a device; a credential is read "
            f"from a file of its own."
        )
    if found.st_uid != os.geteuid():
        raise CannotStart(
            f"The file {path} belongs to another user, who can change it. Make a copy of your own "
            f"with mode 0600, and run again."
        )
    if found.st_mode & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        raise CannotStart(
            f"The file {path} has mode {mode:04o}: others than you can read or change it. "
            f"Say chmod 600 {path}, and run again."
        )


def _unreadable(tenant: Tenant, path: Path, error: OSError | ValueError) -> CannotStart:
    if isinstance(error, OSError) and error.errno in (errno.ELOOP, errno.EMLINK):
        return CannotStart(
            f"The file {path} is a symbolic link, which can be turned to another file unseen. Name "
            f"the file itself in tenants.yaml, and run again."
        )
    why = (error.strerror if isinstance(error, OSError) else None) or "no proper path"
    return CannotStart(
        f"The file {path} cannot be read: {why}. Tenant {tenant.name} reads its OAuth client "
        f"from it."
    )
