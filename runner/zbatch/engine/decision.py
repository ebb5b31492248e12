"""What can be decided on an answer: send again, settle each item of the call, or stop the run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from zbatch.engine.ending import StopReason
from zbatch.model import IfAbsent, KeyState, Outcome, Problem
from zbatch.model.values import value


class Pause(Enum):
    """What to wait for before the same key is sent again."""

    BACKOFF = "backoff"  # full jitter, spends one of the item's attempts
    GATE = "gate"  # the whole run waits as long as the server asks
    REACHABLE = "reachable"  # the whole run waits until the host answers
    CONFLICT = "conflict"  # the call is still being executed; spends no attempt
    TOKEN = "token"  # noqa: S105 - a word: at once, with a newer token
    QUESTION = "question"  # not sent: what is there was asked too long ago


@dataclass(frozen=True, slots=True)
class Again:
    """Send the same bytes under the same key again."""

    pause: Pause
    problem: Problem


@value(frozen=True, slots=True)
class Verdict:
    """What an item has come to under this key.

    Without an `outcome`, a settled key is renewed in the next generation and a burnt one leaves
    the item unknown.
    """

    state: KeyState
    evidence: str
    outcome: Outcome | None = None
    invoice_id: str | None = None
    problem: Problem | None = None
    if_absent: IfAbsent | None = None

    @property
    def renews(self) -> bool:
        """Whether the item goes on under a new key."""
        return self.state is KeyState.SETTLED and self.outcome is None


@dataclass(frozen=True, slots=True)
class Settle:
    """Each item of the call has its verdict, by position."""

    verdicts: tuple[Verdict, ...]
    exceeded: bool = False  # it stands on a limit of the tenant's, not on the item
    gates: bool = False  # the tenant asked us to wait, and no proof tells that it was earlier


@dataclass(frozen=True, slots=True)
class Halt:
    """Stop the run; the key stays as it is."""

    reason: StopReason
    problem: Problem


Decision = Again | Settle | Halt
