"""Tell a person what a history is made of: a line each, and nothing of what is as usual."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Sequence

from support.simulation.leaving_out import PLAIN, parts
from support.simulation.scenario import (
    HOUR,
    Bill,
    Lose,
    Round,
    Scenario,
    Shift,
    Start,
    Step,
    Wait,
)
from support.unusual import unusual
from zbatch.emulator import Scheduled

HEALING = "then nothing goes wrong any more, and each machine runs until all is settled"


def describe(scenario: Scenario) -> list[str]:
    """Tell what a scenario is made of; accounts are named as in its story."""
    limits = scenario.limits
    items = scenario.items
    lines = [f"items: {_items(items, range(len(items)))}"]
    lines += [
        f"limits: {limits.concurrency} at once, {limits.rate.calls} in {limits.rate.seconds:g} s,"
        f" {limits.objects_per_call} in a call, to wait {scenario.settling.wait:g} s for doubt"
    ]
    for name in ("modes", "narrowing", "pressing", "policy"):
        lines += [f"{name}: {text}" for text in (unusual(getattr(scenario, name)),) if text]
    lines += [f"a log-in takes {scenario.log_in:g} s"] if scenario.log_in else []
    used = {number for number, _ in items}
    unlike = [(number, unusual(account, PLAIN)) for number, account in scenario.accounts]
    lines += [f"account {n:04x}: {text}" for n, text in unlike if n in used and text]
    lines += [f"generate {number}: {unusual(trouble)}" for number, trouble in scenario.calls]
    lines += [f"query {number}: {unusual(trouble)}" for number, trouble in scenario.questions]
    lines += [f"mishap: {_mishap(one)}" for one in scenario.mishaps]
    lines += [told(step, items) for step in scenario.steps]
    return [f"  {line}" for line in [*lines, HEALING]]


def size(scenario: Scenario) -> str:
    """Tell how large a history is; settings are what could be plainer."""
    troubles = len(scenario.calls) + len(scenario.questions) + len(scenario.mishaps)
    settings = sum(map(len, parts(scenario)[-2:]))
    items, steps = len(scenario.items), len(scenario.steps)
    return f"{items} items, {steps} steps, {troubles} troubles, {settings} settings"


def _items(items: Sequence[tuple[int, int]], positions: Iterable[int]) -> str:
    there = (items[at] for at in positions if at < len(items))
    return ", ".join(f"{number:04x} for day {day}" for number, day in there) or "no item"


def _mishap(one: Scheduled) -> str:
    what, when = unusual(one.mishap), unusual(one, but="mishap")
    return f"{what}; {when}" if when else what


def told(step: Step, items: Sequence[tuple[int, int]]) -> str:
    """Tell of one step of a history with these items."""
    if isinstance(step, Round):
        return ", and at once ".join(map(_start, step.starts))
    if isinstance(step, Wait):
        return f"{_time(step.seconds)} pass"
    if isinstance(step, Shift):
        return f"the clock of {step.host} is wrong by {step.hours:g} h"
    if isinstance(step, Lose):
        return f"{step.host} loses its ledger"
    if isinstance(step, Bill):
        return f"a person bills {_items(items, [step.position])}"
    if step.positions:
        return f"the spec has another invoice date for {_items(items, step.positions)}"
    return "the spec has its first invoice dates again"


def _start(start: Start) -> str:
    said = [f"{'reconcile' if start.reconcile else 'run'} on {start.host}"]
    said += [f"after {_time(start.after)}"] if start.after else []
    said += ["with --retry-failed"] if start.retry_failed else []
    said += ["with --retry-nothing"] if start.retry_nothing else []
    said += [f"{signal.Signals(one).name} after {_time(at)}" for at, one in start.signals]
    return ", ".join([*said, f"to die at edge {start.die_at}"] if start.die_at else said)


def _time(seconds: float) -> str:
    return f"{seconds / HOUR:g} h" if seconds >= HOUR else f"{seconds:g} s"
