"""Make a history that fails as small as it goes, while it still fails in the same way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import TypeVar

from support.simulation.playing import Played, play_scenario
from support.simulation.scenario import (
    Narrowing,
    Policy,
    Pressing,
    Round,
    Scenario,
    Start,
    Step,
    Wait,
)
from zbatch.emulator import Modes
from zbatch.emulator.book import BookAccount
from zbatch.model import Settling

T = TypeVar("T")
MOST_PLAYS = 1500
_DETAILS = re.compile(r"[0-9a-f]{6,}|[0-9][0-9.-]*")


def shrink(played: Played, most: int = MOST_PLAYS) -> Played:
    """Leave out what the first violation does not need; at most so many histories are played."""
    kind = kind_of(played.violations[0])
    plays = 0
    shrunk = True
    while shrunk:
        shrunk = False
        for smaller in candidates(played.scenario):
            plays += 1
            if plays > most:
                return played
            attempt = play_scenario(smaller)
            if any(kind_of(text) == kind for text in attempt.violations):
                played, shrunk = attempt, True
                break
    return played


def kind_of(violation: str) -> str:
    """Give what is the same in violations of one kind."""
    return _DETAILS.sub("…", violation)


def candidates(scenario: Scenario) -> Iterator[Scenario]:
    """Give smaller scenarios, those that leave out most first."""
    yield from (replace(scenario, steps=steps) for steps in _without(scenario.steps))
    yield from (replace(scenario, items=items) for items in _without(scenario.items) if items)
    yield from (replace(scenario, mishaps=left) for left in _without(scenario.mishaps))
    yield from (replace(scenario, calls=left) for left in _without(scenario.calls))
    yield from (replace(scenario, questions=left) for left in _without(scenario.questions))
    yield from (replace(scenario, steps=steps) for steps in _simpler_steps(scenario.steps))
    yield from _plainer(scenario)


def _without(whole: Sequence[T]) -> Iterator[tuple[T, ...]]:
    """Leave out all, then halves, quarters, and so on down to each single one."""
    size = len(whole)
    while size:
        for start in range(0, len(whole), size):
            yield (*whole[:start], *whole[start + size :])
        size //= 2


def _simpler_steps(steps: Sequence[Step]) -> Iterator[tuple[Step, ...]]:
    for n, step in enumerate(steps):
        for simpler in _simpler(step):
            yield (*steps[:n], simpler, *steps[n + 1 :])


def _simpler(step: Step) -> Iterator[Step]:
    if isinstance(step, Wait) and step.seconds != 60.0:
        yield Wait(60.0)
    if not isinstance(step, Round):
        return
    for starts in _without(step.starts):
        if starts:
            yield Round(starts)
    for n, start in enumerate(step.starts):
        plain = Start(start.host)
        for name in ("die_at", "signals", "after", "reconcile", "retry_failed", "retry_nothing"):
            if getattr(start, name) != getattr(plain, name):
                simpler = replace(start, **{name: getattr(plain, name)})
                yield Round((*step.starts[:n], simpler, *step.starts[n + 1 :]))


def _plainer(scenario: Scenario) -> Iterator[Scenario]:
    """Let the tenant be plainer, one thing at a time."""
    plain = Modes(second_generate=scenario.modes.second_generate)
    for field in fields(Modes):
        value = getattr(plain, field.name)
        if getattr(scenario.modes, field.name) != value:
            yield replace(scenario, modes=replace(scenario.modes, **{field.name: value}))
    for n, (number, account) in enumerate(scenario.accounts):
        if account != BookAccount(latency=1.0):
            plainer = (number, BookAccount(latency=1.0))
            yield replace(
                scenario,
                accounts=(*scenario.accounts[:n], plainer, *scenario.accounts[n + 1 :]),
            )
    if scenario.log_in:
        yield replace(scenario, log_in=0.0)
    for without in (
        replace(scenario, narrowing=Narrowing()),
        replace(scenario, pressing=Pressing()),
        replace(scenario, policy=Policy()),
        replace(scenario, settling=Settling(scenario.settling.settle)),
    ):
        if without != scenario:
            yield without
    if scenario.limits.objects_per_call > 1:
        yield replace(scenario, limits=replace(scenario.limits, objects_per_call=1))
    if scenario.limits.concurrency > 2:
        yield replace(scenario, limits=replace(scenario.limits, concurrency=2))


def describe(scenario: Scenario) -> list[str]:
    """Tell what a scenario is made of, a line each."""
    lines = [f"  items: {scenario.items}", f"  {scenario.modes}"]
    lines += [f"  {scenario.limits}, wait {scenario.settling.wait:g}", f"  {scenario.narrowing}"]
    lines += [f"  {one}" for one in (scenario.policy, scenario.pressing)]
    lines += [f"  a log-in takes {scenario.log_in:g} s"] if scenario.log_in else []
    used = {number for number, _ in scenario.items}
    lines += [f"  account {n}: {account}" for n, account in scenario.accounts if n in used]
    lines += [f"  call {number}: {trouble}" for number, trouble in scenario.calls]
    lines += [f"  question {number}: {trouble}" for number, trouble in scenario.questions]
    lines += [f"  {mishap}" for mishap in scenario.mishaps]
    return [*lines, *(f"  {step}" for step in scenario.steps)]
