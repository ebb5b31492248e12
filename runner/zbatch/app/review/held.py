"""What the tenant's ledger holds of a plan already, read without its lock."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING

from zbatch.app.altered import MOST_NAMED, Altered, altered
from zbatch.app.clock import SystemClock
from zbatch.app.doubt import in_doubt
from zbatch.app.outstanding import ASKED_AGAIN, Wish, is_worked_on, waits_for
from zbatch.app.review.calls import AGAIN, NEW, NOTHING, calls_left, calls_of, ready_calls
from zbatch.app.review.counts import pairs_of
from zbatch.app.review.in_turn import InTurn
from zbatch.app.runs import to_bill
from zbatch.errors import CannotStart
from zbatch.model import Identity, Item, OpenCall, Outcome, Plan, Standing, Trail

if TYPE_CHECKING:
    from zbatch.app.status import Status
    from zbatch.ledger.glance import Glance

PLAIN = Wish()  # a run that is asked for nothing more


@dataclass(frozen=True, slots=True)
class Held:
    """How many items of a plan the ledger holds as what; all others are to be sent.

    `held_back` waits for an earlier date of its account, and is not sent. `missed` counts those
    whose outcome stands until another look, since the last one did not show their invoice, or only
    one that was still to come: they may be billed again. `changed` counts those
    invoiced, or sent and not settled, for which the plan asks another invoice date or other
    charges: a run refuses them, of which `altered` has the first. `runs` have carried out this
    very plan, the latest last. `in_turn` is of what is to be sent, None where no ledger was read.
    `unread` says why the ledger could not be read; the counts are then empty. `retries` counts what
    has failed and is sent by a run that is asked to try that again as well. `calls` are those of
    what is to be sent, None where it is all of the plan; of its items so many as `by_number` says
    are not looked up, and the ledger was not asked about them, and so many as `behind` says are of
    accounts in doubt, and not sent before that is settled. `at_work` is the run that holds the
    ledger's lock, where one does; of what is in doubt so many as `under_way` says are of its calls
    and have no answer so far.
    """

    counts: Mapping[Outcome, int] = field(default_factory=dict)
    to_send: int = 0
    changed: int = 0
    runs: tuple[str, ...] = ()
    unread: str | None = None
    held_back: int = 0
    in_turn: InTurn | None = None
    altered: tuple[Altered, ...] = ()
    missed: int = 0
    retries: int = 0
    calls: int | None = None
    by_number: int = 0
    behind: int = 0
    at_work: Status | None = None
    under_way: int = 0

    @property
    def again(self) -> int:
        """How many items are only asked about again, since others may have changed them."""
        return sum(self.counts.get(one, 0) for one in ASKED_AGAIN)

    @property
    def unsure(self) -> int:
        """How many items are in doubt."""
        return self.counts.get(Outcome.UNKNOWN, 0)

    @property
    def work(self) -> bool:
        """Whether something is left: to send, to settle, to look for, or held back by another."""
        return self.to_send + self.unsure + self.held_back + self.missed > 0


def held(plan: Plan, items: int, folder: Path, wish: Wish = PLAIN) -> Held:
    """Read what the ledger in a folder holds of a plan; where there is none, it holds nothing.

    Of `items` those whose accounts are not looked up yet count as to send, and so does what a run
    is to try again by a `wish`.
    """
    if not folder.exists():
        return Held(to_send=items)
    # Loaded here, because a first plan has no ledger to read.
    from zbatch.app.beside import read_beside

    try:
        found, at_work, same = read_beside(
            folder, SystemClock(), lambda ledger, called: _read(plan, items, ledger, wish, called)
        )
    except CannotStart as error:
        return Held(to_send=items, unread=str(error))
    if found is None:
        return Held(to_send=items)
    found = replace(found, runs=tuple(to_bill(folder.parent, found.runs)))
    return replace(found, at_work=at_work, under_way=found.under_way if same else 0)


def unsettled(plan: Plan, folder: Path) -> Iterator[tuple[Item, Trail]]:
    """Give the items that the next run sends or asks about again, with what the ledger knows.

    A ledger that cannot be read holds nothing: all are given.
    """
    found: list[tuple[Item, Trail]] | None = None
    if folder.exists():
        from zbatch.ledger.glance import glance

        with suppress(CannotStart):
            found = glance(folder, lambda ledger: list(_unsettled(ledger.standings(plan.items))))
    return ((item, Trail()) for item in plan.items) if found is None else iter(found)


def _unsettled(standings: Iterable[Standing]) -> Iterator[tuple[Item, Trail]]:
    for standing in standings:
        outcome = _outcome(standing, PLAIN)
        if outcome is None or outcome in ASKED_AGAIN:
            yield standing.item, standing.trail


def _read(plan: Plan, items: int, ledger: Glance, wish: Wish, called: frozenset[Identity]) -> Held:
    counting = _Counting(wish, called)
    for _, standings in groupby(ledger.standings(plan.items), key=_account):
        counting.take(tuple(standings))
    runs = (run.id for run in ledger.runs() if run.plan_digest == plan.digest)
    by_number = items - len(plan.items)
    found = counting.held(plan)
    return replace(found, to_send=found.to_send + by_number, by_number=by_number, runs=tuple(runs))


class _Counting:
    """Counts what a ledger holds of a plan, an account at a time and in the plan's order."""

    def __init__(self, wish: Wish, called: frozenset[Identity]) -> None:
        self._wish = wish
        self._called = called
        self._counts: Counter[Outcome] = Counter()
        self._to_send = self._held_back = self._changed = 0
        self._missed = self._retries = self._under_way = self._behind = 0
        self._left = bytearray()  # of each item, as `calls_left` reads it
        self._ready: dict[str, list[OpenCall]] = {}
        self._first: list[Altered] = []
        self._each = array("I")  # how many items of each account are sent or settled

    def take(self, of_account: Sequence[Standing]) -> None:
        """Count all items of an account."""
        worked_on = _worked_on(of_account, self._wish)
        self._retries += _retries(of_account, self._wish)
        unsure, sent = self._counts[Outcome.UNKNOWN], self._to_send
        for standing in of_account:
            self._left.append(self._take(standing, worked_on))
            if change := altered(standing):
                self._changed += 1
                self._first += [change] if self._changed <= MOST_NAMED else []
        unsure, sent = self._counts[Outcome.UNKNOWN] - unsure, self._to_send - sent
        self._behind += sent if unsure else 0
        self._each.append(sent + unsure)

    def _take(self, standing: Standing, worked_on: set[Identity]) -> int:
        """Count an item, and tell what is left of it to be sent under a new key."""
        outcome = _outcome(standing, self._wish)
        if outcome is not None:
            self._counts[outcome] += 1
            unsure = outcome is Outcome.UNKNOWN
            self._under_way += unsure and standing.item.identity in self._called
            self._missed += outcome in ASKED_AGAIN and standing.trail.rests_until is not None
            return NOTHING
        if waits_for(standing, worked_on):
            self._held_back += 1
            return NOTHING
        self._to_send += 1
        if standing.call:
            self._ready.setdefault(standing.call.call.key, []).append(standing.call)
            return NOTHING
        return AGAIN if _was_tried(standing) else NEW

    def held(self, plan: Plan) -> Held:
        """Tell what it has come to; what is not looked up yet is in turn and in calls, too."""
        limits = plan.spec.limits
        unresolved = [len(pairs_of(plan.spec, named)) for named in plan.unresolved]
        whole = self._left.count(NEW) == len(plan.items)
        calls = calls_left(plan, self._left) + calls_of(unresolved, limits.objects_per_call)
        return Held(
            self._counts,
            self._to_send,
            self._changed,
            held_back=self._held_back,
            in_turn=InTurn.of(chain(self._each, unresolved), limits),
            altered=tuple(self._first),
            missed=self._missed,
            retries=self._retries,
            behind=self._behind,
            calls=None if whole else calls + ready_calls(self._ready.values()),
            under_way=self._under_way,
        )


def _was_tried(standing: Standing) -> bool:
    """Tell whether an item has had a key before, or rests: it has a call of its own then."""
    return standing.generation > 0 or standing.trail.rests_until is not None


def _account(standing: Standing) -> str:
    return standing.item.identity.account_id


def _worked_on(of_account: Iterable[Standing], wish: Wish) -> set[Identity]:
    return {one.item.identity for one in of_account if is_worked_on(one, wish)}


def _retries(of_account: Sequence[Standing], wish: Wish) -> int:
    """Count what has failed, is left alone by a `wish`, and sent once failures are tried again."""
    failed = [one for one in of_account if _outcome(one, wish) is Outcome.FAILED]
    if not failed:
        return 0
    more = replace(wish, retry_failed=True)
    worked_on = _worked_on(of_account, more)
    return sum(is_worked_on(one, more) and not waits_for(one, worked_on) for one in failed)


def _outcome(standing: Standing, wish: Wish) -> Outcome | None:
    """Give the outcome that stands, or None of what the next run sends.

    A failure or nothing to bill is sent again by a `wish`, or once the plan asks for another
    payload.
    """
    if in_doubt(standing):
        return Outcome.UNKNOWN
    if standing.record is None or is_worked_on(standing, wish):
        return None
    return standing.record.outcome
