"""One rate and one gate for the whole run: slots on an imagined clock."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zbatch.engine.pacing import LATE, Bound, Flow, Pace, Reachability, Slot
from zbatch.model import Rate
from zbatch.zuora.allowance import Allowance

TEN_A_SECOND = Rate(10, 1.0)


def slots(pace: Pace, nows: list[float]) -> list[float]:
    return [pace.reserve(now).at for now in nows]


def leave(pace: Pace, now: float) -> float:
    """Let a request leave as soon as it may; give when."""
    slot = pace.reserve(now)
    pace.left(slot, slot.at)
    return slot.at


def test_slots_are_one_interval_apart() -> None:
    """However many ask at once, each gets the next slot of its own."""
    assert slots(Pace(TEN_A_SECOND), [5.0] * 4) == pytest.approx([5.0, 5.1, 5.2, 5.3])


def test_the_first_call_leaves_at_once() -> None:
    """A run that begins does not wait for its first slot."""
    assert slots(Pace(Rate(1, 3600.0)), [7.0]) == [7.0]


def test_a_pause_is_not_caught_up() -> None:
    """After an idle hour the next calls are as far apart as ever: no burst."""
    pace = Pace(TEN_A_SECOND)
    pace.reserve(0.0)
    assert slots(pace, [3600.0] * 3) == pytest.approx([3600.0, 3600.1, 3600.2])


def test_waking_late_shifts_no_later_slot() -> None:
    """Slots are absolute: who asks late within his slot takes nothing from the next."""
    pace = Pace(TEN_A_SECOND)
    assert slots(pace, [0.0, 0.09, 0.11]) == pytest.approx([0.0, 0.1, 0.2])


def test_slots_begin_where_the_gate_opens_and_grow_denser() -> None:
    """After a gate of 100 s the first gap is four times as long, after 10 s all are as ever."""
    pace = Pace(TEN_A_SECOND)
    assert pace.close(20.0, 120.0)
    times = [leave(pace, 21.0)]
    while times[-1] < 135.0:
        times.append(leave(pace, times[-1]))
    gaps = [b - a for a, b in pairwise(times)]
    assert (times[0], gaps[0]) == pytest.approx((120.0, 0.4))
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-40:] == pytest.approx([0.1] * 40)
    assert times[-40] < 131.2


def test_the_ramp_after_a_short_gate_is_short() -> None:
    """A tenth of the time that the gate was closed, however slow the rate is."""
    pace = Pace(Rate(1, 60.0))
    pace.close(0.0, 5.0)
    assert slots(pace, [0.0] * 3) == pytest.approx([5.0, 65.5, 125.5])


def test_the_ramp_is_that_of_the_last_gate_alone() -> None:
    """A gate that closes in the moment in which another opens has a ramp of its own."""
    pace = Pace(Rate(1, 60.0))
    pace.close(1000.0, 1100.0)
    pace.close(1100.0, 1105.0)
    assert slots(pace, [1100.0] * 2) == pytest.approx([1105.0, 1165.5])


def test_a_change_before_the_first_request_delays_nothing() -> None:
    """Where none has left, the next slot is now."""
    pace = Pace(TEN_A_SECOND)
    pace.slow(5.0)
    assert slots(pace, [0.0]) == [0.0]


def test_a_slot_taken_before_the_gate_closed_no_longer_holds() -> None:
    """Who reserved before the gate closed must reserve again, with all who come later."""
    pace = Pace(TEN_A_SECOND)
    early = pace.reserve(0.0)
    assert pace.holds(early, 0.0)
    pace.close(0.0, 120.0)
    assert not pace.holds(early, 0.0)
    fresh = pace.reserve(0.0)
    assert (fresh.at, pace.holds(fresh, 120.0)) == (120.0, True)


def test_a_slot_that_was_given_and_not_used_is_free_again() -> None:
    """Forty who waited give their slots back with the gate: nobody waits for nobody."""
    pace = Pace(TEN_A_SECOND)
    pace.left(pace.reserve(0.0), 0.0)
    slots(pace, [0.0] * 40)
    pace.close(0.1, 0.2)
    assert slots(pace, [0.1]) == pytest.approx([0.2])


def test_who_comes_late_has_lost_his_slot() -> None:
    """A process that was suspended with forty slots in hand does not use them all at once."""
    pace = Pace(Rate(1000, 1.0))
    held = [pace.reserve(0.0) for _ in range(40)]
    assert pace.holds(held[0], LATE)
    assert not any(pace.holds(slot, 3600.0) for slot in held)
    assert slots(pace, [3600.0] * 3) == pytest.approx([3600.0, 3600.001, 3600.002])
    slow = Pace(TEN_A_SECOND)
    assert slow.holds(slow.reserve(0.0), 0.1), "one call more than the rate is always allowed"
    assert not slow.holds(Slot(0.0, 0), 0.11)


def test_who_is_late_leaves_though_another_has_left_in_a_later_slot() -> None:
    """A busy moment has kept seven in their slots while an eighth came: none loses his turn.

    Where what is known by now wants them further apart than that, all of them do.
    """
    pace, now = Pace(Rate(833, 1.0)), 0.0125
    leave(pace, 0.0)
    waiting = [pace.reserve(0.0) for _ in range(7)]
    pace.left(pace.reserve(now), now)
    for slot in waiting[:5]:
        assert pace.holds(slot, now)
        assert not pace.hastens(slot, now)
        pace.left(slot, now)
    assert slots(pace, [now]) == pytest.approx([now + 1 / 833]), "as far from the latest as ever"
    pace.heard(Allowance(100, 20, 40.0), now, 0)
    assert pace.hastens(waiting[5], now)
    assert not pace.holds(waiting[6], now)


def test_the_gate_never_opens_earlier_than_it_was_told() -> None:
    """A shorter wait does not shorten a longer one, and says so."""
    pace = Pace(TEN_A_SECOND)
    assert pace.close(0.0, 120.0)
    assert not pace.close(0.0, 60.0)
    assert not pace.close(0.0, 120.0)
    assert not pace.close(130.0, 130.0)
    assert pace.opens == 120.0
    assert pace.close(0.0, 121.0)


def test_probes_are_far_apart_until_told_otherwise() -> None:
    """While a least gap holds no two slots are closer; then the pace is as ever, at once."""
    pace = Pace(TEN_A_SECOND)
    leave(pace, 0.0)
    pace.slow(5.0)
    assert slots(pace, [0.0] * 3) == pytest.approx([5.0, 10.0, 15.0])
    pace.slow(0.0)
    assert slots(pace, [6.0, 6.0]) == pytest.approx([6.0, 6.1])


def test_a_quota_of_the_tenant_below_the_rate_sets_the_gap() -> None:
    """Of a minute's quota no second gets more than its share."""
    pace = Pace(TEN_A_SECOND, [Rate(60, 60.0), Rate(1000, 3600.0)])
    assert slots(pace, [0.0] * 3) == pytest.approx([0.0, 1.0, 2.0])


def test_a_quota_that_is_used_up_says_so() -> None:
    """By our own count, with no word from the tenant."""
    pace = Pace(TEN_A_SECOND, [Rate(2, 3600.0)])
    assert pace.full(0.0) is None
    leave(pace, 0.0)
    leave(pace, 0.0)
    full = pace.full(1.0)
    assert full is not None
    assert full.until == 3660.0
    assert full.reason == "the tenant's quota of 2 calls an hour is used up"


def test_the_word_of_the_tenant_sets_the_gap() -> None:
    """What is left of its minute is spread over the rest of it."""
    pace = Pace(TEN_A_SECOND)
    pace.heard(Allowance(100, 20, 40.0), 0.0, 0)
    assert slots(pace, [0.0] * 3) == pytest.approx([0.0, 2.0, 3.9])


def test_how_close_a_run_came_is_told_without_its_gates() -> None:
    """Ten a second for two seconds around a gate of a minute, which had no ramp to speak of."""
    pace = Pace(TEN_A_SECOND)
    assert pace.flow() == Flow(0, 0.0, 0.0, 10.0)
    assert pace.flow().closeness is None
    for number in range(10):
        assert leave(pace, 5.0) == pytest.approx(5.0 + number / 10)
    assert pace.flow().closeness == pytest.approx(1.0)
    pace.close(6.0, 66.0)
    assert leave(pace, 6.0) == 66.0
    flow = pace.flow()
    assert (flow.requests, flow.seconds, flow.gated) == pytest.approx((11, 61.0, 60.0))
    assert flow.closeness == pytest.approx(1.0)
    pace.close(67.0, 97.0)
    leave(pace, 67.0)
    assert pace.flow().gated == pytest.approx(90.0)


@pytest.mark.parametrize(
    ("flow", "closeness"),
    [
        (Flow(2, 1.0, 0.0, 2.0), 0.5),
        (Flow(2, 3.0, 3.0, 2.0), None),
        (Flow(1, 1.0, 0.0, 2.0), None),
        (Flow(0, 0.0, 0.0, 2.0), None),
    ],
)
def test_two_requests_with_time_between_them_have_a_pace(
    flow: Flow, closeness: float | None
) -> None:
    """Of one, or of two in the same moment, nothing can be said."""
    assert flow.closeness == closeness


def test_f72_six_hundred_calls_at_one_a_second_keep_their_schedule() -> None:
    """F72: 600 calls at 1/s take 599 s within one per cent, and never two in one second."""
    pace, now, times = Pace(Rate(1, 1.0)), 0.0, []
    for _ in range(600):
        now = leave(pace, now) + 0.0003  # each sleep ends a little late
        times.append(now)
    assert times[-1] - times[0] == pytest.approx(599.0, rel=0.01)
    assert min(b - a for a, b in pairwise(times)) > 0.99


RATES = st.builds(Rate, st.integers(1, 500), st.sampled_from([1.0, 60.0, 3600.0]))
STEPS = st.lists(
    st.tuples(st.floats(0, 30), st.booleans(), st.floats(0, 90)), min_size=2, max_size=60
)


@given(RATES, STEPS)
def test_no_window_holds_more_than_the_rate_and_one_call(
    rate: Rate, steps: list[tuple[float, bool, float]]
) -> None:
    """Whatever pauses and gates come between, no sliding window exceeds the rate by over one."""
    pace, now, taken = Pace(rate), 0.0, []
    for pause, gated, wait in steps:
        now += pause
        if gated:
            pace.close(now, now + wait)
        slot = leave(pace, now)
        assert slot >= max(now, pace.opens)
        taken.append(slot)
    assert taken == sorted(taken)
    for first, start in enumerate(taken):
        inside = sum(slot < start + rate.seconds for slot in taken[first:])
        assert inside <= rate.calls + 1


def reaching(patience: float = 120.0) -> Reachability:
    return Reachability(patience, lambda failures: math.ldexp(1.0, failures - 1))


def test_an_unreachable_host_is_tried_at_growing_distances() -> None:
    """Each failed try after a pause makes the next pause longer."""
    host = reaching()
    assert host.failed(0.0) == 1.0
    assert host.failed(1.0) == 3.0
    assert host.failed(3.0) == 7.0


def test_failures_of_the_same_moment_count_once() -> None:
    """Forty calls that fail together are one failure of the host, not forty."""
    host = reaching()
    assert {host.failed(0.0) for _ in range(40)} == {1.0}
    assert host.failed(1.0) == 3.0


def test_patience_ends_counted_from_the_first_failure() -> None:
    """The run gives up when the host has not answered for as long as the patience."""
    host = reaching(10.0)
    assert host.failed(100.0) is not None
    assert host.failed(109.9) is not None
    assert host.failed(110.0) is None


def test_no_pause_outlasts_the_patience() -> None:
    """The last try is made when the patience ends, and not after a whole further wait."""
    host = reaching(10.0)
    tries = [0.0]
    while (pause := host.failed(tries[-1])) is not None:
        tries.append(pause)
    assert tries == [0.0, 1.0, 3.0, 7.0, 10.0]


def test_any_answer_restores_patience() -> None:
    """An answer, whatever it says, starts both count and patience anew."""
    host = reaching(10.0)
    host.failed(0.0)
    host.failed(5.0)
    host.answered()
    assert host.failed(100.0) == 101.0
    assert host.failed(109.0) is not None


def test_the_bound_is_told_with_whoever_sets_it() -> None:
    """The run's own rate, a quota that is known, what the tenant tells, and the time after a gate.

    Of two that are equal the run's own counts.
    """
    assert Pace(TEN_A_SECOND).bound(0.0) == (10.0, Bound.RATE)
    assert Pace(TEN_A_SECOND, [Rate(10, 1.0)]).bound(0.0) == (10.0, Bound.RATE)
    assert Pace(TEN_A_SECOND, [Rate(5, 1.0)]).bound(0.0) == (5.0, Bound.QUOTA)
    pace = Pace(TEN_A_SECOND)
    pace.heard(Allowance(600, 59, 60.0), 0.0, 0)
    assert pace.bound(0.0)[1] is Bound.SERVER
    assert pace.bound(0.0)[0] == pytest.approx(59 / 60)
    pace = Pace(TEN_A_SECOND)
    leave(pace, 0.0)
    pace.close(0.1, 100.1)
    assert pace.bound(100.1)[1] is Bound.RAMP
    assert pace.bound(100.1)[0] == pytest.approx(2.5)
    assert pace.bound(111.0) == (10.0, Bound.RATE)
