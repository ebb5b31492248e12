"""The nouns: frozen values that every room shares and none of them owns."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum

EMULATOR = "emulator"  # the reserved name, and host, of the built-in tenant
ACCOUNT_ID = re.compile(r"[0-9a-f]{32}")


class Outcome(StrEnum):
    """What an item has come to, in the words of the report."""

    INVOICED = "invoiced"
    ALREADY_INVOICED = "already_invoiced"
    NOTHING_TO_BILL = "nothing_to_bill"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_ATTEMPTED = "not_attempted"

    @property
    def success(self) -> bool:
        """Whether an invoice is known to exist."""
        return self in (Outcome.INVOICED, Outcome.ALREADY_INVOICED)

    @property
    def settled(self) -> bool:
        """Whether a run has nothing left to do here.

        A later run still asks about what zbatch did not invoice itself: `already_invoiced` is sent
        once its invoice is gone, and `nothing_to_bill` may have been invoiced since.
        """
        return self in (
            Outcome.INVOICED,
            Outcome.ALREADY_INVOICED,
            Outcome.NOTHING_TO_BILL,
            Outcome.FAILED,
        )


class ExitCode(IntEnum):
    """The exit codes of the command line, `docs/exit-codes.md`."""

    OK = 0
    FAILURES = 1
    REFUSED = 2
    UNKNOWN = 3
    STOPPED = 4
    NO_MATCH = 5
    CANNOT_START = 6
    INTERNAL = 70
    HANGUP = 129
    INTERRUPTED = 130
    TERMINATED = 143


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """What makes an item the same item within one tenant: billed twice means twice for this."""

    account_id: str
    target_date: date
    revision: int = 1

    def __post_init__(self) -> None:
        if not ACCOUNT_ID.fullmatch(self.account_id):
            raise ValueError("an account ID is 32 lower-case hexadecimal characters")
        if self.revision < 1:
            raise ValueError("a revision counts from 1")

    def __str__(self) -> str:
        revision = f" revision {self.revision}" if self.revision > 1 else ""
        return f"{self.account_id} {self.target_date.isoformat()}{revision}"


@dataclass(frozen=True, slots=True)
class Item:
    """One account for one target date: the unit of everything.

    `invoice_date` and `charges` are payload: they do not take part in the identity.
    """

    identity: Identity
    invoice_date: date
    charges: Charges
    source: Source
    reason: str | None = None
    account_number: str | None = None


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
class MetRule:
    """A rule under `stop` that is met: what it has come to, its limit, where the spec has it.

    `value` and `limit` of the deadline are seconds.
    """

    rule: str
    value: float
    limit: float
    source: Source | None
    message: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """The names of the environment variables that hold the OAuth client; never their values."""

    client_id_env: str
    client_secret_env: str


@dataclass(frozen=True, slots=True)
class Tenant:
    """A named Zuora endpoint; `base_url` has no path and no trailing slash.

    `host` is canonical: lower case, without the scheme's default port. Ledger, lock and keys go
    by `host` and `entity_id`, so two names for one host are one tenant.
    """

    name: str
    base_url: str
    host: str
    credentials: Credentials
    entity_id: str | None = None
    wsdl_version: int = 79

    @property
    def embedded(self) -> bool:
        """Whether this is the built-in emulator, which has an address only while it runs."""
        return self.host == EMULATOR

    @property
    def folder(self) -> str:
        """The name of the tenant's folder in the state folder."""
        host = self.host.replace(":", "_")
        return f"{host}-{self.entity_id}" if self.entity_id else host


@dataclass(frozen=True, slots=True)
class DatePair:
    """One entry of a `dates` list; the spec may leave `invoice_date` to the target date."""

    target_date: date
    invoice_date: date


@dataclass(frozen=True, slots=True)
class Account:
    """One entry of `accounts`; `dates` is None where the spec's own dates hold."""

    account_id: str
    source: Source
    dates: tuple[DatePair, ...] | None = None
    reason: str | None = None
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Spec:
    """A spec as reviewed, checked once at the door and trusted from there on.

    `file` is the path as the person gave it, `digest` the SHA-256 of its bytes in hexadecimal.
    `tenant_source` is where it names the tenant. `stages` are numbers of items after which a
    person looks, the last of them None for the rest.
    """

    name: str
    tenant: str
    accounts: tuple[Account, ...]
    dates: tuple[DatePair, ...]
    charges: Charges
    limits: Limits
    max_attempts: int
    file: str
    digest: str
    settling: Settling = field(default_factory=Settling)
    tenant_source: Source | None = None
    stop: StopRules = field(default_factory=StopRules)
    stages: tuple[int | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The ordered items of a spec, and how they are grouped into calls.

    `groups` holds positions in `items`; a group never has one account twice. `digest` is a
    SHA-256 in hexadecimal over all that decides what is billed where.
    """

    spec: Spec
    tenant: Tenant
    items: tuple[Item, ...]
    groups: tuple[tuple[int, ...], ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as told to people: a code to look up and a sentence; never a secret."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Call:
    """One generate call: its items by position, under one key.

    `body` is the request before compression and `wire` the very bytes to send; a resend sends
    these bytes again and never builds them anew.
    """

    items: tuple[Item, ...]
    generation: int
    key: str
    body: bytes
    wire: bytes


@dataclass(frozen=True, slots=True)
class Attempt:
    """One send of a call, as the ledger keeps it.

    `answer` is the kind of reply in the words of `zbatch.engine.verdict`, or None while none is
    recorded: such an attempt makes its key doubtful. `sent` is False only on proof. Times are
    wall-clock UTC; `server_date` is the reply's own `Date`.
    """

    number: int
    started_at: datetime
    track_id: str
    answer: str | None = None
    sent: bool = True
    finished_at: datetime | None = None
    server_date: datetime | None = None
    http_status: int | None = None
    request_id: str | None = None
    token: int | None = None
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """What the ledger holds of one item: one line of the report before it is written down."""

    item: Item
    outcome: Outcome
    invoice_id: str | None = None
    invoice_ids: tuple[str, ...] = ()
    error: Problem | None = None
    http_status: int | None = None
    attempts: int = 0
    idempotency_key: str | None = None
    track_id: str | None = None
    request_id: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    run_id: str | None = None

    def __post_init__(self) -> None:
        if self.outcome.success and not self.invoice_id:
            raise ValueError("a success carries the invoice ID that the server gave")


class KeyState(StrEnum):
    """What the ledger knows of an item's key."""

    LIVE = "live"  # may be sent again
    SETTLED = "settled"  # its effect is known
    BURNT = "burnt"  # never sent again; only the tenant's own data can settle it


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice as the tenant shows it; fields that a query left out are None.

    `amount` is text as the tenant wrote it, never a float.
    """

    id: str
    account_id: str
    status: str
    target_date: date | None = None
    number: str | None = None
    source: str | None = None
    amount: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft invoice of an account, as far as it tells whether something was appended to it."""

    id: str
    amount: str | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the tenant showed for an item before the first send of its key."""

    asked_at: datetime
    invoice_ids: tuple[str, ...]
    drafts: tuple[Draft, ...]


class IfAbsent(StrEnum):
    """What becomes of an item whose burnt key turns out to have created nothing."""

    RENEW = "renew"
    RENEW_TWICE = "renew_twice"  # the server did not say what it did: at most two such renewals
    FAIL = "failed"
    NOTHING = "nothing_to_bill"


@dataclass(frozen=True, slots=True)
class Send:
    """An attempt about to leave; recorded before its first byte does."""

    call: Call
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Effect:
    """What an answered attempt means for one item of its call.

    `record` is given where the item has its outcome; a settled key without one is renewed.
    `evidence` says in a few words why the key is settled or burnt, `if_absent` what follows once
    a question has shown that a burnt key created nothing.
    """

    state: KeyState
    evidence: str
    record: ItemRecord | None = None
    if_absent: IfAbsent | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """An attempt with its answer; `effects` has one entry an item of the call, by position."""

    call: Call
    attempt: Attempt
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a question to the tenant has shown of one item.

    `key` names the item's key that `effect` settles or burns; without it the item never had an
    unsettled one. A `baseline` takes the place of an older one.
    """

    item: Item
    baseline: Baseline | None = None
    key: str | None = None
    effect: Effect | None = None
    rests_until: datetime | None = None
    reopen: bool = False  # what was already invoiced before is not there any more


@dataclass(frozen=True, slots=True)
class Trail:
    """What the ledger keeps of an item beside its keys: all that a question is held against.

    `credited` are the invoice IDs credited to other dates of the account and to lower revisions;
    `renewals` counts the item's keys that were renewed after the server had not said what it did;
    `if_absent` is that of its unsettled key.
    """

    baseline: Baseline | None = None
    credited: frozenset[str] = frozenset()
    renewals: int = 0
    if_absent: IfAbsent | None = None
    lower_settled_at: datetime | None = None
    rests_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call in the ledger whose key is not settled for at least one of its items.

    `states` and `trails` stand by the position of `call.items`. `settle` is how long, in seconds,
    the runs that sent it wanted it to rest.
    """

    call: Call
    attempts: tuple[Attempt, ...]
    states: tuple[KeyState, ...]
    trails: tuple[Trail, ...]
    settle: float = 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger holds of one planned item before a run.

    `record` is there once the item has an outcome; `call` while a key of it is not settled.
    `generation` is the one that its next new key would carry. `payload_changed` tells that the
    plan now asks for another invoice date or other charges than what the ledger holds. `earlier`
    are dates of the account, of whichever spec, that may hold this one back. `lower` is the
    outcome of the next lower revision, `later_invoiced` the account's first later target date
    that is `invoiced`, or this very date where a higher revision is.
    """

    item: Item
    record: ItemRecord | None
    call: OpenCall | None
    generation: int
    attempts: int
    payload_changed: bool
    trail: Trail = Trail()
    earlier: tuple[Earlier, ...] = ()
    lower: Outcome | None = None
    later_invoiced: date | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier target date of the same account that is failed or has an unsettled key.

    A failure counts only while no later date or revision is invoiced.
    """

    item: Item
    outcome: Outcome | None
    call: OpenCall | None


@dataclass(frozen=True, slots=True)
class Totals:
    """How many items came to what."""

    planned: int
    counts: dict[Outcome, int] = field(default_factory=dict)

    def __getitem__(self, outcome: Outcome) -> int:
        return self.counts.get(outcome, 0)

    @property
    def add_up(self) -> bool:
        """Whether the outcomes sum up to what was planned."""
        return sum(self.counts.values()) == self.planned
