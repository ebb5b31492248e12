"""One rate and one gate for the whole run: slots on an imagined clock."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zbatch.engine.pacing import Pace, Reachability
from zbatch.model import Rate

TEN_A_SECOND = Rate(10, 1.0)


def slots(pace: Pace, nows: list[float]) -> list[float]:
    return [pace.reserve(now) for now in nows]


def test_slots_are_one_interval_apart() -> None:
    """However many ask at once, each gets the next slot of its own."""
    assert slots(Pace(TEN_A_SECOND), [5.0] * 4) == pytest.approx([5.0, 5.1, 5.2, 5.3])


def test_the_first_call_leaves_at_once() -> None:
    """A run that begins does not wait for its first slot."""
    assert Pace(Rate(1, 3600.0)).reserve(7.0) == 7.0


def test_a_pause_is_not_caught_up() -> None:
    """After an idle hour the next calls are as far apart as ever: no burst."""
    pace = Pace(TEN_A_SECOND)
    pace.reserve(0.0)
    assert slots(pace, [3600.0] * 3) == pytest.approx([3600.0, 3600.1, 3600.2])


def test_waking_late_shifts_no_later_slot() -> None:
    """Slots are absolute: who asks late within his slot takes nothing from the next."""
    pace = Pace(TEN_A_SECOND)
    assert slots(pace, [0.0, 0.09, 0.11]) == pytest.approx([0.0, 0.1, 0.2])


def test_no_slot_lies_before_the_gate_opens() -> None:
    """While the gate is closed, slots begin where it opens, one interval apart."""
    pace = Pace(TEN_A_SECOND)
    assert pace.close(120.0)
    assert slots(pace, [1.0, 1.0]) == pytest.approx([120.0, 120.1])


def test_a_slot_taken_before_the_gate_closed_no_longer_holds() -> None:
    """Who reserved before the gate closed must reserve again; later slots still stand."""
    pace = Pace(TEN_A_SECOND)
    early = pace.reserve(0.0)
    assert pace.holds(early)
    pace.close(120.0)
    assert not pace.holds(early)
    assert pace.holds(pace.reserve(0.0))
    assert pace.holds(120.0)


def test_the_gate_never_opens_earlier_than_it_was_told() -> None:
    """A shorter wait does not shorten a longer one, and says so."""
    pace = Pace(TEN_A_SECOND)
    assert pace.close(120.0)
    assert not pace.close(60.0)
    assert not pace.close(120.0)
    assert pace.opens == 120.0
    assert pace.close(121.0)


def test_f72_six_hundred_calls_at_one_a_second_keep_their_schedule() -> None:
    """F72: 600 calls at 1/s take 599 s within one per cent, and never two in one second."""
    pace, now, times = Pace(Rate(1, 1.0)), 0.0, []
    for _ in range(600):
        now = pace.reserve(now) + 0.0003  # each sleep ends a little late
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
            pace.close(now + wait)
        slot = pace.reserve(now)
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
    """The run gives up when the host has not answered for longer than the patience."""
    host = reaching(10.0)
    assert host.failed(100.0) is not None
    assert host.failed(110.0) is not None
    assert host.failed(110.1) is None


def test_any_answer_restores_patience() -> None:
    """An answer, whatever it says, starts both count and patience anew."""
    host = reaching(10.0)
    host.failed(0.0)
    host.failed(5.0)
    host.answered()
    assert host.failed(100.0) == 101.0
    assert host.failed(109.0) is not None
