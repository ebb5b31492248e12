"""Play a scenario: its steps, then healing until everything is settled, then judgement."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from random import Random

from support.checker import check
from support.engine import item
from support.evidence import Evidence
from support.simulation.describing import told
from support.simulation.drawing import ITEMS, draw, family_of
from support.simulation.scenario import (
    SETTLE,
    Edit,
    Lose,
    Round,
    Scenario,
    Shift,
    Start,
    Step,
    Wait,
)
from support.story import Story
from support.world import DAY, Job, RunOutcome, World
from support.world_net import Crowd
from support.world_time import Life
from zbatch.app.altered import altered
from zbatch.app.outstanding import Wish
from zbatch.emulator import EmulatorConfig, ServerLimits
from zbatch.engine.settings import Acceptance
from zbatch.model import ExitCode, Identity, Item

MOST_HEALING_RUNS = 60
CANARY = "canary-7f3a9Xq2Zk8r"
OVER = (ExitCode.OK, ExitCode.FAILURES)
FOR_A_PERSON = ("SEVERAL_INVOICES", "DRAFT_CHANGED")


@dataclass(frozen=True, slots=True)
class Played:
    """A history that was played: what is wrong with it, and what it was."""

    scenario: Scenario
    violations: list[str]
    evidence: Evidence
    notes: Story

    @property
    def story(self) -> list[str]:
        """What happened to the accounts that the violations are about, a line each."""
        return self.notes.tell(self.evidence, _accused(self.violations, self.evidence))

    @property
    def digest(self) -> str:
        """Name the history: the same for the same one, byte for byte."""
        due, rest = sorted(self.evidence.due), replace(self.evidence, due=frozenset())
        return hashlib.sha256(repr((self.violations, due, rest)).encode()).hexdigest()


def play(seed: int, family: str | None = None, size: int = ITEMS) -> list[str]:
    """Draw and play a seed's history, and return what is wrong with it; raises nothing."""
    return play_scenario(draw(seed, family or family_of(seed), size)).violations


def play_scenario(scenario: Scenario) -> Played:
    """Play a history; whatever the product raises is a violation too."""
    with closing(_world(scenario)) as world:
        player = _Player(world, scenario)
        violations: list[str] = []
        try:
            for step in scenario.steps:
                player.take(step)
            player.heal()
        except Exception as error:
            violations.append(f"raised {type(error).__name__}: {error}")
        world.pass_time(DAY)  # what is under way at the tenant comes to its end
        evidence = world.evidence()
        violations += player.violations + check(evidence)
        return Played(scenario, violations, evidence, world.story)


def _world(scenario: Scenario) -> World:
    book = {item(number).identity.account_id: account for number, account in scenario.accounts}
    pressing = scenario.pressing
    limits = ServerLimits(rates=pressing.rates) if pressing.rates else ServerLimits()
    config = EmulatorConfig(
        Path("unused"), client_secret=CANARY, limits=limits, modes=scenario.modes
    )
    world = World(config=config, book=book, seed=scenario.seed)
    world.remote.crowd, world.windows = pressing.crowd, pressing.held
    world.windows_end = world.timeline.now + pressing.held_for
    for after, rates in pressing.changes:
        world.timeline.at(world.timeline.now + after, partial(world.tenant.quota.change, rates))
    for after, seconds in pressing.steps:
        world.timeline.at(world.timeline.now + after, partial(_step, world, seconds))
    world.random = Random(scenario.seed)
    world.settling = scenario.settling
    world.limits = scenario.limits
    world.stop, world.stages = scenario.policy.stop, scenario.policy.stages
    world.looks = deque(scenario.policy.looks)
    world.troubles = dict(scenario.calls)
    world.query_troubles = dict(scenario.questions)
    world.faults.switch(scenario.mishaps)
    world.remote.log_in_takes = scenario.log_in
    world.narrow(scenario.narrowing.limits, told=scenario.narrowing.told)
    return world


def _step(world: World, seconds: float, _now: float) -> None:
    """Move the clock of the first machine, whatever runs there."""
    world.host().shift += timedelta(seconds=seconds)


class _Player:
    """Takes the steps of a scenario in its world."""

    def __init__(self, world: World, scenario: Scenario) -> None:
        self._world = world
        self._listed = scenario.items
        self._items = scenario.planned()
        self._plan = world.plan(self._items)
        self._nothing = world.plan(())
        self._hosts = scenario.hosts or ["one"]
        self._edited = False
        self.violations: list[str] = []

    def take(self, step: Step) -> None:
        """Take one step."""
        world = self._world
        if isinstance(step, Shift | Lose | Edit):
            world.story.note(world.timeline.now, "{}", told(step, self._listed))
        if isinstance(step, Round):
            self._put_back()
            world.play(*map(self._job, step.starts))
        elif isinstance(step, Wait):
            world.pass_time(step.seconds)
        elif isinstance(step, Shift):
            world.host(step.host).shift = timedelta(hours=step.hours)
        elif isinstance(step, Lose):
            world.host(step.host).lose_ledger()
        elif isinstance(step, Edit):
            self._edit(step.positions)
        elif step.position < len(self._items):
            self._bill(self._items[step.position])

    def _edit(self, positions: Collection[int]) -> None:
        """Let the spec have another invoice date at these positions, and its first one elsewhere.

        One machine has the spec: on another the key of another payload would be another one.
        """
        self._edited = True
        dates = [one.identity.target_date for one in self._items]
        self._invoice_on(
            [day + timedelta(days=1) if n in positions else day for n, day in enumerate(dates)]
        )

    def _put_back(self) -> None:
        """Put back what a run would refuse, so that the others are billed."""
        if self._edited:
            store = self._world.host().open(Life())
            found = [(altered(one), one.item) for one in store.standing(self._items)]
            self._invoice_on([(no.was if no else asked).invoice_date for no, asked in found])

    def _invoice_on(self, dates: Sequence[date]) -> None:
        pairs = zip(self._items, dates, strict=True)
        self._items = tuple(replace(one, invoice_date=day) for one, day in pairs)
        self._plan = self._world.plan(self._items)

    def heal(self) -> None:
        """Let nothing go wrong any more, and run on each machine until everything is settled."""
        self._world.troubles, self._world.query_troubles = {}, {}
        self._world.faults.switch()
        now = self._world.timeline.now
        self._world.remote.crowd = Crowd()
        self._world.windows_end = min(self._world.windows_end, now)
        self._world.tenant.quota.change(ServerLimits().rates, now)
        for host in self._hosts:
            self._settle(host)
        for host in self._hosts:
            self._repeat(host)

    def _job(self, start: Start) -> Job:
        return Job(
            self._nothing if start.reconcile else self._plan,
            start.host,
            Wish(start.retry_failed, start.retry_nothing),
            read_only=start.reconcile,
            die_at=start.die_at,
            after=start.after,
            signals=start.signals,
        )

    def _bill(self, one: Item) -> None:
        """Bill as a person who has looked first, and found nothing."""
        wanted = (one.identity.account_id, one.identity.target_date)
        if not any((i.account_id, i.target_date) == wanted for i in self._world.invoices):
            self._world.bill_by_hand(one)

    def _settle(self, host: str) -> None:
        for attempt in range(MOST_HEALING_RUNS):
            self._put_back()
            (run,) = self._world.play(Job(self._plan, host))
            if run.exit_code in OVER:
                return
            self._decide(run, host)
            self._world.pass_time(60.0 if attempt == 0 else SETTLE)
        self.violations.append(f"not settled on {host} after {MOST_HEALING_RUNS} runs")

    def _repeat(self, host: str) -> None:
        """Run once more where everything is settled: nothing may be sent.

        A tenant's quota may be used up by then, so that it does not answer before the next day.
        """
        sent = self._world.sent
        (run,) = self._world.play(Job(self._plan, host))
        if run.exit_code is ExitCode.STOPPED:
            self._world.pass_time(DAY)
            (run,) = self._world.play(Job(self._plan, host))
        if run.exit_code not in OVER or self._world.sent != sent:
            more = self._world.sent - sent
            self.violations.append(
                f"a settled run on {host} ended with {run.exit_code}, sent {more}"
            )

    def _decide(self, run: RunOutcome, host: str) -> None:
        """Decide as a person who looks into the tenant, where the run asks for that.

        For what was not billed at all a person makes an invoice and accepts that one.
        """
        asked = [r for r in run.records.values() if r.error and r.error.code in FOR_A_PERSON]
        decisions: dict[Identity, Acceptance] = {}
        for record in asked:
            identity = record.item.identity
            wanted = (identity.account_id, identity.target_date)
            executions = self._world.executions
            made = [e for e in executions if (e.account_id, e.target_date) == wanted]
            chosen = made[0].invoice_id if made else self._world.bill_by_hand(record.item)
            decisions[identity] = Acceptance(identity, chosen, "looked at in the tenant")
        if decisions:
            self._world.pass_time(SETTLE)
            self._world.play(Job(self._nothing, host, read_only=True, accepted=decisions))


def _accused(violations: list[str], evidence: Evidence) -> set[str]:
    """Tell which accounts the violations are about; none named means all."""
    known = {one.account for one in evidence.invoices}
    known |= {line["account_id"] for run in evidence.runs for line in run.lines}
    return {account for account in known if any(account in text for text in violations)}
