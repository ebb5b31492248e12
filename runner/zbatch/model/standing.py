"""What the ledger holds of an item between its calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from zbatch.model.calls import Attempt, Baseline, Call, IfAbsent, ItemRecord, KeyState
from zbatch.model.outcomes import Outcome
from zbatch.model.plan import Item
from zbatch.model.problems import Problem
from zbatch.model.values import value


@value(frozen=True, slots=True)
class Trail:
    """What the ledger keeps of an item beside its keys: all that a question is held against.

    `credited` are the invoice IDs credited to other dates of the account and to lower revisions,
    `of_lower` those of them that are credited to lower revisions;
    `renewals` counts the item's keys that were renewed after the server had not said what it did;
    `if_absent` is that of its unsettled key. `lower_took` is how long the call took that the lower
    revision was invoiced by. `before` is the outcome that a next key of the item would try again,
    with the item as it is held. `said` is what the row of its burnt key said, where the attempt
    holds the word of another row.
    """

    baseline: Baseline | None = None
    credited: frozenset[str] = frozenset()
    renewals: int = 0
    if_absent: IfAbsent | None = None
    lower_took: timedelta | None = None
    rests_until: datetime | None = None
    of_lower: frozenset[str] = frozenset()
    before: ItemRecord | None = None
    said: Problem | None = None

    def based_on(self, baseline: Baseline | None) -> Trail:
        """Give the trail with a newer baseline, where there is one; each item comes by here."""
        if baseline is None:
            return self
        rest = (self.credited, self.renewals, self.if_absent, self.lower_took, self.rests_until)
        return Trail(baseline, *rest, self.of_lower, self.before, self.said)


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

    @property
    def never_left(self) -> bool:
        """Whether it is proved of each of its attempts that nothing of it was sent."""
        burnt = KeyState.BURNT in self.states
        return not burnt and not any(attempt.sent for attempt in self.attempts)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger holds of one planned item before a run.

    `record` is there once the item has an outcome; `call` while a key of it is not settled, but
    for one that was to try that outcome again and never left: the next key takes its place.
    `generation` is the one that its next new key would carry. `payload_changed` tells that the
    plan now asks for another invoice date or other charges than what the ledger holds. `earlier`
    are dates and revisions of the account, of whichever spec, that may hold this one back. `lower`
    is the outcome of the next lower revision, `later_invoiced` the account's first later target
    date that is `invoiced` with all charges of the item, or this very date where a higher revision
    is. `was` is the item as the
    ledger holds it, where the plan has changed its payload.
    """

    item: Item
    record: ItemRecord | None
    call: OpenCall | None
    generation: int
    attempts: int
    payload_changed: bool
    trail: Trail = field(default_factory=Trail)
    earlier: tuple[Earlier, ...] = ()
    lower: Outcome | None = None
    later_invoiced: date | None = None
    was: Item | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """A date or revision of the same account for which an item may have to wait.

    Any one does while its key is in doubt. `outcome` is there where it alone is a reason: an
    earlier date has failed, as long as no later date with its charges and no higher revision is
    invoiced, or a higher revision of the item is invoiced.
    """

    item: Item
    outcome: Outcome | None
    call: OpenCall | None
