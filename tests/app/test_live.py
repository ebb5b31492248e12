"""The figures of a run that goes on: what is counted, what is expected of the rest."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from support.engine import item
from support.runs import Project
from zbatch.app.figures import Figures, LimitBy, Oldest
from zbatch.app.live import Live
from zbatch.app.live_json import from_json, to_json
from zbatch.app.loading import Overrides
from zbatch.app.review.approval import choose
from zbatch.engine.events import (
    Answered,
    Event,
    Gated,
    Hold,
    InFlight,
    Leaving,
    Limited,
    Paced,
    Resolving,
    Settled,
    Stopping,
)
from zbatch.engine.pacing import Bound
from zbatch.model import Attempt, ItemRecord, Outcome, Problem, Rate

START = datetime(2026, 11, 30, 22, 0, tzinfo=UTC)
RUN = "20261130T220000Z-7f3a"


class Hand:
    """A steady clock that a test moves."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def settled(outcome: Outcome, count: int = 1, run: str | None = RUN) -> list[Event]:
    invoice = "f" * 32 if outcome.success else None
    problem = Problem("X", "x")
    return [
        Settled(ItemRecord(item(n), outcome, invoice, error=problem, run_id=run))
        for n in range(count)
    ]


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def live(clock: Hand) -> Live:
    """Begin a run of 100 items, 20 of them settled before, at 10 requests a second."""
    return Live(100, 20, run_id=RUN, limit=(10.0, LimitBy.SPEC), clock=clock)


def take(live: Live, events: Iterable[Event]) -> Figures:
    for event in events:
        live.take(event)
    return live.figures()


def test_what_this_run_settles_is_added_to_what_was_settled_before(live: Live) -> None:
    """Outcomes that an earlier run has settled, and that still stand, are counted once."""
    events = [*settled(Outcome.INVOICED, 5), *settled(Outcome.ALREADY_INVOICED, 7, "20261101T0")]
    told = take(live, events)
    assert (told.done, told.earlier, told.percent) == (25, 20, 25)
    assert (told.counts[Outcome.INVOICED], told.counts[Outcome.ALREADY_INVOICED]) == (5, 7)


def test_more_outcomes_than_planned_are_not_more_than_all(live: Live) -> None:
    """A call left open by another spec settles items that this plan does not have."""
    told = take(live, settled(Outcome.INVOICED, 99))
    assert (told.done, told.percent, told.left) == (100, 100, None)


def test_what_is_held_back_is_neither_done_nor_expected(clock: Hand) -> None:
    """It waits for what this run does not mend, so the run is over before all of it is done."""
    live = Live(100, 20, held_back=30, run_id=RUN, clock=clock)
    clock.at += 2.0
    told = take(live, settled(Outcome.INVOICED, 40))
    assert (told.done, told.earlier, told.percent) == (60, 20, 60)
    assert told.left == pytest.approx(10 / told.speed)
    told = take(live, settled(Outcome.INVOICED, 99))
    assert (told.done, told.percent, told.left) == (70, 70, None)


def test_requests_are_counted_as_they_leave(live: Live, clock: Hand) -> None:
    """The rate is that of the last ten whole seconds, the first second as far as it is over."""
    for _ in range(30):
        clock.at += 0.25
        live.take(InFlight(1, 5))
        live.take(InFlight(0, 5))
    told = live.figures()
    assert (told.requests, told.in_flight, told.allowed) == (30, 0, 5)
    assert told.rate == pytest.approx(4.0, rel=0.1)
    clock.at += 60.0
    assert live.figures().rate == 0.0


def test_who_sets_the_pace_is_told(live: Live) -> None:
    """The run's own rate keeps its name; what others want has theirs."""
    assert (live.figures().limit, live.figures().limit_by) == (10.0, LimitBy.SPEC)
    said = {bound: take(live, [Paced(2.5, bound)]).limit_by for bound in Bound}
    assert said == {
        Bound.RATE: LimitBy.SPEC,
        Bound.QUOTA: LimitBy.TENANT,
        Bound.SERVER: LimitBy.SERVER,
        Bound.OUTAGE: LimitBy.OUTAGE,
        Bound.RAMP: LimitBy.RAMP,
    }
    assert live.figures().limit == 2.5


def test_a_limit_that_is_met_counts_its_answers_and_each_second_of_its_wait_once(
    live: Live, clock: Hand
) -> None:
    """Ten answers of one moment are ten limits met, and one wait."""
    take(live, [Limited("no"), Gated("no", 30.0), Limited("no"), Gated("no", 40.0)])
    clock.at += 10.0
    told = live.figures()
    assert (told.limited, told.waited) == (2, 10.0)
    assert told.wait is not None
    assert (told.wait.seconds, told.wait.reason, told.wait.hold) == (30.0, "no", Hold.LIMIT)
    clock.at += 90.0
    told = take(live, [Gated("connection refused", 5.0, Hold.UNREACHABLE)])
    clock.at += 50.0
    assert (live.figures().waited, live.figures().wait) == (40.0, None)
    assert told.wait is not None
    assert told.wait.hold is Hold.UNREACHABLE


def test_an_outage_slows_and_does_not_wait(live: Live) -> None:
    """Probes go on leaving, so nothing is waited for."""
    assert take(live, [Gated("most calls fail", 5.0, Hold.OUTAGE)]).wait is None


def test_before_anything_is_settled_the_rest_takes_what_the_rate_takes(live: Live) -> None:
    """80 items are left, and 10 a second may leave."""
    assert live.figures().left == pytest.approx(8.0)


def test_the_rest_is_expected_at_the_speed_of_late_and_with_as_many_waits(
    live: Live, clock: Hand
) -> None:
    """After 20 s at 2 items a second and 20 s of waiting, 40 items take 40 s: as long again."""
    for event in settled(Outcome.INVOICED, 40):
        clock.at += 0.5
        live.take(event)
    assert live.figures().left == pytest.approx(20.0)
    live.take(Gated("no", 20.0))
    assert live.figures().left == pytest.approx(20.0 + 20.0)
    clock.at += 20.0
    told = live.figures()
    assert told.speed == pytest.approx(2.0)
    assert told.left == pytest.approx(40.0)


def test_the_rest_is_expected_no_faster_than_it_may_leave(live: Live, clock: Hand) -> None:
    """Where the tenant has slowed the run down, the speed of before tells nothing."""
    for event in settled(Outcome.INVOICED, 40):
        clock.at += 0.1
        live.take(event)
    assert take(live, [Paced(0.5, Bound.SERVER)]).left == pytest.approx(80.0)


def test_a_long_run_forgets_how_fast_it_began(clock: Hand) -> None:
    """What counts is the last minute."""
    live = Live(10_000, 0, run_id=RUN, limit=(50.0, LimitBy.SPEC), clock=clock)
    for event in settled(Outcome.INVOICED, 1000):
        clock.at += 0.1
        live.take(event)
    for event in settled(Outcome.INVOICED, 100):
        clock.at += 1.0
        live.take(event)
    assert live.figures().speed == pytest.approx(1.0, rel=0.05)


def test_the_call_in_flight_for_longest_is_named(live: Live, clock: Hand) -> None:
    """By its first account, with its number where it has one, until it is over."""
    numbered = replace(item(2), account_number="A00000002")
    first, second = (Attempt(1, START, f"track-{n}") for n in (1, 2))
    take(live, [Leaving((item(1),), "k1", first)])
    clock.at += 2.0
    told = take(live, [Leaving((numbered, item(3)), "k2", second)])
    assert told.oldest == Oldest(item(1).identity.account_id, 2.0)
    clock.at += 1.0
    told = take(live, [Answered((item(1),), "k1", first, "invoiced")])
    assert told.oldest == Oldest("A00000002", 1.0, 1)
    assert take(live, [Answered((), "k2", second, "failed")] * 2).oldest is None


def test_what_was_sent_and_has_no_outcome_is_open(live: Live, clock: Hand) -> None:
    """Neither while its call is in flight, nor in the moment until it is settled."""
    attempt = Attempt(1, START, "track")
    gone = Leaving((item(0), item(1)), "key", attempt)
    lost = Answered(gone.items, "key", attempt, "again after backoff")
    assert take(live, [gone]).open == 0
    assert take(live, [lost]).open == 0
    clock.at += 1.0
    assert live.figures().open == 2
    assert take(live, [gone]).open == 0
    live.take(lost)
    clock.at += 1.0
    assert take(live, settled(Outcome.INVOICED)).open == 1


def test_a_send_that_never_left_opens_nothing_and_closes_nothing(live: Live, clock: Hand) -> None:
    """What an earlier send may have done is as open as before."""
    gone = Leaving((item(0),), "key", Attempt(1, START, "track"))
    stayed = Answered(gone.items, "key", Attempt(2, START, "track", sent=False), "again")
    take(live, [gone, stayed])
    clock.at += 1.0
    assert live.figures().open == 0
    take(live, [gone, replace(stayed, attempt=gone.attempt), gone, stayed])
    clock.at += 1.0
    assert live.figures().open == 1


def test_a_run_that_stops_says_why_and_expects_no_rest(live: Live) -> None:
    """What is not sent any more takes no time."""
    told = take(live, [Resolving(3), Stopping("interrupted by SIGINT", 2)])
    assert (told.stopping, told.left) == ("interrupted by SIGINT", None)


def test_the_deadline_comes_nearer(clock: Hand) -> None:
    """It is counted from the beginning, and not beyond its end."""
    live = Live(100, 0, deadline=60.0, clock=clock)
    clock.at += 45.0
    assert live.figures().deadline == 15.0
    clock.at += 45.0
    assert live.figures().deadline == 0.0
    assert Live(100).figures().deadline is None


def test_figures_come_back_from_their_json(live: Live, clock: Hand) -> None:
    """Whatever other programs read, and `zbatch status` shows, is what the run has told."""
    events = [
        *settled(Outcome.FAILED, 3),
        InFlight(3, 8),
        Leaving((item(1),), "k", Attempt(1, START, "t")),
        Limited("no"),
        Gated("no", 30.0),
        Stopping("enough", 1),
    ]
    take(live, events)
    clock.at += 1.5
    for told in (Figures(deadline=5.0), live.figures()):
        back = from_json(json.loads(json.dumps(to_json(told))))
        assert to_json(back) == to_json(told)
    assert back.wait == live.figures().wait
    assert back.oldest == live.figures().oldest


def test_the_rate_is_said_to_be_whose_it_is(project: Project) -> None:
    """The spec's where it writes one; else the default, or whoever has lowered it."""

    path = project.spec(1, limits={"rate": "5/s"})

    def said(rate: Rate | None = None, **changed: Any) -> LimitBy:
        plan = choose(path, Overrides(rate=rate)).plan
        plan = replace(plan, spec=replace(plan.spec, **changed))
        return Live.of(plan, 0, RUN).figures().limit_by

    assert said() is LimitBy.SPEC
    assert said(Rate(5, 1.0)) is LimitBy.SPEC
    assert said(Rate(1, 1.0)) is LimitBy.FLAG
    assert said(limit_sources={}) is LimitBy.DEFAULT
    assert said(limit_sources={}, lowered=("rate",)) is LimitBy.TENANT
