"""What a history can do without: its parts, by name, and the history without some of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import fields, replace
from typing import Any

from support.simulation.scenario import (
    Bill,
    Edit,
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
from zbatch.model import Limits, Rate, Settling

Part = tuple[str | int, ...]  # where it stands in the whole history

LISTS = ("items", "steps", "mishaps", "calls", "questions")
PLAIN = BookAccount(latency=1.0)
A_MOMENT = Wait(60.0)
AS_A_START = ("die_at", "signals", "after", "reconcile", "retry_failed", "retry_nothing")
SECTIONS = ("policy", "narrowing", "pressing", "settling", "limits", "modes")
ONE_HOST: Part = ("hosts",)
NO_LOG_IN: Part = ("log_in",)
BY_TWO: Part = ("limits", "two")


def parts(scenario: Scenario) -> list[list[Part]]:
    """Name all that can be left out or be plainer, in groups, those that make most of it first."""
    lists: list[list[Part]] = [
        [(name, n) for n in range(len(getattr(scenario, name)))] for name in LISTS
    ]
    return [*lists, list(_of_the_tenant(scenario)), list(_of_the_steps(scenario.steps))]


def _of_the_tenant(scenario: Scenario) -> Iterator[Part]:
    for name, plain in _plain(scenario).items():
        section = getattr(scenario, name)
        differing = (one.name for one in fields(plain))
        yield from (
            (name, one) for one in differing if getattr(section, one) != getattr(plain, one)
        )
    if scenario.log_in:
        yield NO_LOG_IN
    if scenario.limits.objects_per_call > 2:
        yield BY_TWO
    accounts = enumerate(scenario.accounts)
    yield from (("accounts", n) for n, (_, account) in accounts if account != PLAIN)


def _of_the_steps(steps: Sequence[Step]) -> Iterator[Part]:
    if any(start.host != "one" for start in _starts(steps)):
        yield ONE_HOST
    for n, step in enumerate(steps):
        if isinstance(step, Wait) and step != A_MOMENT:
            yield "wait", n
        if isinstance(step, Edit):
            yield from (("edit", n, position) for position in step.positions)
        for nth, start in enumerate(step.starts if isinstance(step, Round) else ()):
            yield "start", n, nth
            plain = Start(start.host)
            yield from (
                ("start", n, nth, name)
                for name in AS_A_START
                if getattr(start, name) != getattr(plain, name)
            )


def _starts(steps: Sequence[Step]) -> list[Start]:
    return [start for step in steps if isinstance(step, Round) for start in step.starts]


def _plain(scenario: Scenario) -> Mapping[str, Any]:
    """Give the plainest there is of each section; which reading of a doubtful call stays."""
    limits = scenario.limits
    return {
        "policy": Policy(),
        "narrowing": Narrowing(),
        "pressing": Pressing(),
        "settling": Settling(scenario.settling.settle),
        "limits": Limits(min(limits.concurrency, 2), Rate(6000, 60.0), 1, limits.timeout),
        "modes": Modes(second_generate=scenario.modes.second_generate),
    }


def without(whole: Scenario, gone: Set[Part]) -> Scenario:
    """Give a history without some of its parts; what is said of an item is left with it."""
    kept = [n for n in range(len(whole.items)) if ("items", n) not in gone]
    steps = tuple(_steps(whole.steps, gone, {old: new for new, old in enumerate(kept)}))
    plain = _plain(whole)
    left: dict[str, Any] = {
        **{name: _kept(getattr(whole, name), name, gone) for name in LISTS},
        **{name: _section(getattr(whole, name), plain[name], name, gone) for name in SECTIONS},
        "accounts": tuple(
            (number, PLAIN if ("accounts", n) in gone else account)
            for n, (number, account) in enumerate(whole.accounts)
        ),
        "steps": _on_hosts(steps, gone),
        "log_in": 0.0 if NO_LOG_IN in gone else whole.log_in,
    }
    return replace(whole, **left)


def _kept(whole: Sequence[Any], name: str, gone: Set[Part]) -> tuple[Any, ...]:
    return tuple(one for n, one in enumerate(whole) if (name, n) not in gone)


def _section(whole: Any, plain: Any, name: str, gone: Set[Part]) -> Any:
    changed = {
        one.name: getattr(plain, one.name) for one in fields(plain) if (name, one.name) in gone
    }
    by_two = {"objects_per_call": 2} if name == "limits" and BY_TWO in gone else {}
    return replace(whole, **by_two | changed)


def _steps(steps: Sequence[Step], gone: Set[Part], places: Mapping[int, int]) -> Iterator[Step]:
    """Give the steps that are left; `places` are the new positions of the items that are."""
    for n, step in enumerate(steps):
        if ("steps", n) in gone:
            continue
        if isinstance(step, Round):
            starts = tuple(_starts_left(n, step, gone))
            yield from (Round(starts),) if starts else ()
        elif isinstance(step, Bill):
            yield from (Bill(places[at]) for at in (step.position,) if at in places)
        elif isinstance(step, Edit):
            left = (at for at in step.positions if at in places and ("edit", n, at) not in gone)
            yield Edit(tuple(places[at] for at in left))
        else:
            yield A_MOMENT if ("wait", n) in gone else step


def _starts_left(n: int, step: Round, gone: Set[Part]) -> Iterator[Start]:
    for nth, start in enumerate(step.starts):
        plain = Start(start.host)
        names = [name for name in AS_A_START if ("start", n, nth, name) in gone]
        if ("start", n, nth) not in gone:
            yield replace(start, **{name: getattr(plain, name) for name in names})


def _on_hosts(steps: tuple[Step, ...], gone: Set[Part]) -> tuple[Step, ...]:
    """Let one machine do it all, where that is asked for and no two are at work at once."""
    rounds = [step for step in steps if isinstance(step, Round)]
    if ONE_HOST not in gone or any(len(one.starts) > 1 for one in rounds):
        return steps
    return tuple(
        Round((replace(step.starts[0], host="one"),)) if isinstance(step, Round) else step
        for step in steps
    )
