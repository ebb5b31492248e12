"""What a history is made of: plain data, drawn before anything is played."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from support.engine import item
from support.world_net import Crowd, Telling, Trouble
from zbatch.emulator import Modes, Scheduled
from zbatch.emulator.book import BookAccount
from zbatch.engine.stages import Choice
from zbatch.model import Item, Limits, Rate, Settling, StopRules

HOUR = 3600.0
SETTLE = 2 * HOUR  # longer than the longest execution, delay and read lag that is drawn


@dataclass(frozen=True, slots=True)
class Start:
    """One process on a machine, `after` seconds; it dies at its n-th edge, if it gets there."""

    host: str = "one"
    reconcile: bool = False
    die_at: int | None = None
    retry_failed: bool = False
    retry_nothing: bool = False
    after: float = 0.0
    signals: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Round:
    """Processes that run at once, each on a machine of its own."""

    starts: tuple[Start, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Time passes."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Shift:
    """A machine's clock is wrong by so many hours from here on."""

    host: str
    hours: float


@dataclass(frozen=True, slots=True)
class Lose:
    """A machine's ledger is thrown away."""

    host: str


@dataclass(frozen=True, slots=True)
class Bill:
    """A person bills the item at a position in the tenant, where no invoice of it is there."""

    position: int


@dataclass(frozen=True, slots=True)
class Edit:
    """From here on the spec has another invoice date for the items at these positions alone.

    What a run would refuse is put back before it, as the refusal tells people to.
    """

    positions: tuple[int, ...]


Step = Round | Wait | Shift | Lose | Bill | Edit


@dataclass(frozen=True, slots=True)
class Policy:
    """When the spec has its runs stop, and what a person says at the looks, one after the other.

    Once nothing is left to say nobody is there, so that each run goes one stage further.
    """

    stop: StopRules = field(default_factory=StopRules)
    stages: tuple[int | None, ...] = ()
    looks: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Narrowing:
    """How many requests the tenant takes at once, from so many seconds of the history on.

    Without `told` no reply tells of it. A limit that moves is what others in the tenant leave.
    """

    limits: tuple[tuple[float, int], ...] = ()
    told: bool = True


@dataclass(frozen=True, slots=True)
class Pressing:
    """What the tenant lets all of its clients send, and who else is there.

    `changes` are other rates from so many seconds on, and `steps` what the clock of the first
    machine is moved by then, in seconds: also while it runs.
    """

    rates: tuple[Rate, ...] = ()
    crowd: Crowd = field(default_factory=Crowd)
    changes: tuple[tuple[float, tuple[Rate, ...]], ...] = ()
    steps: tuple[tuple[float, float], ...] = ()

    @property
    def held(self) -> tuple[Rate, ...]:
        """The rates that runs can and must keep to: those that are told, if a second late."""
        return () if self.crowd.telling is Telling.NOTHING else self.rates

    @property
    def held_for(self) -> float:
        """For how many seconds they are the same."""
        return min((after for after, _ in self.changes), default=inf)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One history; the same scenario is always played in the same way.

    `calls` and `questions` name the requests, counted over all machines from 1, that meet a
    trouble on the way; `mishaps` are the tenant's own, `narrowing` is what it takes at once, and
    a token is had after `log_in` seconds. Once the steps are played, nothing goes wrong any more.
    """

    family: str
    seed: int
    items: tuple[tuple[int, int], ...]  # account number and day
    accounts: tuple[tuple[int, BookAccount], ...]
    modes: Modes
    limits: Limits
    settling: Settling
    policy: Policy = field(default_factory=Policy)
    narrowing: Narrowing = field(default_factory=Narrowing)
    pressing: Pressing = field(default_factory=Pressing)
    log_in: float = 0.0
    calls: tuple[tuple[int, Trouble], ...] = ()
    questions: tuple[tuple[int, Trouble], ...] = ()
    mishaps: tuple[Scheduled, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def hosts(self) -> list[str]:
        """The machines that take part, in the order of their first start."""
        return list(dict.fromkeys(start.host for start in starts_of(self.steps)))

    def planned(self) -> tuple[Item, ...]:
        """Give the items of the one spec."""
        return tuple(item(number, day) for number, day in self.items)


def starts_of(steps: Iterable[Step]) -> list[Start]:
    """Give all processes of some steps."""
    return [start for step in steps if isinstance(step, Round) for start in step.starts]
