"""The figures of a run at one moment, as everybody shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from zbatch.engine.events import Hold
from zbatch.model import Outcome


class LimitBy(StrEnum):
    """Who says how many requests may leave a second."""

    SPEC = "spec"
    DEFAULT = "default"
    TENANT = "tenant"  # a ceiling in tenants.yaml, or the quota of its kind
    FLAG = "flag"
    SERVER = "server"
    OUTAGE = "outage"
    RAMP = "ramp"  # the pace becomes whole again after a wait


@dataclass(frozen=True, slots=True)
class Oldest:
    """The call that has been in flight for longest, by its first account."""

    account: str
    seconds: float
    others: int = 0  # accounts in the same call


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is sent for so many more seconds, and why."""

    seconds: float
    reason: str
    hold: Hold


@dataclass(frozen=True, slots=True)
class Figures:
    """A run at one moment; `earlier` items were settled before it began.

    `rate` are the requests a second that have left lately, `limit` how many may, as `limit_by`
    says. `limited` counts the answers that told of a limit, `waited` are the seconds for which
    nothing was sent because of them. `left` is how many seconds the rest takes, if it goes on like
    that, `deadline` how many are left until the run's own ends it. `stopping` is why no further
    call starts. `open` items were sent and rest without an outcome: a run that ends now may leave
    them unknown.
    """

    planned: int = 0
    earlier: int = 0
    done: int = 0
    counts: Mapping[Outcome, int] = field(default_factory=dict)
    open: int = 0
    in_flight: int = 0
    allowed: int = 0
    requests: int = 0
    rate: float = 0.0
    limit: float = 0.0
    limit_by: LimitBy = LimitBy.SPEC
    limited: int = 0
    waited: float = 0.0
    wait: Wait | None = None
    speed: float = 0.0
    elapsed: float = 0.0
    left: float | None = None
    deadline: float | None = None
    oldest: Oldest | None = None
    stopping: str | None = None

    @property
    def percent(self) -> int:
        """How much of the plan is done; 100 only when all of it is."""
        return 100 * self.done // self.planned if self.planned else 100
