"""What follows from answers, once they are durable: for whoever watches, then for the account."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from zbatch.engine import backoff
from zbatch.engine.brake import Brake
from zbatch.engine.decision import Again, Pause, Settle
from zbatch.engine.events import Answered, Retrying, Settled
from zbatch.engine.gathered import Gathered, Looked
from zbatch.engine.in_hand import InHand
from zbatch.engine.judge import Judgement, unknown_records
from zbatch.engine.order import Order, Work, alone_of
from zbatch.engine.resting import Resting
from zbatch.engine.rules import Tally
from zbatch.engine.settings import Ports, Settings
from zbatch.engine.steps import (
    Burnt,
    Cleared,
    Kept,
    Left,
    Released,
    Renewed,
    Reopened,
    Rest,
    Step,
    left_renewed,
)
from zbatch.engine.steps import Settled as SettledByQuestion
from zbatch.model import (
    IfAbsent,
    Item,
    ItemRecord,
    Outcome,
    Problem,
    Trail,
)


class Aftermath:
    """Gathers what came of calls and questions, and acts on it once it is durable."""

    def __init__(
        self, ports: Ports, settings: Settings, order: Order, brake: Brake, tally: Tally
    ) -> None:
        self._ports = ports
        self._settings = settings
        self._order = order
        self._brake = brake
        self._tally = tally
        self._tell = ports.observer
        self._answers: list[tuple[Work, Judgement]] = []
        self._looks: list[Looked] = []
        self._credited: dict[str, dict[date, frozenset[str]]] = {}
        self.in_hand = InHand()
        self.resting = Resting(ports.clock, order, settings.settling.wait, self._leave)
        self.more = asyncio.Event()  # something may start now
        self.waiting = asyncio.Event()  # something waits to be committed
        self.blocked: list[tuple[Item, Item]] = []
        self.left: list[ItemRecord] = []

    def __bool__(self) -> bool:
        return bool(self._answers or self._looks)

    def add(self, work: Work, judgement: Judgement) -> None:
        """Take in what came of a call."""
        self._answers.append((work, judgement))
        self.waiting.set()

    def add_look(
        self, work: Work, outcome: Cleared | tuple[Step, ...], asked_at: tuple[float, datetime]
    ) -> None:
        """Take in what a question means for a work, and when it was asked."""
        self._looks.append(Looked(work, outcome, asked_at))
        self.waiting.set()

    def take(self) -> Gathered:
        """Take all that has gathered, to be made durable."""
        self.waiting.clear()
        gathered = Gathered(self._answers, self._looks)
        self._answers, self._looks = [], []
        return gathered

    def act(self, gathered: Gathered) -> None:
        """Act on what is durable by now."""
        for work, judgement in gathered.answers:
            self._apply(work, judgement)
            self._brake.mind(self._tally.met())
        for look in gathered.looks:
            self._apply_look(look)
            self._brake.mind(self._tally.met())
        self.more.set()

    # What came of a call

    def _apply(self, work: Work, judgement: Judgement) -> None:
        self.in_hand.let_go()
        attempt = judgement.result.attempt
        work.attempts = (*work.attempts, attempt)
        if attempt.sent:
            work.first_sent = work.first_sent or attempt.started_at
        key = judgement.result.call.key
        self._tell(Answered(work.items, key, attempt, judgement.verdict))
        decision = judgement.decision
        if isinstance(decision, Settle):
            self._settle(work, judgement, decision)
            work.forget()
        elif judgement.given_up:
            for record in unknown_records(work):
                self._leave(record)
        elif isinstance(decision, Again):
            self._try_again(work, decision)

    def _settle(self, work: Work, judgement: Judgement, decision: Settle) -> None:
        burnt = []
        for position, effect in enumerate(judgement.result.effects):
            item, trail = work.items[position], work.trails[position]
            if effect.record is not None:
                self._done(effect.record)
            elif decision.verdicts[position].renews:
                # Asked anew: what the network delivers again may have been executed since.
                wait = self._brake.jitter(max(work.tries, work.refusals))
                self._renew(work, item, trail, asked_at=None, wait=wait)
            else:
                burnt.append((item, replace(trail, if_absent=effect.if_absent, said=effect.said)))
        for item, trail in burnt:
            self._burn(work, item, trail)

    def _burn(self, work: Work, item: Item, trail: Trail) -> None:
        """Let one item of a call wait for the question that settles its burnt key."""
        alone = replace(work, items=(item,), trails=(trail,), burnt=True, asked_at=None)
        self._order.postpone(alone, self._ports.clock.monotonic())
        self._tally.doubt(item.identity)

    def _renew(
        self,
        work: Work,
        item: Item,
        trail: Trail,
        asked_at: tuple[float, datetime] | None,
        wait: float = 0.0,
    ) -> None:
        """Let an item go on under its next key, by a question of `asked_at` or by one to come."""
        renewed = Work(
            work.ordinal,
            (item,),
            work.generation + 1,
            trails=(trail,),
            asked_at=asked_at,
            prior_attempts=work.sends,
            first_sent=work.first_sent,
            tries=work.tries,
            stage=work.stage,
            refusals=work.refusals,
            refused_alone=work.refused_alone,
            refused_at=work.refused_at,
        )
        self._postpone(renewed, wait, "renewed under the next key")

    def _try_again(self, work: Work, decision: Again) -> None:
        wait = 0.0
        if decision.pause is Pause.BACKOFF:
            wait = self._brake.jitter(work.tries)
        elif decision.pause is Pause.GATE and work.refusals > 1:
            wait = self._brake.jitter(work.refusals - 1)  # its own, whatever the run's gate is
        elif decision.pause is Pause.CONFLICT:
            work.conflicts += 1
            wait = backoff.conflict_wait(work.conflicts)
        elif decision.pause is Pause.QUESTION:
            work.asked_at = None
        self._postpone(work, wait, decision.problem.message)

    # What a question has shown

    def _apply_look(self, look: Looked) -> None:
        work, outcome = look.work, look.outcome
        self.in_hand.asked(work)
        if isinstance(outcome, Cleared):
            pairs = zip(work.trails, outcome.baselines, strict=True)
            work.trails = tuple([trail.based_on(baseline) for trail, baseline in pairs])
            work.asked_at = look.asked_at
            self.in_hand.clear(work)
            return
        self.in_hand.let_go()
        burnt = [step for step in outcome if isinstance(step, Burnt)]
        if len(burnt) == len(outcome):
            work.burnt, work.rests_until = True, None
            work.trails = tuple(map(_of_burnt, work.trails, burnt))
            self._order.postpone(work, self._ports.clock.monotonic())
            for item in work.items:
                self._tally.doubt(item.identity)
        elif work.attempts and (rest := _common_rest(outcome)):
            if rest.missed:
                work.rests_until = rest.until
            self.resting.add(work, rest.until, rest.problem)
        else:
            for position, step in enumerate(outcome):
                self._step(look, position, step)

    def ask_anew(self, work: Work) -> None:
        """Put back a work whose question has become too old before its intent was made."""
        self.in_hand.let_go()
        self._order.postpone(work, self._ports.clock.monotonic())

    def _step(self, look: Looked, position: int, step: Step) -> None:
        work, item, trail = look.work, look.work.items[position], look.work.trails[position]
        if isinstance(step, SettledByQuestion | Kept):
            if isinstance(step, Kept) and work.wanted and work.behind:
                self.blocked.append((item, work.behind))
            self._done(step.record)
        elif isinstance(step, Left):
            self._leave(step.record)
        elif isinstance(step, Rest):
            self.resting.ask_again(_one_of(work, item, trail), step)
        elif isinstance(step, Reopened) and work.behind:
            self.blocked.append((item, work.behind))
            if work.behind.identity < item.identity:
                self._hold_back(item, work.behind)
            else:  # a later date or revision holds back no date after this one by that alone
                self._order.release(item)
        elif isinstance(step, Reopened):
            trails = (replace(trail, baseline=step.baseline, rests_until=None),)
            asked_at = look.asked_at
            freed = replace(work, held=None, trails=trails, reopened=True, asked_at=asked_at)
            self._order.postpone(freed, self._ports.clock.monotonic())  # until its stage is open
        elif isinstance(step, Released):
            self._renew(work, item, replace(trail, baseline=step.baseline), look.asked_at)
        elif isinstance(step, Renewed) and self._settings.read_only:
            self._leave(left_renewed(work, item, step))
        elif isinstance(step, Renewed):  # pragma: no branch - what is burnt is so as a whole, above
            renewals = trail.renewals + 1
            renewed = replace(trail, if_absent=None, renewals=renewals, rests_until=None, said=None)
            # Asked anew: the trail still holds the baseline of the key that is settled now.
            self._renew(work, item, renewed, asked_at=None)

    # Works that rest

    def rest(self, work: Work, until: datetime, problem: Problem) -> None:
        """Put aside a work that may only be asked about later; the rest of the run goes on."""
        self.in_hand.let_go()
        self.resting.add(work, until, problem)

    def credited(self, work: Work) -> None:
        """Add to a work's trails what this run has credited to other items of its accounts."""
        if not self._credited:
            return
        work.trails = tuple(
            _with_credited(trail, item, self._credited[item.identity.account_id])
            if item.identity.account_id in self._credited
            else trail
            for item, trail in zip(work.items, work.trails, strict=True)
        )

    # Ends

    def _done(self, record: ItemRecord) -> None:
        self._tally.take(record)
        self._tell(Settled(record))
        if record.outcome is Outcome.FAILED:
            self._hold_back(record.item)
        else:
            self._order.release(record.item)
        identity = record.item.identity
        if not self._order.works_on(identity.account_id):
            self._credited.pop(identity.account_id, None)
        elif record.invoice_ids:
            dates = self._credited.setdefault(identity.account_id, {})
            before = dates.get(identity.target_date, frozenset())
            dates[identity.target_date] = before.union(record.invoice_ids)

    def _leave(self, record: ItemRecord, *, holds_back: bool = True) -> None:
        self.left.append(record)
        self._tally.take(record)
        self._tell(Settled(record))
        if not holds_back:
            self._order.release(record.item)
            return
        self._hold_back(record.item, doubt=record.outcome is Outcome.UNKNOWN)

    def _hold_back(self, item: Item, by: Item | None = None, *, doubt: bool = False) -> None:
        held_back = self._order.block(item, by, doubt=doubt)
        self.blocked.extend((other, by or item) for other in held_back)

    def _postpone(self, work: Work, wait: float, reason: str) -> None:
        self._order.postpone(work, self._ports.clock.monotonic() + wait)
        self._tell(Retrying(work.items, reason, wait))


def _with_credited(trail: Trail, item: Item, dates: Mapping[date, frozenset[str]]) -> Trail:
    """Add what is credited to other items of the account; of this date it is a lower revision's."""
    return replace(
        trail,
        credited=trail.credited.union(*dates.values()),
        of_lower=trail.of_lower | dates.get(item.identity.target_date, frozenset()),
    )


def _of_burnt(trail: Trail, step: Burnt) -> Trail:
    trail = trail.based_on(step.baseline)
    return replace(trail, if_absent=IfAbsent.RENEW, rests_until=None)


def _one_of(work: Work, item: Item, trail: Trail) -> Work:
    """Give the work of one item that rests: in doubt still, or alone under a key of its own."""
    if len(work.items) == 1:
        return work
    in_doubt = replace(work, items=(item,), trails=(trail,)) if work.in_doubt else None
    return in_doubt or alone_of(work, item)


def _common_rest(steps: Sequence[Step]) -> Rest | None:
    """Give the rest of a key in doubt, which all items of its call share."""
    first = steps[0]
    shared = isinstance(first, Rest) and not first.soon and all(step == first for step in steps)
    return first if shared and isinstance(first, Rest) else None
