"""What an engine is built from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from zbatch.engine.outage import PROBE_SECONDS
from zbatch.engine.pacing import Pace
from zbatch.engine.ports import Clock, Gate, Ledger, Observer, Randomness, Sender
from zbatch.engine.stages import StageSoFar
from zbatch.model import Call, Identity, Item, Limits, Settling, StopRules

MOST_INTENTS_AHEAD = 64
MOST_ASKED_AHEAD = 200
MOST_ASKED_AT_SPEED = 400
ASKED_AHEAD_SECONDS = 20.0
ASKED_AT_SPEED_SECONDS = 0.5
AHEAD_SECONDS = 5.0
WORKER_SECONDS = 150.0
ASK_LIFE = 600.0
PATIENCE = 120.0


def workers(limits: Limits) -> int:
    """Tell how many requests may be in flight, or wait for their turn."""
    return min(limits.concurrency, math.ceil(limits.rate.per_second * WORKER_SECONDS))


def ask_life(limits: Limits) -> float:
    """Tell for how many seconds a question lets a call go."""
    return max(ASK_LIFE, 1.5 / limits.rate.per_second)


@dataclass(frozen=True, slots=True)
class Ports:
    """The outside, as the engine sees it."""

    clock: Clock
    random: Randomness
    sender: Sender
    ledger: Ledger
    observer: Observer
    gate: Gate


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A person's decision that an item in doubt is this invoice, and why."""

    identity: Identity
    invoice_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Staging:
    """How many stages a run has, and how they stand before it: 0 of them is one without any.

    `name` is what their looks go by in the ledger, `looked` the last one that was looked at, and
    `past` what has come of each.
    """

    of: int = 0
    name: str = ""
    looked: int = 0
    past: Mapping[int, StageSoFar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settings:
    """What one run is bound by.

    `newest` is the latest wall time in the ledger before the run. `make_call` mints the key of
    some items in a generation. `patience` is how long an unreachable host is tried, `probe` how far
    apart requests are to a tenant that is out of order, in seconds.
    With `read_only` no call is sent: keys in doubt are settled by question or stay. `accepted`
    holds what a person has decided of items in doubt. `rules` are those by which it stops itself,
    `stages` are the parts it has, between which a person looks.
    `pace` is that of questions which came before it; without them it begins its own. `began` is
    when it began, by the steady clock, if that was before its engine did.
    """

    run_tail: str
    limits: Limits
    max_attempts: int
    make_call: Callable[[tuple[Item, ...], int], Call]
    newest: datetime | None = None
    patience: float = PATIENCE
    settling: Settling = field(default_factory=Settling)
    read_only: bool = False
    accepted: Mapping[Identity, Acceptance] = field(default_factory=dict)
    rules: StopRules = field(default_factory=StopRules)
    stages: Staging = field(default_factory=Staging)
    pace: Pace | None = None
    began: float | None = None
    probe: float = PROBE_SECONDS

    @property
    def ends(self) -> float | None:
        """When the run must end by its own deadline, where it is known when it began."""
        deadline = self.rules.deadline
        return None if self.began is None or deadline is None else self.began + deadline

    @property
    def workers(self) -> int:
        """How many requests may be in flight, or wait for their turn.

        At a slow rate fewer than may be in flight: each of them holds a turn, and what it has
        asked grows old while it waits.
        """
        return workers(self.limits)

    @property
    def ask_life(self) -> float:
        """For how many seconds a question lets a call go: ten minutes.

        Only where the rate does not let a call follow its question within that, longer.
        """
        return ask_life(self.limits)

    @property
    def intents_ahead(self) -> int:
        """How many calls are made durable before their turn: a few seconds' worth.

        A group costs one commit, so more is cheaper; but after a crash each of them is in doubt.
        """
        soon = math.ceil(self.limits.rate.per_second * AHEAD_SECONDS)
        return max(self.workers, min(MOST_INTENTS_AHEAD, soon))

    @property
    def asked_ahead(self) -> int:
        """How many items may be under way from their question on.

        A fast run needs some more than its intents, so that questions are answered while it
        sends; a slow one has none of them to spare, since a question grows old.
        """
        soon = math.ceil(self.limits.rate.per_second * ASKED_AHEAD_SECONDS)
        return max(self.intents_ahead, min(MOST_ASKED_AHEAD, soon))

    @property
    def asked_at_speed(self) -> int:
        """How many items may be so where they leave as fast as the rate lets them.

        A question's round trip, its turn and two commits lie between its wave and the calls of it.
        """
        soon = math.ceil(self.limits.rate.per_second * ASKED_AT_SPEED_SECONDS)
        return min(MOST_ASKED_AT_SPEED, soon)
