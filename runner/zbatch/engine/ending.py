"""What an engine ends with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from zbatch.engine.pacing import Flow
from zbatch.model import Item, ItemRecord, MetRule


class StopReason(StrEnum):
    """Why a run ends before its items do."""

    INTERRUPTED = "interrupted"
    CREDENTIALS = "credentials"
    CERTIFICATE = "certificate"
    UNREACHABLE = "unreachable"
    MISDIRECTED = "misdirected"
    LIMIT = "limit"
    OUTAGE = "outage"  # most calls fail, whatever they are for
    DISK = "disk"
    QUESTION = "question"  # the tenant does not answer what is there
    INTERNAL = "internal"
    RULE = "rule"  # the spec's own, under `stop`
    STAGE = "stage"  # the next stage waits for the next run
    UNSEEN = "unseen"  # nobody has looked at the last stage


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a run ended early, in a word and in a sentence; `rule` is the spec's own that is met."""

    reason: StopReason
    message: str
    rule: MetRule | None = None


class PlacesUsed(NamedTuple):
    """How many requests were in flight at once, at most, and how many may be at the end."""

    peak: int
    last: int


@dataclass(frozen=True, slots=True)
class Ending:
    """How the sending went: what stopped it, how many calls left, which items had to wait.

    From `settles_at` on another run can settle all that this one left in doubt for its rest.
    """

    stop: Stop | None
    sent: int
    blocked: tuple[tuple[Item, Item], ...]  # the item that was not sent, and the one before it
    abandoned: tuple[Item, ...]  # in flight when a second signal came
    left: tuple[ItemRecord, ...] = ()  # unknown or not attempted, with the reason
    asked: int = 0  # requests that were questions
    settles_at: datetime | None = None
    places: PlacesUsed | None = None
    flow: Flow = field(default_factory=Flow)
