"""Hold a secret so that it reaches a request and nothing else."""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """Wrap a secret text: whoever prints, formats or pickles it by accident gets none of it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give the secret in clear, for the one request that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is never pickled or copied")
