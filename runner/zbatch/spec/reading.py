"""From a path to text: regular files of modest size, strict UTF-8, no invisible characters."""

from __future__ import annotations

import codecs
import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from zbatch.spec.diagnostics import Diagnostic, SpecError

MAX_BYTES = 32 * 1024 * 1024
MAX_HIDDEN = 50  # control characters; a file with more of them is no text
_PIECE = 1024 * 1024  # bytes read at once: a small file takes little memory
# controls but tab and line end, lone CR, NEL, zero-width, line separators, bidi, BOM, tags,
# noncharacters: what a reviewer cannot see
FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\uffff"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]|\r(?!\n)"
)
BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text without byte order mark, and the SHA-256 of its bytes."""

    file: str
    text: str
    digest: str


def read_text(path: Path) -> Text:
    """Read a file as text, or raise SpecError with what keeps it from being text."""
    file = str(path)
    with open_regular(path, file) as stream:
        read = _in_pieces(file, stream)
    text, digest = read or _at_once(path, file)
    if not text or text.isspace():
        raise _refused(file, "ZB103", "the file is empty")
    hidden = [match.start() for match in islice(FORBIDDEN.finditer(text), MAX_HIDDEN + 1)]
    if len(hidden) > MAX_HIDDEN:
        raise _refused(file, "ZB106", f"more than {MAX_HIDDEN} control characters: not a text file")
    if hidden:
        raise SpecError(_hidden(file, text, index) for index in hidden)
    return Text(file, text, digest)


def character(char: str) -> str:
    """Name a character that must not be printed as it is."""
    name = unicodedata.name(char, "a control character")
    return f"U+{ord(char):04X} ({name.lower()})"


@contextmanager
def open_regular(path: Path, file: str) -> Iterator[BinaryIO]:
    """Open a regular file; raise SpecError where it is none, or cannot be read to its end."""
    try:
        # non-blocking, for opening a FIFO would wait for its writer
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            message = "is not a regular file but a folder, a pipe or a device"
            raise _refused(file, "ZB102", message)
        with os.fdopen(handle, "rb", buffering=0) as stream:
            yield stream
    except (OSError, ValueError) as error:
        raise _refused(file, "ZB101", f"the file cannot be read: {_why(error)}") from error


def _in_pieces(file: str, stream: BinaryIO) -> tuple[str, str] | None:
    """Read a text and its digest, of which the bytes are never held whole; None if not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    digest, text = hashlib.sha256(), ""
    for piece in _pieces(file, stream):
        digest.update(piece)
        try:
            text += decoder.decode(piece)  # grows where it is: a list of parts would be joined
        except UnicodeDecodeError:
            return None
    return (text, digest.hexdigest()) if decoder.getstate()[0] == b"" else None


def _at_once(path: Path, file: str) -> tuple[str, str]:
    """Read a text and its digest so that what is not UTF-8 is told with its place."""
    with open_regular(path, file) as stream:
        data = b"".join(_pieces(file, stream))
    return _decode(file, data).removeprefix("\ufeff"), hashlib.sha256(data).hexdigest()


def _pieces(file: str, stream: BinaryIO) -> Iterator[bytes]:
    """Give a file in pieces, unless it is too large or begins like no text."""
    if os.fstat(stream.fileno()).st_size > MAX_BYTES:
        raise _too_large(file)
    size = 0
    while piece := stream.read(_PIECE):
        if not size and (piece.startswith(BYTE_ORDER_MARKS) or b"\x00" in piece[:4]):
            message = "the file is UTF-16, UTF-32 or no text at all; save it as UTF-8"
            raise _refused(file, "ZB105", message)
        if (size := size + len(piece)) > MAX_BYTES:
            raise _too_large(file)  # it has grown
        yield piece


def _too_large(file: str) -> SpecError:
    return _refused(file, "ZB104", "the file is larger than 32 MB")


def _decode(file: str, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        start = data.rfind(b"\n", 0, error.start) + 1
        column = len(data[start : error.start].decode("utf-8").removeprefix("\ufeff")) + 1
        line = data.count(b"\n", 0, error.start) + 1
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise SpecError([Diagnostic(file, line, column, "ZB105", message)]) from error


def _hidden(file: str, text: str, index: int) -> Diagnostic:
    line, column = text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)
    message = f"the character {character(text[index])} cannot be seen in review; remove it"
    return Diagnostic(file, line, column, "ZB106", message)


def _why(error: OSError | ValueError) -> str:
    return (error.strerror or "unknown error") if isinstance(error, OSError) else "no proper path"


def _refused(file: str, code: str, message: str) -> SpecError:
    return SpecError([Diagnostic(file, 1, 1, code, message)])
