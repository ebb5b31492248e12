"""What follows for an item from what the tenant showed: values, and what they leave behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from zbatch.engine.age import CLOCK_SLACK, Clocks
from zbatch.engine.judge import record_of
from zbatch.engine.order import Work
from zbatch.engine.settings import Acceptance
from zbatch.model import (
    Baseline,
    Effect,
    Finding,
    Identity,
    IfAbsent,
    Item,
    ItemRecord,
    KeyState,
    Outcome,
    Problem,
    Trail,
)


@dataclass(frozen=True, slots=True)
class Cleared:
    """The call may leave; `baselines` are those of items that had none, by position."""

    baselines: tuple[Baseline | None, ...]


@dataclass(frozen=True, slots=True)
class Rest:
    """Ask again, not before `until`; `problem` is what to report if the run does not wait.

    `soon` tells that it is a matter of seconds, which every run waits for, `missed` that an invoice
    is not shown which was: only a look after the rest may show that it is gone. `kept` is until
    when a later run takes no look that misses what was shown now for a proof.
    """

    until: datetime
    problem: Problem
    soon: bool = False
    missed: bool = False
    kept: datetime | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """The item has an outcome, to be recorded as evidence of the question."""

    record: ItemRecord
    evidence: str


@dataclass(frozen=True, slots=True)
class Renewed:
    """The key created nothing and is settled; the item goes on in the next generation."""

    evidence: str
    if_absent: IfAbsent


@dataclass(frozen=True, slots=True)
class Burnt:
    """Nothing is sent under this key any more: from now on only questions settle it.

    A `baseline` remembers what was shown.
    """

    evidence: str
    baseline: Baseline | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """Nothing can be said in this run; a `baseline` holds what must be remembered all the same.

    `shown` tells that something is there: an earlier look that has missed it counts for nothing.
    `kept` is as with a `Rest`.
    """

    record: ItemRecord
    baseline: Baseline | None = None
    shown: bool = False
    kept: datetime | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """The outcome of an earlier run still stands; `shown` where an earlier look had missed it.

    A `baseline` remembers what is there beside it, and `kept` is as with a `Rest`.
    """

    record: ItemRecord
    shown: bool = False
    baseline: Baseline | None = None
    kept: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reopened:
    """The invoice that made the item already invoiced is gone: it may be sent."""

    baseline: Baseline


@dataclass(frozen=True, slots=True)
class Released:
    """The key was never executed and is settled; the item goes on alone in the next generation."""

    evidence: str
    baseline: Baseline


Step = Rest | Settled | Renewed | Burnt | Left | Kept | Reopened | Released


@dataclass(frozen=True, slots=True)
class Facts:
    """What the clocks say when the answer is in, and what spec and people have decided."""

    clocks: Clocks
    settle: timedelta
    read_only: bool = False
    accepted: Mapping[Identity, Acceptance] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        """The wall time."""
        return self.clocks.now

    def look_again(self, work: Work, trail: Trail, asked_at: datetime) -> datetime | None:
        """Tell when to look once more for what was shown and is not now, None if that was done.

        A rest of this run is over by the steady clock; one that an earlier run has begun must be so
        by our clock and by the server's, as either may be another since then. Where it would end
        later than one that begins now, a clock was ahead when it began: it begins anew.
        """
        if work.rests_until and work.rests_until != trail.rests_until:
            return work.rests_until if work.rests_until > asked_at else None
        anew = self.rest_anew(work)
        if trail.rests_until is None:
            return anew
        if self.clocks.server and trail.rests_until > anew + CLOCK_SLACK:
            return anew
        server = self.clocks.server or self.now
        left = trail.rests_until - min(asked_at, server + CLOCK_SLACK)
        return self.now + left if left > timedelta() else None

    def rest_anew(self, work: Work) -> datetime:
        """Tell when a rest ends that begins now, by whichever clock that is later."""
        return max(self.now, self.clocks.server or self.now) + self.settle_of(work)

    def settle_of(self, work: Work) -> timedelta:
        """Tell how long a tenant may go on with a key: the longest that any of its specs says."""
        return max(self.settle, timedelta(seconds=work.settle))


def finding(work: Work, item: Item, step: Step) -> Finding | None:
    """Give what the ledger must hold of a step, or None where it changes nothing."""
    key = work.call.key if work.call and work.attempts else None
    if isinstance(step, Settled):
        effect = Effect(KeyState.SETTLED, step.evidence, step.record)
        rested = step.record.outcome is Outcome.ALREADY_INVOICED
        return Finding(item, key=key, effect=effect, rested=rested)
    if isinstance(step, Rest) and step.missed:
        rests = None if work.rechecks else work.trails[work.items.index(item)].rests_until
        begun = rests is not None and rests <= step.until
        return None if begun else Finding(item, rests_until=step.until)
    if isinstance(step, Rest | Left) and len(work.items) > 1 and not work.in_doubt:
        evidence = "never executed, and the items of its call go alone from now on"
        given_up = Effect(KeyState.SETTLED, evidence) if key else None
        until = step.kept or (step.until if isinstance(step, Rest) else None)
        return Finding(item, key=key, effect=given_up, rests_until=until)
    if isinstance(step, Rest | Left | Kept) and step.kept:
        return Finding(item, rests_until=step.kept)
    if isinstance(step, Renewed):
        before = work.trails[work.items.index(item)].before
        effect = Effect(KeyState.SETTLED, step.evidence, None, step.if_absent, before)
        return Finding(item, key=key, effect=effect, rested=True)
    if isinstance(step, Released):
        effect = Effect(KeyState.SETTLED, step.evidence)
        return Finding(item, key=key, effect=effect, baseline=step.baseline)
    if isinstance(step, Left | Kept) and (step.baseline or step.shown):
        return Finding(item, baseline=step.baseline, rested=True)
    if isinstance(step, Reopened):
        return Finding(item, baseline=step.baseline, rested=True, reopen=True)
    if isinstance(step, Burnt):
        effect = Effect(KeyState.BURNT, step.evidence, if_absent=IfAbsent.RENEW)
        return Finding(item, step.baseline, key, effect, rested=True)
    return None


def left_in_doubt(work: Work, item: Item, rest: Rest) -> ItemRecord:
    """Report an item that the run does not wait for, and say from when it can be settled."""
    doubt = work.in_doubt
    outcome = Outcome.UNKNOWN if doubt else Outcome.NOT_ATTEMPTED
    what = "settle it" if doubt else "ask again"
    said = f"; from {rest.until:%Y-%m-%d %H:%M:%S} UTC zbatch run or zbatch reconcile can {what}"
    problem = replace(rest.problem, message=rest.problem.message.removesuffix(".") + said)
    return record_of(work, item, outcome, problem=problem)


def left_unseen(held: ItemRecord, rest: Rest) -> ItemRecord:
    """Report an outcome that stands though its invoice was not shown: one look is no proof."""
    said = f"; from {rest.until:%Y-%m-%d %H:%M:%S} UTC zbatch run can tell whether it is gone"
    return replace(held, error=replace(rest.problem, message=rest.problem.message + said))


def left_renewed(work: Work, item: Item, step: Renewed) -> ItemRecord:
    """Report an item whose key is settled as void by a command that sends nothing."""
    problem = Problem("NOT_CREATED", f"{step.evidence}; zbatch run sends it under the next key")
    return record_of(work, item, Outcome.NOT_ATTEMPTED, problem=problem)
