"""What a report says of a code: its meaning, who usually mends what it tells, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from zbatch.report.codes import own_code


@dataclass(frozen=True, slots=True)
class Reason:
    """What a code means, who usually mends it ("" where nobody has to), and what is to be done."""

    meaning: str
    mender: str
    mend: str


Explain = Callable[[str], Reason | None]
"""Gives what is known of a code: Zuora's own, or one of zbatch's."""


def own_reason(code: str) -> Reason | None:
    """Say what one of zbatch's own codes means."""
    found = own_code(code)
    return Reason(found.meaning, found.mender, found.mend) if found else None
