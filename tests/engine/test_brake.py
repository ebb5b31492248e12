"""What holds the whole run back: stops, gates and an unreachable host, on an imagined clock."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest

from support.engine import LOST, START, TENANT, HighRandom, status
from zbatch.engine.backoff import LONGEST_GATE
from zbatch.engine.brake import Brake
from zbatch.engine.concurrency import Flight
from zbatch.engine.ending import Stop, StopReason
from zbatch.engine.events import Event, Gated, Hold, InFlight, Limited, Paced, Stopping
from zbatch.engine.outage import Shown
from zbatch.engine.pacing import Bound, Pace
from zbatch.engine.settings import Settings
from zbatch.model import Limits, MetRule, Problem, Rate, StopRules
from zbatch.zuora.request import make_call
from zbatch.zuora.wire import Reply


@dataclass
class HandClock:
    """A clock that a test moves by hand."""

    at: float = 0.0

    def monotonic(self) -> float:
        return self.at

    def now(self) -> datetime:
        return START + timedelta(seconds=self.at)


class LowRandom:
    """Jitter without chance: always the shortest wait."""

    def uniform(self, low: float, high: float) -> float:
        return low


@pytest.fixture
def clock() -> HandClock:
    """Give a clock that stands at the start."""
    return HandClock()


@pytest.fixture
def events() -> list[Event]:
    """Give the list into which a brake tells."""
    return []


def a_brake(
    clock: HandClock,
    events: list[Event],
    random: HighRandom | LowRandom | None = None,
    rules: StopRules | None = None,
    pace: Pace | None = None,
) -> Brake:
    settings = Settings(
        "tail",
        Limits(10, Rate(600, 60.0), 1, 150.0),
        6,
        lambda items, generation: make_call(TENANT, items, generation),
        patience=120.0,
        rules=rules or StopRules(),
        pace=pace,
    )
    return Brake(clock, random or HighRandom(), events.append, settings)


@pytest.fixture
def brake(clock: HandClock, events: list[Event]) -> Brake:
    """Give the brake of a run of ten a second, whose jitter is always the longest."""
    return a_brake(clock, events)


def limited(seconds: float) -> Reply:
    return status(429, retry_after=f"{seconds:.0f}")


def test_a_stop_is_told_with_all_that_a_person_needs(brake: Brake, events: list[Event]) -> None:
    """The reason, how many calls are still awaited, and what can be done meanwhile."""
    with brake.flying():
        brake.stop(StopReason.INTERRUPTED, "interrupted", "press again to give up")
    assert events[1] == Stopping("interrupted", 1, "press again to give up")
    assert brake.stopped == Stop(StopReason.INTERRUPTED, "interrupted")
    assert brake.stopping.is_set()


def test_only_the_first_stop_is_told(brake: Brake, events: list[Event]) -> None:
    """A later reason neither replaces the first nor is announced."""
    brake.stop(StopReason.DISK, "the disk is full")
    brake.stop(StopReason.INTERNAL, "a bug")
    assert events == [Stopping("the disk is full", 0, "")]
    assert brake.stopped == Stop(StopReason.DISK, "the disk is full")


@pytest.mark.parametrize("grave", [StopReason.DISK, StopReason.INTERNAL])
def test_what_goes_wrong_while_a_run_stops_is_known_all_the_same(
    brake: Brake, events: list[Event], grave: StopReason
) -> None:
    """Its exit code is graver than that of a drained run; why it stopped is still said."""
    brake.stop(StopReason.INTERRUPTED, "interrupted")
    brake.stop(grave, "it broke")
    assert events == [Stopping("interrupted", 0, "")]
    assert brake.stopped == Stop(grave, "it broke; before that: interrupted")


def test_a_rule_that_is_met_stops_the_run_in_its_own_words(
    brake: Brake, events: list[Event]
) -> None:
    """The rule is kept for the report; where none is met, the run goes on."""
    brake.mind(None)
    assert not brake.stopping.is_set()
    met = MetRule("failures", 3.0, 3.0, None, "3 items have failed")
    brake.mind(met)
    assert events == [Stopping("3 items have failed", 0, "")]
    assert brake.stopped == Stop(StopReason.RULE, "3 items have failed", met)


def test_a_deadline_is_counted_from_the_beginning_of_the_run(
    clock: HandClock, events: list[Event]
) -> None:
    """What the steady clock said before does not count."""
    clock.at = 1000.0
    brake = a_brake(clock, events, rules=StopRules(deadline=0.01))

    async def wait_for_it() -> None:
        wake = asyncio.Event()
        with brake.timed(wake):
            await asyncio.wait_for(wake.wait(), 30)

    asyncio.run(wait_for_it())
    assert brake.stopped is not None
    assert brake.stopped.rule is not None
    assert brake.stopped.rule.value == 0.0
    assert "0 s have passed" in brake.stopped.message


def test_a_wait_until_a_time_that_is_over_ends_at_once(clock: HandClock, brake: Brake) -> None:
    """A wait is as long as that time is away, whatever the steady clock shows."""
    clock.at = 1000.0
    asyncio.run(asyncio.wait_for(brake.until(asyncio.Event(), 1000.0), 30))


def test_requests_in_flight_are_counted_up_and_down(brake: Brake, events: list[Event]) -> None:
    """Also where one of them raises."""
    with brake.flying(), pytest.raises(ValueError, match="broken"), brake.flying():
        raise ValueError("broken")
    assert events == [InFlight(1, 5), InFlight(2, 5), InFlight(1, 5), InFlight(0, 5)]


def test_a_gate_is_told_with_its_reason_and_wait(brake: Brake, events: list[Event]) -> None:
    """Whoever watches sees why nothing leaves, and for how long."""
    brake.throttled(limited(90), "too many requests", 1)
    met = Limited("too many requests")
    assert events == [met, Gated("too many requests", 90.0, Hold.LIMIT)]
    brake.throttled(limited(30), "too many requests", 1)
    assert events[2:] == [met], "a shorter wait changes nothing and is not told, but is counted"


@pytest.mark.parametrize(
    ("asked", "failures", "wait"), [(None, 1, 1.0), (None, 4, 8.0), (5, 4, 8.0), (9, 4, 9.0)]
)
def test_a_gate_lasts_for_what_is_asked_and_at_least_for_the_backoff(
    clock: HandClock,
    brake: Brake,
    events: list[Event],
    asked: int | None,
    failures: int,
    wait: float,
) -> None:
    """The server's word is taken, unless it is less than the refusals in a row call for."""
    for _ in range(failures):
        clock.at += 100.0
        brake.throttled(limited(asked) if asked else status(429), "no", clock.at - 1.0)
    assert events[-2:] == [Limited("no"), Gated("no", wait)]


def test_refusals_of_what_was_under_way_together_are_one(
    clock: HandClock, brake: Brake, events: list[Event]
) -> None:
    """Forty that a closed gate finds in flight make its wait no longer; the next one does."""
    for at, left in ((2.0, 1.0), (2.5, 1.1), (3.0, 2.0), (10.0, 9.0)):
        clock.at = at
        brake.throttled(status(429), "no", left)
    assert [event.wait for event in events if isinstance(event, Gated)] == [1.0, 1.0, 1.0, 2.0]


def test_one_too_many_at_once_waits_as_the_tenant_says_or_two_minutes(
    brake: Brake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long nothing more is tried where it was refused; two minutes are what Zuora documents."""
    waits: list[float] = []
    monkeypatch.setattr(type(brake.places), "refused", lambda _, flight, wait: waits.append(wait))
    for exchange in (limited(30), status(429)):
        brake.crowded(Flight(4, 0.0, 3), exchange, Problem("50000070", "too many"))
    assert waits == [30.0, 120.0]


def test_a_question_that_is_answered_says_nothing_of_calls(
    clock: HandClock, brake: Brake, events: list[Event]
) -> None:
    """It ends the refusals of questions; those of calls end with a call, and so do both."""
    for number, question in enumerate((True, False, True, False)):
        clock.at = 100.0 * number
        brake.throttled(status(429), "no", clock.at, question=question)
    brake.accepted(question=True)
    for question in (True, False):
        clock.at += 100.0
        brake.throttled(status(429), "no", clock.at, question=question)
    brake.accepted()
    for question in (True, False):
        clock.at += 100.0
        brake.throttled(status(429), "no", clock.at, question=question)
    waits = [event.wait for event in events if isinstance(event, Gated)]
    assert waits == [1.0, 1.0, 2.0, 2.0, 1.0, 4.0, 1.0, 1.0]


def test_full_jitter_begins_at_nothing(clock: HandClock, events: list[Event]) -> None:
    """Waits are drawn from zero on, so that hosts that failed together do not meet again."""
    brake = a_brake(clock, events, LowRandom())
    assert brake.jitter(5) == 0.0
    brake.throttled(status(429), "no", 1)
    brake.throttled(LOST, "no", 1)
    assert events == [Limited("no")] * 2


def test_a_fault_that_throttles_asks_for_no_time(brake: Brake, events: list[Event]) -> None:
    """Without a reply there is no header: the backoff alone counts."""
    brake.throttled(LOST, "no", 2)
    assert events == [Limited("no"), Gated("no", 1.0)]


def http(at: datetime) -> str:
    return format_datetime(at, usegmt=True)


def until(wait: float, now: datetime) -> Reply:
    """Give a refusal of a server by whose clock it is `now`: until a date of that clock."""
    return status(429, date=http(now), retry_after=http(now + timedelta(seconds=wait)))


@pytest.mark.parametrize("ahead", [timedelta(minutes=-3), timedelta(), timedelta(hours=6)])
def test_a_date_is_waited_for_by_the_servers_clock(
    brake: Brake, events: list[Event], ahead: timedelta
) -> None:
    """Ours may be minutes ahead of it, or behind."""
    refusal = until(120.0, START + ahead)
    brake.answered(refusal)
    brake.throttled(refusal, "no", 1)
    assert events == [Limited("no"), Gated("no", 120.0)]


def test_without_a_clock_of_the_server_a_date_is_waited_for_by_ours(
    brake: Brake, events: list[Event]
) -> None:
    """There is no better one."""
    brake.throttled(status(429, retry_after=http(START + timedelta(seconds=90))), "no", 1)
    assert events == [Limited("no"), Gated("no", 90.0)]


@pytest.mark.parametrize("between", [[], [10], [10, 11]])
def test_a_date_beside_an_old_clock_is_waited_for_by_what_is_known_of_the_servers(
    clock: HandClock, brake: Brake, events: list[Event], between: list[int]
) -> None:
    """A reply that is kept for a key tells when it was made: the hours since are no wait."""
    brake.answered(status(200, date=http(START)))
    clock.at = 30.0
    for hours in between:
        brake.answered(status(200, date=http(START - timedelta(hours=hours))))
    retry = http(START + timedelta(seconds=100))
    kept = status(429, date=http(START - timedelta(hours=10)), retry_after=retry)
    brake.answered(kept)
    brake.throttled(kept, "no", 1)
    assert events == [Limited("no"), Gated("no", 70.0)]


@pytest.mark.parametrize(("wait", "stops"), [(LONGEST_GATE, False), (LONGEST_GATE + 1, True)])
def test_a_wait_of_more_than_an_hour_stops_the_run(
    brake: Brake, events: list[Event], wait: float, stops: bool
) -> None:
    """A day's quota that is used up is told with the wait, and not slept away."""
    brake.throttled(limited(wait), "the quota is used up", 1)
    if not stops:
        assert events[1:] == [Gated("the quota is used up", wait)]
        return
    message = "the server asks to wait 3601 s: the quota is used up"
    assert events[1:] == [Stopping(message, 0, "")]
    assert brake.stopped == Stop(StopReason.LIMIT, message)


def test_a_tenant_that_takes_nothing_in_for_an_hour_stops_the_run(
    clock: HandClock, brake: Brake
) -> None:
    """Counted from the first refusal since something was taken in; exactly an hour is borne."""
    brake.throttled(limited(60), "busy", 1)
    clock.at = 10.0
    brake.accepted()
    brake.throttled(limited(60), "busy", 1)
    clock.at = 10.0 + LONGEST_GATE
    brake.throttled(limited(60), "busy", 1)
    assert brake.stopped is None
    clock.at += 0.1
    brake.throttled(limited(60), "busy", 1)
    message = "the tenant takes nothing in for an hour: busy"
    assert brake.stopped == Stop(StopReason.LIMIT, message)


def test_an_unreachable_host_pauses_the_run_and_then_stops_it(
    clock: HandClock, brake: Brake, events: list[Event]
) -> None:
    """Each pause is told with its reason; patience ends after two minutes."""
    brake.unreachable("connection refused")
    assert events == [Gated("connection refused", 1.0, Hold.UNREACHABLE)]
    clock.at = 120.0
    brake.unreachable("connection refused")
    assert brake.stopped == Stop(StopReason.UNREACHABLE, "connection refused")


def test_any_answer_restores_the_patience_with_a_host(clock: HandClock, brake: Brake) -> None:
    """Whatever the reply says, the host is there."""
    brake.unreachable("connection refused")
    clock.at = 119.0
    brake.answered(status(500))
    clock.at = 130.0
    brake.unreachable("connection refused")
    assert brake.stopped is None


def test_the_servers_clock_is_told_by_its_last_reply(clock: HandClock, brake: Brake) -> None:
    """It goes on by the steady clock, and a reply without a date takes nothing away."""
    assert brake.server_date() is None
    clock.at = 5.0
    brake.answered(status(200, date="Mon, 30 Nov 2026 22:30:00 GMT"))
    clock.at = 7.5
    brake.answered(status(200))
    expected = START + timedelta(minutes=30, seconds=2.5)
    assert brake.server_date() == expected
    assert brake.clocks().server == expected


def test_kept_replies_move_neither_the_servers_clock_nor_the_places(
    clock: HandClock, brake: Brake
) -> None:
    """R7: they tell of hours ago, however many of them come; a second is not old."""
    brake.answered(status(200, date="Mon, 30 Nov 2026 22:30:00 GMT"))
    with brake.flying():
        allowed = brake.places.allowed
    counts = {"concurrency-limit-limit": "40", "concurrency-limit-remaining": "39"}
    for clock.at in (1.0, 2.0, 3.0):
        brake.answered(Reply(200, {"date": "Mon, 30 Nov 2026 20:00:00 GMT", **counts}, b""))
    assert brake.server_date() == START + timedelta(minutes=30, seconds=3)
    assert brake.places.allowed == allowed
    brake.answered(Reply(200, {"date": "Mon, 30 Nov 2026 22:30:02 GMT", **counts}, b""))
    assert brake.server_date() == START + timedelta(minutes=30, seconds=3), "the newest there is"
    assert brake.places.allowed > allowed


def test_the_latest_time_of_ours_is_kept(clock: HandClock, brake: Brake) -> None:
    """R7: a clock that goes back is held against the latest time it has ever shown."""
    assert brake.clocks().newest is None
    clock.at = 60.0
    assert brake.clocks().newest == START
    clock.at = 30.0
    assert brake.clocks().newest == START + timedelta(seconds=60)
    assert brake.clocks().newest == START + timedelta(seconds=60)


def test_a_run_goes_on_in_the_pace_of_the_questions_before_it(clock: HandClock) -> None:
    """What was asked before took slots of the same rate, and a closed gate stays closed."""
    pace = Pace(Rate(1, 10.0))
    pace.left(pace.reserve(0.0), 0.0)
    settings = Settings(
        "tail",
        Limits(10, Rate(1, 10.0), 1, 150.0),
        6,
        lambda items, generation: make_call(TENANT, items, generation),
        pace=pace,
    )
    brake = Brake(clock, HighRandom(), lambda event: None, settings)
    brake.throttled(status(429, retry_after="30"), "busy", 1)
    assert pace.opens >= 30.0
    assert pace.reserve(clock.at).at == pace.opens


def left(remaining: int, reset: int, date: str = "") -> Reply:
    return status(200, date=date, ratelimit_remaining=str(remaining), ratelimit_reset=str(reset))


def test_a_window_that_is_used_up_closes_the_gate(
    clock: HandClock, brake: Brake, events: list[Event]
) -> None:
    """The tenant says that nothing is left for 40 s: nothing leaves before, and all may see why."""
    brake.answered(left(0, 40))

    async def next_turn() -> None:
        turn = asyncio.ensure_future(brake.turn())
        await asyncio.sleep(0)
        clock.at = 0.1
        brake.stop(StopReason.INTERRUPTED, "enough")
        assert not await turn

    clock.at = 0.1
    asyncio.run(next_turn())
    assert events[0] == Gated("the tenant says that its rate limit is used up", 40.9, Hold.WINDOW)


def test_the_last_moment_of_a_window_is_awaited_without_a_word(
    clock: HandClock, events: list[Event]
) -> None:
    """A second that is short of a call or two is nothing that anybody must be told."""
    brake = a_brake(clock, events)
    brake.answered(left(0, 40))
    clock.at = 40.5  # of 41, since its end may be rounded

    async def next_turn() -> None:
        turn = asyncio.ensure_future(brake.turn())
        await asyncio.sleep(0)
        clock.at = 42.0
        assert await asyncio.wait_for(turn, 30)

    asyncio.run(next_turn())
    assert events == [Paced(10.0, Bound.RATE)]


def test_a_quota_that_is_full_for_longer_than_an_hour_stops_the_run(
    clock: HandClock, events: list[Event]
) -> None:
    """A day's quota is not slept away: the run ends resumable, and says which limit it was."""
    brake = a_brake(clock, events, pace=Pace(Rate(600, 60.0), [Rate(1, 86_400.0)]))
    assert asyncio.run(brake.turn())
    clock.at = 1.0
    assert not asyncio.run(brake.turn())
    assert brake.stopped is not None
    assert brake.stopped.reason is StopReason.LIMIT
    assert "the tenant's quota of 1 calls a day is used up" in brake.stopped.message


def test_the_headers_of_a_kept_reply_are_not_taken_in(
    clock: HandClock, events: list[Event]
) -> None:
    """A reply that the server has kept under its key tells of a window of hours ago."""
    brake = a_brake(clock, events)
    brake.answered(status(200, date="Mon, 30 Nov 2026 22:30:00 GMT"))
    brake.answered(left(0, 3000, date="Mon, 30 Nov 2026 20:00:00 GMT"))
    assert asyncio.run(brake.turn())
    brake.answered(left(0, 30, date="Mon, 30 Nov 2026 22:30:01 GMT"))
    clock.at = 0.2

    async def next_turn() -> bool | None:
        return await brake.unless_stopped(asyncio.wait_for(brake.turn(), 0.01))

    with pytest.raises(TimeoutError):
        asyncio.run(next_turn())


def test_an_outage_is_told_and_stops_the_run_when_it_lasts(
    clock: HandClock, brake: Brake, events: list[Event]
) -> None:
    """Twenty keys that fail make one, and the next failed retry of a run of no items ends it."""
    for number in range(20):
        brake.learn(Shown(f"{number}", failed=True, left=0.0))
    why = "most calls fail, whichever account they are for"
    assert events == [Paced(0.2, Bound.OUTAGE), Gated(why, 5.0, Hold.OUTAGE)]
    clock.at = 5.0
    brake.learn(Shown("0", failed=True, left=4.0, again=True))
    assert brake.stopped is not None
    assert brake.stopped.reason is StopReason.OUTAGE


def test_an_outage_that_is_over_holds_nobody_back(
    clock: HandClock, brake: Brake, events: list[Event]
) -> None:
    """Who waited for his probe leaves at once when the last ten of twenty answers are good."""
    assert asyncio.run(brake.turn())
    for number in range(20):
        brake.learn(Shown(f"{number}", failed=True, left=0.0))

    async def wait_for_it() -> None:
        turn = asyncio.ensure_future(brake.turn())
        await asyncio.sleep(0)
        clock.at = 1.0
        for number in range(10):
            brake.learn(Shown(f"{number}", failed=False, left=0.0))
        assert await asyncio.wait_for(turn, 30)

    asyncio.run(wait_for_it())
    assert [type(event) for event in events] == [Paced, Paced, Gated, Paced]


def test_a_pace_is_told_when_it_changes(
    clock: HandClock, brake: Brake, events: list[Event]
) -> None:
    """Whoever watches knows how fast it may go and who says so: the rate, a window, an outage."""

    async def leave_at(*times: float) -> None:
        for clock.at in times:
            assert await asyncio.wait_for(brake.turn(), 30)

    asyncio.run(leave_at(0.0, 1.0))
    brake.answered(left(118, 60))
    asyncio.run(leave_at(2.0, 3.0))
    for number in range(20):
        brake.learn(Shown(f"{number}", failed=True, left=3.0))
    asyncio.run(leave_at(10.0))
    told = [(round(e.per_second, 1), e.by) for e in events if isinstance(e, Paced)]
    assert told == [(10.0, Bound.RATE), (2.0, Bound.SERVER), (0.2, Bound.OUTAGE)]
