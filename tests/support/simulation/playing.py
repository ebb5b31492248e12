"""Play a scenario: its steps, then healing until everything is settled, then judgement."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from random import Random

from support.checker import check
from support.engine import item
from support.evidence import Evidence
from support.simulation.drawing import ITEMS, draw, family_of
from support.simulation.scenario import (
    SETTLE,
    Lose,
    Round,
    Scenario,
    Shift,
    Start,
    Step,
    Wait,
)
from support.world import DAY, Job, RunOutcome, World
from zbatch.app.outstanding import Wish
from zbatch.engine.settings import Accepted
from zbatch.model import ExitCode, Identity, Item

MOST_HEALING_RUNS = 60
OVER = (ExitCode.OK, ExitCode.FAILURES)
FOR_A_PERSON = ("SEVERAL_INVOICES", "DRAFT_CHANGED")


@dataclass(frozen=True, slots=True)
class Played:
    """A history that was played: what is wrong with it, and what it was."""

    scenario: Scenario
    violations: list[str]
    evidence: Evidence
    story: list[str]

    @property
    def digest(self) -> str:
        """Name the history: the same for the same one, byte for byte."""
        return hashlib.sha256(repr((self.violations, self.evidence)).encode()).hexdigest()


def play(seed: int, family: str | None = None, size: int = ITEMS) -> list[str]:
    """Draw and play a seed's history, and return what is wrong with it; raises nothing."""
    return play_scenario(draw(seed, family or family_of(seed), size)).violations


def play_scenario(scenario: Scenario) -> Played:
    """Play a history; whatever the product raises is a violation too."""
    with _world(scenario) as world:
        violations: list[str] = []
        try:
            for step in scenario.steps:
                _take(world, scenario, step)
            _heal(world, scenario)
        except Exception as error:
            violations.append(f"raised {type(error).__name__}: {error}")
        world.pass_time(DAY)  # what is under way at the tenant comes to its end
        evidence = world.evidence()
        violations += check(evidence)
        story = world.story.tell(evidence, _accused(violations, evidence)) if violations else []
        return Played(scenario, violations, evidence, story)


@contextmanager
def _world(scenario: Scenario) -> Iterator[World]:
    book = {item(number).identity.account_id: account for number, account in scenario.accounts}
    world = World(modes=scenario.modes, book=book)
    world.random = Random(scenario.seed)
    world.settling = scenario.settling
    world.limits = scenario.limits
    world.troubles = dict(scenario.calls)
    world.query_troubles = dict(scenario.questions)
    world.faults.switch(scenario.mishaps)
    try:
        yield world
    finally:
        world.close()


def _take(world: World, scenario: Scenario, step: Step) -> None:
    if isinstance(step, Round):
        world.play(*(_job(world, scenario, start) for start in step.starts))
    elif isinstance(step, Wait):
        world.pass_time(step.seconds)
    elif isinstance(step, Shift):
        world.host(step.host).shift = timedelta(hours=step.hours)
    elif isinstance(step, Lose):
        world.host(step.host).lose_ledger()
    elif step.position < len(scenario.items):
        _bill(world, scenario.planned()[step.position])


def _job(world: World, scenario: Scenario, start: Start) -> Job:
    return Job(
        world.plan(() if start.reconcile else scenario.planned()),
        start.host,
        Wish(start.retry_failed, start.retry_nothing),
        read_only=start.reconcile,
        die_at=start.die_at,
        after=start.after,
        signals=start.signals,
    )


def _bill(world: World, one: Item) -> None:
    """Bill as a person who has looked first, and found nothing."""
    wanted = (one.identity.account_id, one.identity.target_date)
    if not any((i.account_id, i.target_date) == wanted for i in world.invoices):
        world.bill_by_hand(one)


def _heal(world: World, scenario: Scenario) -> None:
    """Let nothing go wrong any more, and run on each machine until everything is settled."""
    world.troubles, world.query_troubles = {}, {}
    world.faults.switch()
    for host in scenario.hosts or ["one"]:
        for attempt in range(MOST_HEALING_RUNS):
            (run,) = world.play(Job(world.plan(scenario.planned()), host))
            if run.exit_code in OVER:
                break
            _decide(world, run, host)
            world.pass_time(60.0 if attempt == 0 else SETTLE)
        else:
            raise AssertionError(f"not settled on {host} after {MOST_HEALING_RUNS} runs")


def _decide(world: World, run: RunOutcome, host: str) -> None:
    """Decide as a person who looks into the tenant, where the run asks for that.

    For what was not billed at all a person makes an invoice and accepts that one.
    """
    decisions: dict[Identity, Accepted] = {}
    for identity, record in run.records.items():
        if record.error and record.error.code in FOR_A_PERSON:
            wanted = (identity.account_id, identity.target_date)
            made = [e for e in world.executions if (e.account_id, e.target_date) == wanted]
            chosen = made[0].invoice_id if made else world.bill_by_hand(record.item)
            decisions[identity] = Accepted(chosen, "looked at in the tenant")
    if decisions:
        world.pass_time(SETTLE)
        world.play(Job(world.plan(()), host, read_only=True, accepted=decisions))


def _accused(violations: list[str], evidence: Evidence) -> set[str]:
    """Tell which accounts the violations are about; none named means all."""
    known = {one.account for one in evidence.invoices}
    known |= {line["account_id"] for run in evidence.runs for line in run.lines}
    return {account for account in known if any(account in text for text in violations)}
