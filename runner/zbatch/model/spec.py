"""What people write and review: the spec, and all that it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from zbatch.model.values import value

if TYPE_CHECKING:
    from zbatch.model.accounts import Account, AccountFile, Exclusion, Expect


@value(frozen=True, slots=True)
class Source:
    """Where the reviewed text says it: `line` and `column` count from 1."""

    file: str
    line: int
    column: int = 1


@dataclass(frozen=True, slots=True)
class Charges:
    """Which kinds of charges an invoice takes in."""

    one_time: bool = True
    recurring: bool = True
    usage: bool = True

    def include(self, others: Charges) -> bool:
        """Tell whether an invoice of these takes in all that one of the others would."""
        return (
            self.one_time >= others.one_time
            and self.recurring >= others.recurring
            and self.usage >= others.usage
        )


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `calls` calls in each `seconds` seconds."""

    calls: int
    seconds: float

    def __post_init__(self) -> None:
        if self.calls < 1 or self.seconds <= 0:
            raise ValueError("a rate is at least one call in a positive time")

    @property
    def per_second(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds

    def __str__(self) -> str:
        units = {1.0: "s", 60.0: "min", 3600.0: "h"}
        return f"{self.calls}/{units.get(self.seconds, f'{self.seconds:g}s')}"


@dataclass(frozen=True, slots=True)
class Limits:
    """How hard a run may press: calls in flight, calls a time, objects a call, seconds a call."""

    concurrency: int
    rate: Rate
    objects_per_call: int
    timeout: float


@dataclass(frozen=True, slots=True)
class Settling:
    """How a doubtful key is settled by question, in seconds.

    It rests `settle` after its last send before the tenant is asked; a run waits for that at
    most `wait` once everything else is done.
    """

    settle: float = 3600.0
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class StopRules:
    """When a run stops itself, each rule at the number that it names; None is no rule.

    `failure_ratio` is looked at once `min_sample` items are invoiced or failed, `deadline` is in
    seconds. `places` names for each rule where the spec has it.
    """

    failures: int | None = None
    failure_ratio: float | None = None
    min_sample: int = 50
    unknown: int | None = None
    consecutive_failures: int | None = None
    deadline: float | None = None
    places: tuple[tuple[str, Source], ...] = ()


@dataclass(frozen=True, slots=True)
class DatePair:
    """One entry of a `dates` list; the spec may leave `invoice_date` to the target date."""

    target_date: date
    invoice_date: date


@dataclass(frozen=True, slots=True)
class Spec:
    """A spec as reviewed, checked once at the door and trusted from there on.

    `file` is the path as the person gave it, `digest` the SHA-256 of its bytes in hexadecimal.
    `tenant_source` is where it names the tenant, `limit_sources` where it writes which of its
    limits: the others are defaults. `lowered` are the limits that its tenant's ceilings lowered,
    `tightened` those that the command line has.
    `period` is a month written YYYY-MM; `stages` are numbers of items
    after each of which a person looks, None for all that is left.
    `files` holds every list that it names, in the order of the text.
    """

    name: str
    tenant: str
    accounts: Sequence[Account]
    dates: tuple[DatePair, ...]
    charges: Charges
    limits: Limits
    max_attempts: int
    file: str
    digest: str
    settling: Settling = field(default_factory=Settling)
    tenant_source: Source | None = None
    limit_sources: Mapping[str, Source] = field(default_factory=dict)
    lowered: tuple[str, ...] = ()
    tightened: tuple[str, ...] = ()
    stop: StopRules = field(default_factory=StopRules)
    period: str | None = None
    timezone: str | None = None
    exclusions: tuple[Exclusion, ...] = ()
    expect: Expect | None = None
    stages: tuple[int | None, ...] = ()
    files: tuple[AccountFile, ...] = ()
