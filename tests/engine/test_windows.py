"""The tenant's windows: our own count, its word, and what others use, on an imagined clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zbatch.engine.windows import LEAST_WAIT, OTHERS_AFTER, SPARE, Sliding, Windows
from zbatch.model import Rate
from zbatch.zuora.allowance import Allowance
from zbatch.zuora.limits import ROUNDED

HOUR = Rate(100, 3600.0)


def until(windows: Windows, now: float) -> float | None:
    full = windows.full(now)
    return full.until if full else None


def send(windows: Windows, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        windows.count(now)


def test_a_quota_counts_over_any_stretch_of_its_length() -> None:
    """Its calls are free again an hour after the part of an hour that they left in."""
    own = Sliding(Rate(3, 3600.0))
    for now in (10.0, 20.0, 100.0):
        assert own.full(now) is None
        own.count(now)
    full = own.full(200.0)
    assert full is not None
    assert full.until == 3660.0
    assert own.full(3659.0) is not None
    assert own.full(3660.0) is None


def test_each_part_of_a_quota_is_free_again_by_itself() -> None:
    """Of three calls two left in the first minute: an hour on, they are free, the third is not."""
    own = Sliding(Rate(3, 3600.0))
    for now in (10.0, 20.0, 100.0):
        own.count(now)
    for _ in range(2):
        assert own.full(3660.0) is None
        own.count(3660.0)
    full = own.full(3660.0)
    assert full is not None
    assert full.until == 3720.0
    assert own.full(3720.0) is None


def test_a_quota_of_an_odd_length_is_named_by_it() -> None:
    """Whoever watches reads which window is meant."""
    own = Sliding(Rate(1, 5400.0))
    own.count(0.0)
    full = own.full(0.0)
    assert full is not None
    assert full.reason == "the tenant's quota of 1 calls in 5400 s is used up"


@given(
    st.integers(1, 30),
    st.sampled_from([60.0, 3600.0, 86_400.0]),
    st.lists(st.floats(0, 4000), min_size=2, max_size=80),
)
def test_no_stretch_of_a_window_holds_more_than_its_quota(
    calls: int, seconds: float, pauses: list[float]
) -> None:
    """However calls come, those that wait until a quota is free never exceed it anywhere."""
    own, now, left = Sliding(Rate(calls, seconds)), 0.0, []
    for pause in pauses:
        now += pause
        if full := own.full(now):
            assert full.until > now
            now = full.until
        assert own.full(now) is None
        own.count(now)
        left.append(now)
    for start in left:
        assert sum(start <= at < start + seconds for at in left) <= calls


def test_nothing_is_full_as_long_as_nothing_is_known() -> None:
    """A tenant of no kind that tells nothing is paced by the spec alone."""
    windows = Windows()
    send(windows, 1000)
    assert (windows.full(0.0), windows.gap(0.0), windows.sent) == (None, 0.0, 1000)


def test_the_word_of_the_tenant_counts_down_as_we_send() -> None:
    """Three are left by its word, one of them perhaps in flight: two more may leave."""
    windows = Windows()
    windows.heard(Allowance(100, 3, 600.0), 0.0, 1)
    send(windows, 1)
    assert windows.full(1.0) is None
    send(windows, 1)
    full = windows.full(1.0)
    assert full is not None
    assert (full.until, full.reason) == (601.0, "the tenant says that its rate limit is used up")
    assert windows.full(600.9) is not None, "it may be told in whole seconds that are rounded down"
    assert windows.full(601.0) is None


def test_an_older_word_does_not_give_back_what_was_sent_since() -> None:
    """A count that is kept for a second, or a reply that was overtaken, tells of more than is left.

    The end of a window, told in whole seconds, is the earliest that was told.
    """
    windows = Windows()
    windows.heard(Allowance(100, 5, 600.0), 0.0, 0)
    send(windows, 4, 1.0)
    windows.heard(Allowance(100, 5, 599.0), 1.4, 0)
    assert windows.full(2.0) is None
    windows.heard(Allowance(100, 5, 598.0), 2.0, 0)
    send(windows, 1, 2.0)
    assert until(windows, 2.0) == 601.0
    windows.heard(Allowance(100, 0, 595.0), 3.0, 0)
    assert until(windows, 3.0) == 599.0


@pytest.mark.parametrize(("reset", "free"), [(12.0, False), (12.5, True)])
def test_an_end_that_is_told_two_seconds_later_is_the_same(reset: float, free: bool) -> None:
    """Resets are rounded, each in its own way: up to that, what is left stays the least told."""
    windows = Windows()
    windows.heard(Allowance(100, 0, 10.0), 0.0, 0)
    windows.heard(Allowance(100, 50, reset), 0.0, 0)
    assert (until(windows, 0.0) is None) is free


def test_a_word_of_the_moment_in_which_a_window_ends_is_of_the_next_one() -> None:
    """However short that one is."""
    windows = Windows()
    windows.heard(Allowance(100, 10, 10.0), 0.0, 0)
    windows.heard(Allowance(100, 0, 1.0), 10.0, 0)
    assert until(windows, 10.0) == 12.0


def test_a_new_window_begins_anew() -> None:
    """Where its end is told clearly later than that of the last, all of it is there again."""
    windows = Windows()
    windows.heard(Allowance(100, 0, 10.0), 0.0, 0)
    assert until(windows, 0.0) == 11.0
    windows.heard(Allowance(100, 100, 60.0), 9.5, 0)
    assert until(windows, 9.5) is None


def test_a_window_that_the_tenant_no_longer_has_binds_no_more() -> None:
    """A limit that was raised midway is followed at once; one that was lowered too."""
    windows = Windows()
    windows.heard(Allowance(100, 0, 3000.0, (HOUR,)), 0.0, 0)
    assert until(windows, 0.0) == 3001.0
    windows.heard(Allowance(200, 100, 3000.0, (Rate(200, 3600.0),)), 1.0, 0)
    assert until(windows, 1.0) is None
    windows.heard(Allowance(50, 0, 3000.0, (Rate(50, 3600.0),)), 2.0, 0)
    assert until(windows, 2.0) == 3003.0


def test_two_windows_are_both_held() -> None:
    """The tenant tells of the one nearest to being used up; the other still counts."""
    windows = Windows()
    both = (Rate(10, 60.0), HOUR)
    windows.heard(Allowance(100, 0, 1000.0, both), 0.0, 0)
    windows.heard(Allowance(10, 5, 30.0, both), 0.0, 0)
    assert until(windows, 0.0) == 1001.0
    windows.heard(Allowance(10, 0, 30.0, both), 0.0, 0)
    assert until(windows, 0.0) == 1001.0, "the one that is full longest"


def test_what_is_left_of_a_minute_is_spread_over_its_rest() -> None:
    """An hour is not: a run that fits into it is not to take all of it."""
    windows = Windows()
    windows.heard(Allowance(100, 10, 20.0), 0.0, 0)
    assert windows.gap(0.0) == 2.0
    windows.heard(Allowance(5000, 10, 2000.0), 0.0, 0)
    assert windows.gap(0.0) == 2.0
    assert windows.gap(19.5) == pytest.approx(0.05)
    assert windows.gap(20.0) == 0.0
    send(windows, 9)
    assert windows.gap(0.0) == 20.0


def test_what_is_left_of_a_minute_counts_beside_its_size() -> None:
    """A minute that is told with all windows is spread no thicker because it is a large one."""
    windows = Windows()
    windows.heard(Allowance(6000, 10, 20.0, (Rate(6000, 60.0),)), 0.0, 0)
    assert windows.gap(0.0) == 2.0


def test_a_minute_that_the_tenant_names_is_never_used_faster() -> None:
    """No second holds more than its share, though all of the minute is left; other windows do not
    count, and what is no longer told is forgotten after two minutes.
    """
    windows = Windows()
    windows.heard(Allowance(6000, 6000, 3600.0, (Rate(30, 60.0), Rate(6000, 3600.0))), 0.0, 0)
    assert windows.gap(119.0) == 2.0
    assert windows.gap(120.0) == 0.0


def test_the_minute_of_a_kind_is_known_without_a_word() -> None:
    """Of several windows the shortest one sets the gap."""
    assert Windows([Rate(60, 60.0), Rate(100, 3600.0)]).gap(0.0) == 1.0


def test_others_are_seen_and_left_their_room() -> None:
    """Others send two a second beside our one: what they will need to the end is not ours."""
    windows = Windows()
    windows.heard(Allowance(1000, 400, 100.0), 0.0, 0)
    for second in range(1, 11):
        send(windows, 1, float(second))
        windows.heard(Allowance(1000, 400 - 3 * second, 100.0 - second), float(second), 0)
    # 370 are left, of which others take 180 within the 90 s that remain, and 4 are spared
    send(windows, 185, 10.0)
    assert windows.full(10.0) is None
    send(windows, 1, 10.0)
    full = windows.full(10.0)
    assert full is not None
    assert "left to its other users" in full.reason
    assert full.until == pytest.approx(10.5)
    assert windows.full(full.until) is None


def crowded(left: int) -> Windows:
    """Give a window that ends at 1100, of which others use two a second, and four are spared."""
    windows = Windows()
    windows.heard(Allowance(1000, 400, 100.0), 1000.0, 0)
    windows.heard(Allowance(1000, 390, 95.0), 1000.0 + OTHERS_AFTER, 0)
    windows.heard(Allowance(1000, left, 1.0), 1099.0, 0)
    return windows


def test_to_the_very_end_others_are_left_what_they_need() -> None:
    """Six are left, four of them spared: one of two is theirs until half a second before."""
    windows = crowded(400 - 2 * 99)
    send(windows, 400 - 2 * 99 - 6, 1099.0)
    full = windows.full(1099.0)
    assert full is not None
    assert full.until == pytest.approx(1099.5)
    near = windows.full(1099.4996)
    assert near is not None
    assert near.until == 1099.4996 + LEAST_WAIT
    assert windows.full(1099.5) is None


def test_the_last_one_that_is_left_is_said_to_be_left_to_others() -> None:
    """Only where none is left it is used up."""
    windows = crowded(400 - 2 * 99)
    send(windows, 400 - 2 * 99 - 1, 1099.0)
    assert "left to its other users" in str(windows.full(1099.0))
    send(windows, 1, 1099.0)
    assert "used up" in str(windows.full(1099.0))


@pytest.mark.parametrize(("after", "seen"), [(2.0, False), (OTHERS_AFTER, True)])
def test_others_are_seen_after_five_seconds_of_a_window(after: float, seen: bool) -> None:
    """Counted from when we heard of it, not from when the run began."""
    windows = Windows()
    windows.heard(Allowance(1000, 400, 100.0), 1000.0, 0)
    windows.heard(Allowance(1000, 300, 100.0 - after), 1000.0 + after, 0)
    send(windows, 299, 1006.0)
    assert (windows.full(1006.0) is not None) is seen


def test_in_a_window_of_a_second_others_get_what_they_got_before() -> None:
    """All of it but the one that is ours."""
    windows = Windows()
    windows.heard(Allowance(100, 100, 10.0), 0.0, 0)
    windows.heard(Allowance(100, 0, 4.0), 6.0, 0)
    windows.heard(Allowance(100, 10, 1.0), 10.0, 0)
    send(windows, 1, 10.0)
    assert until(windows, 10.0) is not None


def test_where_others_use_up_all_of_it_the_end_is_awaited() -> None:
    """What is left is less than what is spared for them: no earlier time has room for us."""
    windows = Windows()
    windows.heard(Allowance(1000, 60, 100.0), 0.0, 0)
    windows.heard(Allowance(1000, 7, 90.0), 10.0, 0)
    send(windows, 6, 10.0)
    assert until(windows, 10.0) == 101.0
    windows.heard(Allowance(1000, 0, 90.0), 10.0, 0)
    assert "used up" in str(windows.full(10.0))


@pytest.mark.parametrize(("size", "others_leave", "ours"), [(5, 4, 3), (100, 12, 10)])
def test_what_is_spared_for_others_is_waited_for_until_the_window_is_over(
    size: int, others_leave: int, ours: int
) -> None:
    """One call or less is left beside it: others use it up, or it is free when all is."""
    windows = Windows()
    windows.heard(Allowance(size, size, 20.0), 0.0, 0)
    windows.heard(Allowance(size, others_leave, 14.0), 6.0, 0)
    send(windows, ours, 6.0)
    assert until(windows, 6.0) == 20.0 + ROUNDED


def test_others_who_want_it_all_leave_us_a_tenth() -> None:
    """However crowded a tenant is, a run goes on: no account waits for ever."""
    windows = Windows()
    windows.heard(Allowance(1000, 1000, 60.0), 0.0, 0)
    windows.heard(Allowance(1000, 0, 30.0), 30.0, 0)
    windows.heard(Allowance(1000, 1000, 60.0), 60.0, 0)
    assert windows.gap(60.0) == pytest.approx(60.0 / 100)
    send(windows, 99, 60.0)
    assert windows.full(60.0) is None
    send(windows, 1, 60.0)
    assert windows.full(60.0) is not None


@pytest.mark.parametrize("left", [150, 20])
def test_of_the_rest_of_a_window_a_tenth_is_ours_as_well(left: int) -> None:
    """Others who want far more of a day than it has left do not keep the run from the rest."""
    windows = Windows()
    windows.heard(Allowance(10_000, left, 80_000.0), 0.0, 0)
    windows.heard(Allowance(10_000, left - 4, 79_990.0), 10.0, 0)
    send(windows, left // 10 - 1, 10.0)
    assert windows.full(10.0) is None
    send(windows, 1, 10.0)
    assert "left to its other users" in str(windows.full(10.0))


def test_what_others_have_taken_is_not_ours() -> None:
    """A tenth of what there was, as long as it is there: one in a hundred is never touched."""
    windows = Windows()
    windows.heard(Allowance(1000, 1000, 100.0), 0.0, 0)
    windows.heard(Allowance(1000, 30, 90.0), 10.0, 0)
    send(windows, 19, 10.0)
    assert windows.full(10.0) is None
    send(windows, 1, 10.0)
    assert windows.full(10.0) is not None


def test_a_look_ahead_forgets_nothing() -> None:
    """Slots are given ahead of their time, beyond the end of a window that still binds."""
    windows = Windows()
    windows.heard(Allowance(100, 0, 10.0), 0.0, 0)
    assert windows.gap(30.0) == 0.0
    assert until(windows, 0.0) == 11.0


@pytest.mark.parametrize(("length", "over"), [(1, 1.0), (2, 2.0), (60, 2.0)])
def test_a_window_is_not_waited_for_longer_than_it_is_long(length: int, over: float) -> None:
    """Else of a window of a second, used up by its first call, each other one would be lost."""
    windows = Windows()
    windows.heard(Allowance(5, 0, 1.0, (Rate(5, length), Rate(99, 3600.0))), 0.0, 0)
    assert until(windows, 0.0) == over


def test_others_are_not_seen_in_what_is_only_counted_late() -> None:
    """Ten in flight may be counted or not; and the first seconds prove nothing."""
    windows = Windows()
    send(windows, 10, 0.0)
    windows.heard(Allowance(1000, 400, 600.0), 0.0, 10)
    windows.heard(Allowance(1000, 390, 590.0), 10.0, 0)
    send(windows, 379, 10.0)
    assert windows.full(10.0) is None
    early = Windows()
    early.heard(Allowance(1000, 400, 600.0), 0.0, 0)
    early.heard(Allowance(1000, 200, 599.0), OTHERS_AFTER / 2, 0)
    send(early, 199, 3.0)
    assert early.full(3.0) is None


def test_others_of_the_last_window_are_expected_in_the_next() -> None:
    """A minute that begins has shown nothing yet, but they will still be there."""
    windows = Windows()
    windows.heard(Allowance(1000, 500, 60.0), 0.0, 0)
    windows.heard(Allowance(1000, 400, 50.0), 10.0, 0)
    windows.heard(Allowance(1000, 1000, 60.0), 60.0, 0)
    ours = 1000 - 600 - SPARE * 1000
    assert windows.gap(60.0) == pytest.approx(60.0 / ours)


def test_a_wait_is_never_nothing() -> None:
    """Whoever finds a window full moves on in time, even where it is free within an instant."""
    windows = Windows()
    windows.heard(Allowance(1000, 400, 100.0), 0.0, 0)
    windows.heard(Allowance(1000, 300, 90.0), 10.0, 0)
    send(windows, 40, 10.0)
    full = windows.full(10.0)
    assert full is not None
    assert full.until >= 10.0 + LEAST_WAIT


def test_a_window_that_the_policies_do_not_name_is_forgotten_again() -> None:
    """One reply without policies tells of a window of its own; the next with them ends that."""
    windows, policies = Windows(), (Rate(200, 60.0),)
    windows.heard(Allowance(200, 100, 30.0, policies), 0.0, 0)
    windows.heard(Allowance(100, 0, 30.0), 1.0, 0)
    assert windows.full(1.0) is not None
    windows.heard(Allowance(200, 99, 28.0, policies), 2.0, 0)
    assert windows.full(2.0) is None


def test_room_is_that_of_windows_which_last() -> None:
    """A minute gives room again soon; an hour that is over, and not told anew, gives one."""
    windows = Windows()
    assert windows.room(0.0, 300.0) == float("inf")
    windows.heard(Allowance(1000, 40, 50.0), 0.0, 0)
    assert windows.room(0.0, 300.0) == float("inf")
    windows.heard(Allowance(9, 7, 900.0), 0.0, 2)
    send(windows, 1)
    assert windows.room(0.0, 300.0) == 4.0
    assert windows.full(901.0) is None
    assert windows.room(901.0, 300.0) == 1.0
    assert windows.room(901.0, 1000.0) == float("inf")
    windows.heard(Allowance(9, 8, 899.0), 902.0, 0)
    assert windows.room(902.0, 300.0) == 8.0


def over(windows: Windows, now: float) -> Windows:
    """Let whatever is over by then be noticed, as each request does that is to leave."""
    windows.full(now)
    return windows


def test_a_window_is_expected_to_be_like_the_last_until_one_is_heard_of() -> None:
    """As long, as large, and used evenly; what others used is left to them."""
    windows = Windows()
    windows.heard(Allowance(12, 12, 60.0), 0.0, 0)
    assert over(windows, 61.0).gap(61.0) == 5.0
    for _ in range(12):
        assert windows.full(62.0) is None
        windows.count(62.0)
    full = windows.full(63.0)
    assert full is not None
    assert full.until == 121.0
    assert full.reason.startswith("no answer has told yet")
    windows.heard(Allowance(50_000, 40_000, 3600.0), 64.0, 0)
    assert windows.full(64.0) is None
    assert windows.gap(64.0) == 0.0


def test_where_no_answer_tells_of_it_one_is_expected_once() -> None:
    """A tenant that has ceased to tell is not held to what it told an hour ago."""
    windows = Windows()
    windows.heard(Allowance(12, 12, 60.0), 0.0, 0)
    assert over(over(windows, 61.0), 121.0).gap(121.0) == 0.0


@pytest.mark.parametrize("told", [Allowance(0, 12, 60.0), Allowance(12, 12, 601.0)])
def test_none_is_expected_of_unknown_size_or_that_long(told: Allowance) -> None:
    """Behind a long one a question comes first, and is told of the next."""
    windows = Windows()
    windows.heard(told, 0.0, 0)
    over(windows, 610.0)
    for _ in range(13):
        windows.count(610.0)
    assert windows.full(610.0) is None
    assert windows.gap(610.0) == 0.0
