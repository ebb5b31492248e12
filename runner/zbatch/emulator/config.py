"""How an emulated tenant is set up: where it lives, its limits, and which reading it plays."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from zbatch.emulator.schedule import Scheduled
from zbatch.model import Rate


class Stored(StrEnum):
    """Which replies are kept under an idempotency key; the pages leave it open."""

    EXECUTED = "executed"  # only replies given after the key was looked at
    ALL = "all"  # the gateway's 401, 429 and 504 too


class Conflict(StrEnum):
    """What the second use of a key meets; two pages tell different stories about 409."""

    EMPTY = "empty"  # 409 only while in progress, then the stored reply as it was
    ROWS = "rows"  # once done, 409 carrying the original rows
    UNSEEN = "unseen"  # in progress, the key is not known yet: the account's lock is what it meets


class SecondGenerate(StrEnum):
    """What a generate does for an account already billed through the target date."""

    NOTHING_TO_BILL = "nothing_to_bill"
    BILLS_AGAIN = "bills_again"  # unguarded: nothing but the caller's keys protects the customer


class OtherBody(StrEnum):
    """What another body under a known key meets; the guide and the samples disagree."""

    REPLAY = "replay"  # the stored reply, whatever was asked
    REFUSE = "refuse"  # 422


class ReplayDate(StrEnum):
    """Which `Date` a replayed answer bears; no page says it."""

    NOW = "now"  # that of the replay
    FIRST = "first"  # that with which the answer was first given


class Drafts(StrEnum):
    """Where the items of a further generate go."""

    SEPARATE = "separate"  # into an invoice of their own
    APPENDED = "appended"  # into the account's open Draft, whose ID is returned again


class SourceField(StrEnum):
    """Whether `Invoice.Source` can be queried: it is a field of controlled release."""

    PRESENT = "present"
    ABSENT = "absent"


class CurrencyField(StrEnum):
    """Whether `Invoice.Currency` can be queried, by a WSDL version that has it."""

    PRESENT = "present"
    ABSENT = "absent"


class TaxFields(StrEnum):
    """Whether a tenant tells of the tax of an invoice, to a WSDL version that asks for it."""

    PRESENT = "present"
    ABSENT = "absent"


class Temporary(StrEnum):
    """What an unfinished invoice is called; the page speaks of a temporary one that is deleted."""

    NONE = "none"  # by its own number, from the beginning
    OWN = "own"  # by a temporary number, until it gets its own
    BESIDE = "beside"  # by its own, and a temporary one with another ID stands beside it


@dataclass(frozen=True, slots=True)
class Modes:
    """Which reading of the documentation the tenant plays where two are possible.

    `read_lag` and `generating` are seconds after an invoice arose: until when no query shows it,
    and until when its status reads `Generating`. With `evict_after` every n-th look-up of a key
    that is kept finds it forgotten before its time.
    """

    stored: Stored = Stored.EXECUTED
    conflict: Conflict = Conflict.EMPTY
    second_generate: SecondGenerate = SecondGenerate.NOTHING_TO_BILL
    other_body: OtherBody = OtherBody.REPLAY
    replay_date: ReplayDate = ReplayDate.NOW
    drafts: Drafts = Drafts.SEPARATE
    source_field: SourceField = SourceField.PRESENT
    currency_field: CurrencyField = CurrencyField.PRESENT
    tax_fields: TaxFields = TaxFields.PRESENT
    temporary: Temporary = Temporary.NONE
    read_lag: float = 0.0
    generating: float = 0.0
    evict_after: int | None = None


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What the tenant allows; times in seconds, defaults from the page "Rate limits".

    A token says it expires a second before `token_life` is over, as Zuora's do.
    """

    rates: tuple[Rate, ...] = (Rate(50_000, 60.0),)
    concurrency: int = 40
    token_rate: Rate = Rate(100, 60.0)
    token_life: float = 3600.0
    key_life: float = 86_400.0
    cut_off: float = 120.0


@dataclass(frozen=True, slots=True)
class EmulatorConfig:
    """One emulated tenant.

    Without a `book` every well-formed account ID exists, is active and has charges due, and each
    row takes `latency` seconds. A query takes `query_latency` and shows `page` records at most.
    `port` 0 is any free port. With `entities` the header `Zuora-Entity-Ids` must name one of them.
    The default credentials are no secret: the emulator listens on loopback only. The same `seed`
    and history give the same IDs. `faults` can be switched while the emulator runs.
    """

    data_dir: Path
    book: Path | None = None
    client_id: str = "emulator"
    client_secret: str = field(default="emulator", repr=False)
    limits: ServerLimits = ServerLimits()
    modes: Modes = Modes()
    port: int = 0
    latency: float = 0.02
    query_latency: float = 0.0
    page: int = 2000
    entities: tuple[str, ...] = ()
    seed: int = 0
    faults: tuple[Scheduled, ...] = ()
