"""Which saboteurs a run lets loose: a third, another one each day, or those that are asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from support.saboteurs import SABOTEURS
from support.saboteurs.saboteur import Saboteur

VARIABLE = "SABOTEURS"
THIRDS = 3


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the saboteurs, and the word that asks for the same ones again."""

    word: str
    saboteurs: Sequence[Saboteur]

    @property
    def again(self) -> str:
        """How to repeat it."""
        return f"{VARIABLE}={self.word} pytest tests/saboteurs"


def part(environ: Mapping[str, str], today: date) -> Part:
    """Give the part that the environment asks for, or the third of the day.

    Raises `ValueError` where it asks for something else than `0/3`, `1/3`, `2/3` or `all`.
    """
    third = f"{today.toordinal() % THIRDS}/{THIRDS}"
    word = environ.get(VARIABLE) or third
    if word == "all":
        return Part(word, SABOTEURS)
    if word not in {f"{n}/{THIRDS}" for n in range(THIRDS)}:
        raise ValueError(f"{VARIABLE} is 0/3, 1/3, 2/3 or all, not {word}")
    return Part(word, SABOTEURS[int(word[0]) :: THIRDS])


PART = part(os.environ, datetime.now(UTC).date())
