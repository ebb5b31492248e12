"""Make foreign text safe to show: one line, short, without anything a terminal would obey."""

from __future__ import annotations

import unicodedata

MESSAGE_LIMIT = 500
ELLIPSIS = "…"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# Control, format (bidi, zero-width), surrogate, private use, unassigned.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def one_line(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """Neutralise a text: blanks collapse to one space, unsafe characters become U+FFFD.

    The result has at most `limit` characters; the time taken does not grow with the text.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():  # as most are
        return " ".join(text.split()) if " " in text else text
    window = text[: 4 * limit]
    if not (window.isascii() and window.isprintable()):
        window = "".join(map(_safe, window))
    line = " ".join(window.split())
    if len(line) > limit or len(window) < len(text):
        return line[: limit - 1] + ELLIPSIS
    return line


def _safe(character: str) -> str:
    if character.isspace():
        return " "
    return REPLACEMENT if unicodedata.category(character) in _UNSAFE else character
