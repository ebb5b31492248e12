"""What a run or a reconciliation is to do, once spec and ledger have been read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom

from zbatch.app.api import Acceptance
from zbatch.app.outstanding import Outstanding
from zbatch.engine.ports import Randomness
from zbatch.engine.settings import PATIENCE
from zbatch.model import Identity, Plan


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done: a plan, what is left of it, and how.

    `read_only` sends no call; `accepted` are decisions of a person on items in doubt.
    """

    plan: Plan
    todo: Outstanding
    report_copy: Path | None = None
    read_only: bool = False
    accepted: Mapping[Identity, Acceptance] = field(default_factory=dict)
    patience: float = PATIENCE
    chance: Randomness = field(default_factory=SystemRandom)
