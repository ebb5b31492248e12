"""Hold a secret so that it reaches a request and nothing else."""

from __future__ import annotations

from typing import NoReturn

SHORTEST = 12  # characters


class Secret:
    """Wrap a secret text: whoever prints, formats or pickles it by accident gets none of it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give the secret in clear, for the one request that needs it."""
        return self._value

    def struck_from(self, text: bytes) -> bytes:
        """Return a text without the secret, should somebody have said it back.

        A text so short that it may stand for something else is no secret of anybody.
        """
        spellings = (self._value, self._value.replace("/", "\\/"))  # JSON may escape a slash
        for one in spellings if len(self._value) >= SHORTEST else ():
            text = text.replace(one.encode(), repr(self).encode())
        return text

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is never pickled or copied")
