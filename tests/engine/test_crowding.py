"""Latency that grows without throughput: fewer are tried, and kept where as much comes of them."""

from __future__ import annotations

import pytest

from zbatch.engine.crowding import AGAIN, LEAST, Crowding


class Server:
    """Answers one after the other at a pace, each after so long; a test says both."""

    def __init__(self) -> None:
        self.crowding = Crowding()
        self.now = 0.0
        self.number = 40.0

    @property
    def trying(self) -> bool:
        """Tell whether fewer are being tried."""
        return self.crowding.trying

    def answer(self, took: float, rate: float, count: int = 200) -> float:
        """Let some answers come in; give how many may be in flight after them."""
        for _ in range(count):
            self.now += 1 / rate
            self.number = self.crowding.take(took, self.number, self.now)
        return self.number


@pytest.fixture
def server() -> Server:
    """Give a server whose answers took 0.4 seconds with 40 in flight."""
    server = Server()
    assert server.answer(0.4, 100.0, 41 + 3 * 161) == 40, "four windows, and what begins each"
    return server


def test_where_answers_take_as_long_as_ever_nothing_is_tried(server: Server) -> None:
    """Nor where they take less than two and a half times as long."""
    assert server.answer(0.98, 41.0, 500) == 40
    assert not server.crowding.trying


def test_where_fewer_do_as_much_they_stay_fewer(server: Server) -> None:
    """A third of them is enough, and a quarter to spare; after a time more are tried again."""
    fewer = pytest.approx(40 / 3 * 1.25)
    assert server.answer(1.2, 100.0) == fewer
    assert server.answer(0.5, 100.0, 250) == fewer
    assert server.crowding.top(server.now) == server.number
    assert server.crowding.top(server.now + AGAIN) == float("inf")


def test_where_less_comes_of_fewer_the_number_returns(server: Server) -> None:
    """Latency has another cause then: it is what later answers are measured by."""
    assert server.answer(1.2, 33.0) < 20
    assert server.answer(1.2, 14.0, 250) == 40
    assert server.crowding.top(server.now) == float("inf")
    server.now += AGAIN
    assert server.answer(1.2, 33.0, 500) == 40
    assert not server.crowding.trying


def test_a_trial_ends_once_as_much_can_come_of_it_no_more(server: Server) -> None:
    """Where answers take ten times as long all at once, 120 of them by five would take minutes."""
    server.answer(1.2, 33.0, 161)
    before_and_first = 40 + 1
    server.answer(12.0, 2.0, before_and_first + 7)
    assert server.trying
    assert server.answer(12.0, 2.0, 2) == 40
    assert not server.trying


def test_latency_of_another_cause_is_what_later_answers_are_measured_by(server: Server) -> None:
    """They are found slow by it at once, and not measured anew."""
    server.answer(1.2, 33.0)
    assert server.answer(1.2, 14.0, 250) == 40
    server.now += AGAIN
    assert server.answer(4.0, 10.0) < 40
    assert server.trying


def test_a_trial_is_not_repeated_at_once(server: Server) -> None:
    """However slow answers become after it."""
    server.answer(1.2, 33.0)
    server.answer(1.2, 14.0, 250)
    assert server.answer(9.0, 4.0, 500) == 40


def test_what_was_under_way_when_nothing_was_sent_for_a_time_counts_no_more(server: Server) -> None:
    """A window begins anew, and a trial is off."""
    server.answer(1.2, 100.0)
    server.crowding.forget()
    assert not server.crowding.trying
    assert server.crowding.top(server.now) == float("inf")


def test_one_in_flight_is_never_too_many(server: Server) -> None:
    """There is nothing less to try."""
    server.number = 1.0
    assert server.answer(9.0, 1.0) == 1.0
    assert not server.trying


def test_two_in_flight_may_be_one_too_many(server: Server) -> None:
    """One is what is tried then, at least."""
    server.number = 2.0
    assert server.answer(9.0, 1.0, 121) == 1.0
    assert server.trying


def test_the_more_are_in_flight_the_more_answers_are_looked_at(server: Server) -> None:
    """Four for each of a hundred."""
    server.number = 100.0
    assert server.answer(1.2, 100.0, 400) == 100
    assert server.answer(1.2, 100.0, 1) < 100


@pytest.mark.parametrize("number", [40.0, 41.0])
def test_what_left_before_a_trial_says_nothing_of_it(server: Server, number: float) -> None:
    """However slowly those answers come: only what left since is compared."""
    server.number = number
    while not server.trying:
        server.answer(1.2, 100.0, 1)
    fewer = server.number
    server.answer(1.2, 1.0, int(number))
    assert server.answer(0.5, 100.0, 121) == fewer
    assert not server.trying


def test_answers_of_one_moment_make_no_window() -> None:
    """No throughput can be told from them."""
    crowding = Crowding()
    assert {crowding.take(took, 2.0, 7.0) for took in [1.0] * LEAST + [9.0] * LEAST} == {2.0}
