"""What a history has left behind, as plain values: all that the checker looks at.

Times are epoch seconds by the tenant's clock, dates are ISO text. Where nobody could tell a time,
it is None, and what hangs on it is not held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

Item = tuple[str, str, int]  # account ID, target date, revision
Line = Mapping[str, Any]  # a line of report.jsonl

GENERATE = "/v1/action/generate"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that has reached the tenant; it was done with it at `done`.

    `content` is its body without compression. What is `turned_away` came with a dead token, and
    is counted in no window.
    """

    number: int
    at: float
    path: str
    key: str | None
    track: str | None
    content: bytes
    done: float | None = None
    turned_away: bool = False


@dataclass(frozen=True, slots=True)
class Execution:
    """One time that an account was billed; without a key it was not by a call of ours."""

    at: float
    key: str | None
    account: str
    target: str
    invoice: str
    appended: bool = False
    arrival: int | None = None


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice that exists or has existed; one that was deleted or cancelled does not stand.

    `made` is under which key and when, None where that is not known.
    """

    id: str
    account: str
    target: str
    stands: bool = True
    made: tuple[str | None, float] | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """One key of one item in a ledger; `settled` is when the ledger came to hold that it is."""

    key: str
    item: Item
    generation: int
    state: str
    evidence: str | None
    content: bytes
    settled: float | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One intent in a ledger, and when it became durable."""

    key: str
    track: str
    durable: float | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """One ledger; `outcomes` holds the outcome and invoice of each item that has one.

    One that was thrown away is another ledger than what came in its place.
    """

    name: str
    keys: Sequence[Key] = ()
    attempts: Sequence[Attempt] = ()
    outcomes: Mapping[Item, tuple[str, str | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pressure:
    """The limits in force for a run: requests in flight, and requests in so many seconds."""

    concurrency: int = 1_000_000
    calls: int = 1_000_000
    seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Run:
    """One process: its plan, its report, its run record.

    `code` is None for one that died; then `lines` are those it had written by then.
    """

    ledger: str
    started: float
    ended: float
    planned: Sequence[Item]
    lines: Sequence[Line]
    record: Mapping[str, Any] = field(default_factory=dict)
    code: int | None = None
    pressure: Pressure = Pressure()

    @property
    def duplicates(self) -> int:
        """How many items it says more than one invoice counts for, if it was to bill them."""
        seen = self.record.get("read_back") or {"findings": {}}
        if self.record.get("verb") == "reconcile":
            return 0
        return int(seen["findings"].get("duplicate", 0))


@dataclass(frozen=True, slots=True)
class Trip:
    """One request of the run at a position in `Evidence.runs`, as its network saw it.

    `back` is when the caller had its reply or had given up; `wait` is the Retry-After that it
    brought, in seconds.
    """

    run: int
    left: float
    back: float
    wait: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of a history.

    `windows` are how many requests the tenant takes in so many seconds, and until when, where runs
    can know that.
    `lag` is for how long an invoice may not be readable after it arose, `anonymous` that the tenant
    does not tell who made one, so that what a person billed may be claimed. `allowed` names items
    that our calls may bill more than once: what no client can rule out. `due` are accounts that the
    tenant bills whenever it is asked to. `outputs` are all bytes that anybody may read, by name,
    and `secrets` what none of them may hold.
    """

    arrivals: Sequence[Arrival] = ()
    executions: Sequence[Execution] = ()
    invoices: Sequence[Invoice] = ()
    ledgers: Sequence[Ledger] = ()
    runs: Sequence[Run] = ()
    trips: Sequence[Trip] = ()
    windows: Sequence[tuple[int, float, float]] = ()
    lag: float = 0.0
    anonymous: bool = False
    allowed: Mapping[Item, int] = field(default_factory=dict)
    due: Set[str] = frozenset()
    outputs: Mapping[str, bytes] = field(default_factory=dict)
    secrets: Sequence[bytes] = ()
