"""Hold a secret so that it reaches a request and nothing else."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from html import escape
from typing import NoReturn

HIDDEN = b"<a secret>"  # with a blank, so that it passes for no ID

_LEAST = 8  # characters, of the secret or of its base64, that are told from chance
_SHARED = (0, 2, 3)  # characters of base64 that share bits with 0, 1 or 2 bytes before
_SIGNS = re.compile(rb"[+/]")  # of base64, which an alphabet for URLs has others for


class Secret:
    """Wrap a secret text: whoever prints, formats or pickles it by accident gets none of it."""

    __slots__ = ("_escaped", "_plain", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        self._plain: _Plain | None = None
        self._escaped: re.Pattern[bytes] | None = None

    def reveal(self) -> str:
        """Give the secret in clear, for the one request that needs it."""
        return self._value

    def hide_in(self, data: bytes) -> bytes:
        """Take the secret out of what a server says, should it say it back.

        In any spelling that is read as the secret again: as it is or escaped for JSON, a URL or
        HTML, character by character, and in base64 at any place of a longer text. A secret of less
        than 8 characters is not looked for: it would be found in what is none.
        """
        if len(self._value) < _LEAST or len(data) < len(self._value):  # no spelling is shorter
            return data
        if self._plain is None:
            self._plain = _Plain.of(self._value)
        if b"\\" in data or b"%" in data or b"&" in data:  # as every escaped character begins
            if self._escaped is None:
                self._escaped = _escaped(self._value, self._plain)
            return self._escaped.sub(HIDDEN, data)
        for part in self._plain.parts:
            if part in data:
                return self._plain.pattern.sub(HIDDEN, data)
        return data

    def hide_in_text(self, text: str) -> str:
        """Take the secret out of a text."""
        if len(text) < len(self._value) and text.isascii():
            return text
        data = text.encode("utf-8", "surrogateescape")
        return self.hide_in(data).decode("utf-8", "surrogateescape")

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is never pickled or copied")


@dataclass(frozen=True, slots=True, repr=False)
class _Plain:
    """What finds a secret in a text without escapes; whatever it finds holds one of `parts`.

    A text has seldom one of those, and to look for them takes a twentieth of the pattern's time.
    """

    pattern: re.Pattern[bytes]
    parts: tuple[bytes, ...]

    @classmethod
    def of(cls, value: str) -> _Plain:
        encoded = value.encode("utf-8")
        cores = _in_base64(encoded)
        found = [re.escape(encoded), *map(_in_either_alphabet, cores)]
        parts = [max(_SIGNS.split(core), key=len) for core in cores]
        return cls(re.compile(b"|".join(found)), (encoded, *parts))


def _escaped(value: str, plain: _Plain) -> re.Pattern[bytes]:
    """Give what finds a secret in any text, many times as slow."""
    return re.compile(b"".join(map(_character, value)) + b"|" + plain.pattern.pattern)


def _in_base64(encoded: bytes) -> list[bytes]:
    """Give what is always the same of a secret in the base64 of a longer text."""
    found: list[bytes] = []
    for shift, start in enumerate(_SHARED):
        whole = base64.b64encode(bytes(shift) + encoded).rstrip(b"=")
        end = len(whole) - (1 if (shift + len(encoded)) % 3 else 0)
        core = whole[start:end]
        if len(core) >= _LEAST:
            found.append(core)
    return found


def _in_either_alphabet(core: bytes) -> bytes:
    return re.escape(core).replace(rb"\+", rb"[+-]").replace(rb"/", rb"[/_]")


def _character(character: str) -> bytes:
    """Give the pattern of all ways to write a character."""
    number = ord(character)
    octets = character.encode("utf-8")
    spelled = [
        re.escape(octets),
        rb"\\u(?i:%04x)" % number,
        b"".join(b"%%(?i:%02x)" % octet for octet in octets),
        rb"&#0*%d;" % number,
        rb"&#(?i:x0*%x);" % number,
    ]
    if character in "/\"'\\":
        spelled.append(re.escape(b"\\" + octets))
    if (named := escape(character)) != character:
        spelled.append(re.escape(named.encode()))
    return b"(?:" + b"|".join(spelled) + b")"
