"""F140: a credential's file that others could have read or put there is not used, nor shown."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from support.hostile import tenant_at
from zbatch.errors import CannotStart
from zbatch.model import Credentials
from zbatch.net.credentials import read_credentials

CANARY = "canary-3b9f"

Spoil = Callable[[Path], object]


def read(path: Path, environ: dict[str, str] | None = None) -> str:
    """Read a client secret from a file, beside an ID from a variable."""
    tenant = replace(tenant_at("https://rest.test.zuora.com"), credentials=Credentials("ID", path))
    client_id, secret = read_credentials(tenant, {"ID": "me", **(environ or {})})
    assert client_id.reveal() == "me"
    return secret.reveal()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Give a file with a secret, as it should be."""
    path = tmp_path / "secret"
    path.write_text(CANARY)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_f140_a_file_of_our_own_is_read(secret: Path, end: str, mode: int) -> None:
    """F140: one trailing line end, as editors and `echo` leave it, is no part of the secret."""
    secret.write_text(CANARY + end)
    secret.chmod(mode)
    assert read(secret) == CANARY


def test_both_may_come_from_files(secret: Path) -> None:
    """Client ID and secret have a file each, and no variable is needed."""
    tenant = tenant_at("https://rest.test.zuora.com")
    tenant = replace(tenant, credentials=Credentials(secret, secret))
    assert [one.reveal() for one in read_credentials(tenant, {})] == [CANARY, CANARY]


def test_a_path_may_start_at_home(secret: Path) -> None:
    """`~/` is the folder that HOME names, and nothing else is expanded."""
    assert read(Path("~/secret"), {"HOME": str(secret.parent)}) == CANARY
    with pytest.raises(CannotStart, match="No such file"):
        read(secret.parent / "~" / "secret", {"HOME": str(secret.parent)})
    with pytest.raises(CannotStart, match="No such file"):
        read(secret.parent / "$HOME", {"HOME": "secret"})


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}, {"HOME": "relative"}])
def test_no_home_is_told(environ: dict[str, str]) -> None:
    """Without a proper HOME a path that starts there is not looked for elsewhere."""
    with pytest.raises(CannotStart, match="HOME"):
        read(Path("~/secret"), environ)


def _belonging_to_another(path: Path) -> Path:
    """Give the file to somebody else; who may not, takes one that is the system's."""
    if os.geteuid() != 0:
        return Path("/etc/passwd")
    os.chown(path, 12345, -1)
    return path


def _linked(path: Path) -> Path:
    link = path.with_name("link")
    link.symlink_to(path)
    return link


def _fifo(path: Path) -> Path:
    path.unlink()
    os.mkfifo(path, 0o600)
    return path


def _folder(path: Path) -> Path:
    path.unlink()
    path.mkdir(0o700)
    return path


def _with_mode(mode: int) -> Spoil:
    return lambda path: path.chmod(mode)


def _holding(data: bytes) -> Spoil:
    return lambda path: path.write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_with_mode(0o644), "mode 0644: others than you can read or change it. Say chmod 600 "),
        (_with_mode(0o640), "mode 0640"),
        (_with_mode(0o602), "mode 0602"),
        (_belonging_to_another, "belongs to another user"),
        (_linked, "is a symbolic link"),
        (_folder, "is not a regular file"),
        (_fifo, "is not a regular file"),
        (Path.unlink, "cannot be read: No such file"),
        (lambda path: path / "below", "cannot be read: Not a directory"),
        (lambda path: path.with_name("x" * 300), "cannot be read: File name too long"),
        (lambda path: path.with_name("x\0y"), "cannot be read: no proper path"),
        (_holding(b""), "is empty"),
        (_holding(b"\n"), "is empty"),
        (_holding(f"{CANARY}\n\n".encode()), "blanks or control characters"),
        (_holding(f"{CANARY} {CANARY}".encode()), "blanks or control characters"),
        (_holding(f"\ufeff{CANARY}".encode()), "blanks or control characters"),
        (_holding(f"{CANARY}\xff".encode("latin-1")), "is not UTF-8 text"),
        (_holding(CANARY.encode() * 1000), "is larger than 8 KB"),
    ],
)
def test_f140_any_other_file_is_refused(secret: Path, spoil: Spoil, told: str) -> None:
    """F140: each is refused in words that name the file and never what it holds."""
    found = spoil(secret)
    path = found if isinstance(found, Path) else secret
    with pytest.raises(CannotStart) as caught:
        read(path)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)
    error: BaseException | None = caught.value
    while error is not None:
        assert CANARY not in f"{error!s} {error!r}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
