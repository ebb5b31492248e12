"""Draw what goes wrong on the way and in the tenant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from support.world_net import (
    LOST_ON_THE_WAY,
    NEVER_ANSWERED,
    REPLY_CUT,
    REPLY_LOST,
    SILENCE,
    TWICE,
    UNSENT,
    Trouble,
    gateway,
    late,
)
from zbatch.emulator import Drafts, Mishap, Scheduled
from zbatch.emulator.catalogue import CATALOGUE, fault
from zbatch.emulator.catalogue.known import Known
from zbatch.emulator.catalogue.misleading import MISLEADING
from zbatch.emulator.catalogue.stores import STORES
from zbatch.emulator.faults import GENERATE, QUERY, ToldBy

TROUBLES: Sequence[Trouble] = (
    UNSENT,
    LOST_ON_THE_WAY,
    NEVER_ANSWERED,
    REPLY_LOST,
    REPLY_CUT,
    SILENCE,
    TWICE,
    late(20.0),
    late(400.0),
    gateway(429, retry_after="120"),
    gateway(503, retry_after="5"),
    gateway(502),
    gateway(502, arrives=True),
    gateway(500),
    gateway(403),
    gateway(401),
)
MISHAPS: Sequence[Mishap] = (
    fault("row_error", code="LOCK_COMPETITION"),
    fault("row_error", code="LOCK_COMPETITION", rows=(0,)),
    fault("row_error", code="UNKNOWN_ERROR", executed=True),
    fault("row_error", code="UNKNOWN_ERROR"),
    fault("row_error", code="TRANSACTION_TERMINATED", executed=True),
    fault("row_error", code="REQUEST_EXCEEDED_RATE"),
    fault("row_error", code="ACCOUNTING_PERIOD_CLOSED"),
    fault("status", status=429, stored=True),
    fault("status", status=500, executed=True, stored=True),
    fault("status", status=500, stored=True),
    fault("status", status=401, stored=True),
    fault("status", status=400, stored=True),
    fault("status", status=504, executed=True),
)
# Those of the emulator's own faults that need no socket; the large ones only cost time.
APART = (*MISLEADING, *STORES)  # drawn from streams of their own
LEFT_OUT = ("deep", "long_integer", "gzip_bomb", *(known.name for known in APART))
CATALOGUED: Sequence[Known] = tuple(
    known
    for known in CATALOGUE.values()
    if known.random and {GENERATE, QUERY} & {*known.actions} and known.name not in LEFT_OUT
)


def met(
    random: Random, chosen: Sequence[Trouble], often: float, most: int
) -> tuple[tuple[int, Trouble], ...]:
    """Draw which requests meet which of the chosen troubles."""
    if not chosen:
        return ()
    return tuple(
        (number, random.choice(chosen)) for number in range(1, most) if random.random() < often
    )


def mishaps(
    random: Random, apart: Random, chosen: Sequence[Trouble], drafts: Drafts
) -> tuple[Scheduled, ...]:
    """Draw what goes wrong in a tenant, beside the chosen troubles on the way.

    Answers that prove nothing are drawn from a stream apart, for a part of the histories.
    """
    drawn = (
        *_all_the_time(random),
        *_for_some_time(random, CATALOGUED, [0, 0, 2, 5]),
        *_for_some_time(apart, MISLEADING, [0, 0, 0, 1, 2]),
    )
    return tuple(_fair(drawn, chosen, drafts))


def stored(random: Random, clock_errs: bool) -> tuple[Scheduled, ...]:
    """Draw answers from a store, for a part of the histories.

    Where a clock of ours is wrong, only those that tell their age: by its date alone the first one
    of a run may pass for one of now.
    """
    drawn = _for_some_time(random, STORES, [0, 0, 1])
    return tuple(one for one in drawn if not (clock_errs and _dated(one.mishap)))


def _dated(mishap: Mishap) -> bool:
    return mishap.store is not None and mishap.store.told_by is ToldBy.DATE


def _all_the_time(random: Random) -> Iterator[Scheduled]:
    """Draw a few mishaps of the tenant that happen all the time."""
    for mishap in random.sample(MISHAPS, random.randint(0, 3)):
        yield Scheduled(mishap, every=random.randint(2, 12))


def _for_some_time(
    random: Random, faults: Sequence[Known], counts: Sequence[int]
) -> Iterator[Scheduled]:
    """Draw a few of the faults that a user can rehearse, each for some time."""
    for known in random.sample(faults, random.choice(counts)):
        yield Scheduled(
            known.make(random.choice(known.random)),
            chance=random.choice([0.05, 0.2, 0.5]),
            action=random.choice([one for one in (GENERATE, QUERY) if one in known.actions]),
            times=random.randint(1, 20),
        )


def _fair(
    mishaps: Sequence[Scheduled], chosen: Sequence[Trouble], drafts: Drafts
) -> Iterator[Scheduled]:
    """Leave out what no client can see through.

    That is a refusal of which the server keeps nothing where calls are delivered twice unseen: it
    would hit one copy alone. And a question that does not show a young draft yet where the next
    call is appended to it.
    """
    for one in mishaps:
        forgotten = one.mishap.before or not (one.mishap.executed or one.mishap.stored)
        halved = TWICE in chosen and forgotten
        hidden = drafts is Drafts.APPENDED and bool(one.mishap.lag or one.mishap.generating)
        if not (halved or hidden):
            yield one
