"""Saboteurs of each rule R1 to R14, each scenario D and L, of what stops a run and what it tells.

A saboteur breaks the product from outside, in test code alone. docs/saboteurs.md lists them.
"""

from __future__ import annotations

from support.saboteurs import (
    ages,
    asking,
    ledger,
    limits,
    net,
    order,
    policies,
    replies,
    results,
    sending,
    spec,
    telling,
    verdicts,
)
from support.saboteurs.saboteur import Saboteur

ROOMS = (
    verdicts,
    ages,
    asking,
    sending,
    order,
    policies,
    limits,
    results,
    ledger,
    replies,
    net,
    spec,
    telling,
)


def _rank(one: Saboteur) -> tuple[str, int, str, str]:
    number = one.breaks[1:].rstrip("ab")
    return one.breaks[0], int(number), one.breaks, one.name


SABOTEURS: tuple[Saboteur, ...] = tuple(
    sorted(
        (one for room in ROOMS for one in vars(room).values() if isinstance(one, Saboteur)),
        key=_rank,
    )
)
