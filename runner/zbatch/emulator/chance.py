"""Chance that a seed determines, whatever else is drawn from it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def draw(seed: int, *of: str | int) -> float:
    """Return a number from 0 to below 1 that seed and subject alone determine."""
    text = "/".join(map(str, (seed, *of)))
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


class Draws:
    """Draws one after the other, each from the seed and how many came before."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._drawn = 0

    def share(self) -> float:
        """Draw a number from 0 to below 1."""
        self._drawn += 1
        return draw(self._seed, self._drawn)

    def between(self, least: int, most: int) -> int:
        """Draw a whole number, both ends included."""
        return least + int(self.share() * (most - least + 1))

    def one_of(self, among: Sequence[T]) -> T:
        """Draw one of several."""
        return among[self.between(0, len(among) - 1)]
