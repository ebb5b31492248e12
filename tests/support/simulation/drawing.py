"""Draw a scenario from a seed: a tenant, its accounts, and a subset of what may go wrong."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from support.emulator import PROMISED
from support.simulation.going_wrong import TROUBLES, met, mishaps, stored
from support.simulation.scenario import (
    HOUR,
    SETTLE,
    Bill,
    Edit,
    Lose,
    Narrowing,
    Policy,
    Pressing,
    Round,
    Scenario,
    Shift,
    Start,
    Step,
    Wait,
)
from support.world_net import TWICE, Crowd, Telling
from zbatch.emulator import (
    Conflict,
    CurrencyField,
    Drafts,
    Modes,
    OtherBody,
    ReplayDate,
    SecondGenerate,
    SourceField,
    Stored,
    TaxFields,
    Temporary,
)
from zbatch.emulator.book import BookAccount
from zbatch.engine.stages import Choice
from zbatch.model import Limits, Rate, Settling, StopRules
from zbatch.zuora.headers import RATE_PREFIXES

ITEMS = 20
DOWNTIMES = (2.0, 60.0, 15 * 60.0, HOUR, 10 * HOUR, 22.5 * HOUR, 30 * HOUR, 80 * HOUR)
AT_ONCE = (1, 2, 3, 5, 7, 13, 20, 33)  # requests that the tenant takes
MOVES = (0.5, 5.0, 30.0, 130.0, 300.0, 1000.0, HOUR, 20 * HOUR)
CLOCK_ERRORS = (-30.0, -2.0, -0.5, 0.0, 2.0, 25.0)  # hours
CLOCK_STEPS = (-90.0, -5.0, 5.0, 90.0, HOUR)  # seconds, while a run is under way
LOG_INS = (0.0, 0.0, 0.3, 2.0, 20.0)  # seconds
SCARCE: Sequence[tuple[Rate, ...]] = (
    (Rate(30, 60.0),),
    (Rate(5, 1.0),),
    (Rate(300, 60.0), Rate(40, HOUR)),
    (Rate(60, 60.0), Rate(2000, 24 * HOUR)),
    (Rate(50, 24 * HOUR),),
)
MOST_CALLS, MOST_QUESTIONS = 200, 60  # that may meet a trouble


def draw(seed: int, family: str, size: int = ITEMS) -> Scenario:
    """Draw the scenario of a seed."""
    random = Random(f"{family} {seed}")  # a text is hashed the same everywhere
    drafts = random.choice([Drafts.SEPARATE] * 4 + [Drafts.APPENDED])
    items, accounts = _accounts(random, size)
    chosen = random.sample(TROUBLES, random.randint(0, 4))
    twice = TWICE in chosen
    often = random.choice([0.02, 0.1, 0.3])
    policy = _policy(Random(f"{family} {seed} policy"))
    drawn = Scenario(
        family=family,
        seed=seed,
        items=tuple(items),
        accounts=tuple(accounts.items()),
        modes=Modes(
            stored=random.choice(list(Stored)),
            conflict=_conflict(random.choice(PROMISED), Random(f"{family} {seed} key"), twice),
            second_generate=random.choice([SecondGenerate.BILLS_AGAIN] * 3 + list(SecondGenerate)),
            other_body=random.choice(list(OtherBody)),
            drafts=drafts,
            source_field=random.choice(list(SourceField)),
            read_lag=_unless(drafts, random.choice([0.0, 0.0, 5.0, 60.0, 600.0])),
            generating=_unless(drafts, random.choice([0.0, 0.0, 20.0, 600.0])),
            **_told(Random(f"{family} {seed} told")),
        ),
        limits=_limits(random),
        settling=Settling(SETTLE, random.choice([0.0, 0.0, 3 * HOUR])),
        calls=met(random, chosen, often, MOST_CALLS),
        questions=met(random, chosen, often / 4, MOST_QUESTIONS),
        mishaps=mishaps(random, Random(f"{family} {seed} misleading"), chosen, drafts),
        steps=tuple(FAMILIES[family](random, len(items))),
        policy=policy,
        # a limit would refuse one copy alone of what is delivered twice
        narrowing=Narrowing() if twice else _narrowing(Random(f"{family} {seed} crowd")),
        pressing=Pressing() if twice else _pressing(Random(f"{family} {seed} pressing"), family),
        log_in=_log_in(Random(f"{family} {seed} log-in"), policy),
    )
    answers = stored(Random(f"{family} {seed} stored"), _clock_errs(drawn))
    return replace(drawn, mishaps=(*drawn.mishaps, *answers))


def _clock_errs(scenario: Scenario) -> bool:
    """Tell whether a machine's clock is wrong at some time."""
    shifted = any(isinstance(step, Shift) and step.hours for step in scenario.steps)
    return shifted or bool(scenario.pressing.steps)


def _conflict(promised: Conflict, random: Random, twice: bool) -> Conflict:
    """Draw, for a part of the histories, a tenant that does not know a key while it is at work.

    Not where calls are delivered twice unseen: the second copy's answer may be the only one.
    """
    unseen = random.random() < 0.25 and not twice
    return Conflict.UNSEEN if unseen else promised


def _narrowing(random: Random) -> Narrowing:
    """Draw a limit on requests at once that may move, for a part of the histories."""
    if random.random() < 0.5:
        return Narrowing()
    moves = sorted(random.choice(MOVES) for _ in range(random.randint(0, 3)))
    limits = [(after, random.choice(AT_ONCE)) for after in (0.0, *moves)]
    return Narrowing(tuple(limits), random.random() < 0.5)


def _pressing(random: Random, family: str) -> Pressing:
    """Draw scarce rates, how they are told, and who else uses them; from a stream of its own."""
    if random.random() < 0.6:
        return Pressing()
    rates = random.choice(SCARCE)
    least = min(rate.per_second for rate in rates)
    crowd = Crowd(
        random.choice([0.0, 0.0, 0.3, 0.7]) * least,
        random.choice(list(Telling)),
        random.choice(RATE_PREFIXES),
    )
    changes: list[tuple[float, tuple[Rate, ...]]] = []
    if random.random() < 0.3:
        changes = [(random.choice([2.0, 30.0, HOUR]), random.choice(SCARCE)) for _ in range(2)]
    steps: list[tuple[float, float]] = []
    if family == "crashes" and random.random() < 0.3:
        moments = (random.choice([1.0, 20.0, 500.0]) for _ in range(2))
        steps = [(moment, random.choice(CLOCK_STEPS)) for moment in moments]
    return Pressing(rates, crowd, tuple(changes), tuple(steps))


def _policy(random: Random) -> Policy:
    """Draw rules to stop by and stages, for a part of the histories; from a stream of its own."""
    if random.random() < 0.75:
        return Policy()
    rules: dict[str, Any] = {
        "failures": random.randint(1, 4),
        "failure_ratio": random.choice([0.1, 0.3]),
        "unknown": random.randint(1, 3),
        "consecutive_failures": random.randint(1, 3),
        "deadline": random.choice([5.0, 300.0, 3600.0]),
    }
    chosen = {name: rules[name] for name in random.sample(list(rules), random.randint(0, 3))}
    stages = random.choice([(), (1, 3, None), (2, 10, None), (5, None)])
    looks = random.choices(list(Choice), weights=[4, 1, 2], k=random.randint(0, 4))
    return Policy(StopRules(**chosen, min_sample=random.choice([2, 5])), stages, tuple(looks))


def _unless(drafts: Drafts, seconds: float) -> float:
    """Draw no lag where items are appended: to a draft that is too young for the baseline.

    What becomes of these is held by test_other_hosts.
    """
    return 0.0 if drafts is Drafts.APPENDED else seconds


def _told(random: Random) -> dict[str, Any]:
    """Draw what the tenant tells of invoices and replays, and of temporary invoices beside others.

    A number of its own that is temporary is not drawn: test_adversary holds that it is waited for.
    """
    return {
        "currency_field": random.choice(list(CurrencyField)),
        "tax_fields": random.choice(list(TaxFields)),
        "temporary": random.choice([Temporary.NONE, Temporary.BESIDE]),
        "replay_date": random.choice(list(ReplayDate)),
    }


def _log_in(random: Random, policy: Policy) -> float:
    """Draw how long a log-in takes: no run gets anywhere whose deadline comes first."""
    return min(random.choice(LOG_INS), (policy.stop.deadline or HOUR) / 4)


def _accounts(random: Random, size: int) -> tuple[list[tuple[int, int]], dict[int, BookAccount]]:
    """Draw accounts until there are enough items; some have two dates."""
    items: list[tuple[int, int]] = []
    accounts: dict[int, BookAccount] = {}
    slow = random.choice([[1.0], [0.02, 1.0, 30.0], [1.0, 30.0, 140.0, 900.0]])
    while len(items) < size:
        number = len(accounts) + 1
        latency = random.choice(slow)
        due = latency > 100.0 or random.random() > 0.1  # "nothing due" must get through some time
        accounts[number] = BookAccount(
            charges_due=due, invoices=random.choice([1, 1, 1, 2]), latency=latency
        )
        items += [(number, day) for day in random.choice([(30,), (30,), (10, 20)])]
    return items[:size], accounts


def _limits(random: Random) -> Limits:
    concurrency = random.choice([10, 10, 2, 40])
    rate = random.choice([Rate(6000, 60.0), Rate(6000, 60.0), Rate(2, 1.0)])
    return Limits(concurrency, rate, random.choice([1, 1, 3, 10]), 150.0)


def _start(random: Random, host: str = "one", after: float = 0.0) -> Start:
    """Draw a process: it may die early or late, or be interrupted."""
    die_at = round(1.5 * 100 ** random.random()) if random.random() < 0.6 else None
    signals: tuple[tuple[float, int], ...] = ()
    if random.random() < 0.1:
        first = random.choice([0.01, 1.0, 5.0, 100.0])
        signals = ((first, signal.SIGINT), (first + random.choice([0.5, 20.0]), signal.SIGTERM))
        signals = signals[: random.randint(1, 2)]
    if random.random() < 0.15:
        return Start(host, reconcile=True, die_at=die_at, after=after, signals=signals)
    again = {"retry_failed": random.random() < 0.2, "retry_nothing": random.random() < 0.1}
    return Start(host, die_at=die_at, after=after, signals=signals, **again)


def _alone(random: Random, host: str = "one") -> list[Step]:
    return [Round((_start(random, host),)), Wait(random.choice(DOWNTIMES))]


def _crashes(random: Random, _items: int) -> list[Step]:
    """One machine, whose processes die and whose clock may be wrong."""
    steps: list[Step] = []
    for _ in range(random.randint(1, 5)):
        steps += _alone(random)
        if random.random() < 0.1:
            steps.append(Shift("one", random.choice(CLOCK_ERRORS)))
    return steps


def _lost(random: Random, _items: int) -> list[Step]:
    """One machine that loses its ledger, once or twice."""
    steps: list[Step] = []
    for _ in range(random.randint(1, 2)):
        for _ in range(random.randint(1, 2)):
            steps += _alone(random)
        steps.append(Lose("one"))
    return steps + _alone(random)


def _returns(random: Random, _items: int) -> list[Step]:
    """A second machine does the first one's work, which then returns."""
    steps: list[Step] = []
    for host in ("one", "two", "one"):
        for _ in range(random.randint(1, 2)):
            steps += _alone(random, host)
    return steps


def _pair(random: Random, _items: int) -> list[Step]:
    """Two machines run the spec at once."""
    steps: list[Step] = []
    for _ in range(random.randint(1, 3)):
        after = random.choice([0.0, 0.05, 0.5, 1.1, 3.0, 40.0, 400.0])
        starts = (_start(random), _start(random, "two", after))
        steps += [Round(starts), Wait(random.choice(DOWNTIMES))]
    return steps


def _by_hand(random: Random, items: int) -> list[Step]:
    """People bill in the tenant what a run has left, while it is away."""
    steps: list[Step] = []
    for _ in range(random.randint(1, 4)):
        steps += _alone(random)
        for position in random.sample(range(items), random.randint(0, 3)):
            steps += [Bill(position), Wait(random.choice([0.0, 60.0, HOUR]))]
    return steps


def _edited(random: Random, items: int) -> list[Step]:
    """The same, and between two runs the spec gets other invoice dates, or its old ones back."""
    steps: list[Step] = []
    for step in _by_hand(random, items):
        if isinstance(step, Round) and random.random() < 0.6:
            some = random.sample(range(items), random.randint(0, items // 2))
            steps.append(Edit(tuple(sorted(some))))
        steps.append(step)
    return steps


FAMILIES: Mapping[str, Callable[[Random, int], list[Step]]] = {
    "crashes": _crashes,
    "lost": _lost,
    "returns": _returns,
    "pair": _pair,
    "by_hand": _by_hand,
    "edited": _edited,
}
IN_TURN = ("crashes", "lost", "returns", "pair", "by_hand")  # more would change what seeds mean


def family_of(seed: int) -> str:
    """Choose the family of a seed where none is asked for."""
    return IN_TURN[seed % len(IN_TURN)]
