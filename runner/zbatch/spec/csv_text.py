"""From the bytes of an account file to its lines, in pieces, with a digest of the same bytes."""

from __future__ import annotations

import codecs
import hashlib
import io
from collections.abc import Iterator
from typing import BinaryIO, Final

from zbatch.spec.diagnostics import Diagnostic
from zbatch.spec.reading import BYTE_ORDER_MARKS, FORBIDDEN, character

PIECE = 256 * 1024  # bytes read at once
MAX_LINE = 1_000_000  # characters: a file without line ends is left here, and not held in memory
EXAMINED = 1000  # wrong places of a file that are looked at one by one
_UTF8 = 'save the file as "CSV UTF-8"'
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")  # .xlsx is a ZIP; .xls is not
_VISIBLE = bytes(range(0x20, 0x7F)) + b"\t\r\n"


class WrongPlaces:
    """What is wrong with an account file; beyond a thousand wrong places they are only counted."""

    def __init__(self, file: str) -> None:
        self.problems: list[Diagnostic] = []
        self._file = file
        self._beyond = 0
        self._first = (1, 1)

    @property
    def full(self) -> bool:
        """Whether a further finding is only counted, so that it needs no words."""
        return len(self.problems) >= EXAMINED

    def tell(self, line: int, column: int, code: str, message: str, hint: str = "") -> None:
        """Keep a finding, or count it."""
        if self.full:
            self.count(line, column)
        else:
            self.problems.append(Diagnostic(self._file, line, column, code, message, hint))

    def count(self, line: int, column: int) -> None:
        """Count a finding without words."""
        if not self._beyond:
            self._first = (line, column)
        self._beyond += 1

    def finish(self) -> None:
        """Tell how many were only counted."""
        if self._beyond:
            message = f"and {self._beyond:,} more wrong places in this file from here on"
            place = (self._file, *self._first)
            self.problems.append(Diagnostic(*place, "ZB418", message, count=self._beyond))
            self._beyond = 0


class Lines:
    """The physical lines of a stream without their ends, which may be LF, CRLF or CR.

    What is no UTF-8 ends the iteration, with a finding; an invisible character does not. Once
    all lines are read, `digest` is the SHA-256 of the bytes in hexadecimal.
    """

    def __init__(self, stream: BinaryIO, findings: WrongPlaces) -> None:
        self.failed = False
        self._stream = stream
        self._findings = findings
        self._sha256 = hashlib.sha256()
        self._done = 0  # lines handed out
        self._hidden = 0  # characters that cannot be seen
        self._rest = ""  # of a line that goes on in the next piece

    @property
    def digest(self) -> str:
        """The SHA-256 of all bytes read so far, in hexadecimal."""
        return self._sha256.hexdigest()

    def __iter__(self) -> Iterator[str]:
        decoder: Final = codecs.getincrementaldecoder("utf-8-sig")()
        ends: Final = io.IncrementalNewlineDecoder(decoder, translate=True)
        data = self._stream.read(PIECE)
        if data.startswith(_WORKBOOKS):
            what = "this is an Excel workbook, or another archive, and no CSV file"
            self._fail(1, "ZB105", what, 'open it in Excel and save it as "CSV UTF-8"')
        elif data.startswith(BYTE_ORDER_MARKS) or b"\x00" in data[:4]:
            self._fail(1, "ZB105", "the file is UTF-16, UTF-32 or no text at all", _UTF8)
        while not self.failed:
            self._sha256.update(data)
            try:
                text = ends.decode(data, not data)
            except UnicodeDecodeError as error:
                decoder.reset()
                yield from self._lines(ends.decode(error.object[: error.start], True))
                self._undecodable(error.object[error.start])
                return
            if data.translate(None, _VISIBLE):
                self._search(text)
            yield from self._lines(text)
            if not data:
                break
            data = self._stream.read(PIECE)
        if self._rest and not self.failed:
            yield self._rest

    def _lines(self, text: str) -> list[str]:
        lines = text.split("\n")
        lines[0] = self._rest + lines[0]
        self._rest = lines.pop()
        self._done += len(lines)
        if len(self._rest) > MAX_LINE:
            self._fail(1, "ZB416", f"the line has more than {MAX_LINE:,} characters")
        return lines

    def _search(self, text: str) -> None:
        for match in FORBIDDEN.finditer(text):
            index = match.start()
            line = self._done + text.count("\n", 0, index) + 1
            column = index - text.rfind("\n", 0, index)
            if line == self._done + 1:
                column += len(self._rest)
            message = f"the character {character(match[0])} cannot be seen in review"
            self._findings.tell(line, column, "ZB106", message, "remove it")
            self._hidden += 1
            if self._hidden > EXAMINED:
                self._fail(1, "ZB106", f"more than {EXAMINED:,} control characters: no text file")
                return

    def _undecodable(self, byte: int) -> None:
        seems = bytes([byte]).decode("cp1252", "ignore")
        perhaps = f", in Latin-1 or Windows-1252 “{seems}”" if seems.isprintable() and seems else ""
        message = f"the byte 0x{byte:02x} is not UTF-8{perhaps}"
        self._fail(len(self._rest) + 1, "ZB105", message, _UTF8)

    def _fail(self, column: int, code: str, message: str, hint: str = "") -> None:
        self.failed = True
        self._findings.tell(self._done + 1, column, code, message, hint)
