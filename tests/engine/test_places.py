"""Places in flight: taken in turn, given back, and fewer or more of them as answers show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest

from support.engine import START, status
from zbatch.engine.concurrency import Flight
from zbatch.engine.places import Places
from zbatch.zuora.wire import Reply

TOLD = {"concurrency-limit-limit": "40", "concurrency-limit-remaining": "35"}


class HandClock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def monotonic(self) -> float:
        return self.at

    def now(self) -> datetime:
        return START


@pytest.fixture
def clock() -> HandClock:
    """Give a clock that stands at the start."""
    return HandClock()


@pytest.fixture
def places(clock: HandClock) -> Places:
    """Give the places of a run of two at once."""
    return Places(2, clock)


@contextmanager
def flying(places: Places) -> Iterator[Flight]:
    """Let a request be at the server while the body runs."""
    flight = places.took_off()
    yield flight
    places.landed(flight)


def test_who_comes_too_late_waits_in_turn(places: Places) -> None:
    """The first who waits is the first who gets a place; nobody overtakes."""
    got: list[str] = []
    assert places.take()
    assert places.take()
    assert not places.take()
    places.queue(first := lambda: got.append("first"))
    places.queue(lambda: got.append("second"))
    assert places.waiting == 2
    with flying(places):
        assert got == []
    assert got == ["first"]
    assert not places.take(), "the second comes before"
    places.forgo(first)
    assert got == ["first", "second"]


def test_who_waits_no_longer_is_passed_over(places: Places) -> None:
    """Leaving the queue takes no place."""
    got: list[str] = []
    places.take()
    places.take()
    places.queue(gone := lambda: got.append("gone"))
    places.queue(lambda: got.append("here"))
    places.forgo(gone)
    places.give_back()
    assert got == ["here"]


def test_who_waits_is_woken_when_the_run_stops(places: Places) -> None:
    """Nobody waits for a place that nobody gives back."""
    got: list[str] = []
    places.take()
    places.take()
    places.queue(lambda: got.append("woken"))
    places.close()
    assert got == ["woken"]
    assert places.waiting == 0


def test_a_place_falls_away_where_fewer_may_be_in_flight(clock: HandClock) -> None:
    """Those that wait for their turn give theirs back until as many are left as may be."""
    places = Places(5, clock)
    for _ in range(5):
        assert places.take()
    with flying(places) as flight:
        pass
    places.refused(flight, 120.0)
    assert places.allowed == 1
    assert not places.stands()
    for _ in range(3):
        places.give_back()
    assert places.stands()


def test_what_a_reply_tells_makes_room_at_once(clock: HandClock) -> None:
    """Whoever waits need not wait for the next answer."""
    places = Places(40, clock)
    got: list[int] = []
    for _ in range(5):
        assert places.take()
    places.queue(lambda: got.append(1))
    with flying(places):
        pass
    places.heard(Reply(200, TOLD, b""))
    assert places.allowed == 33, "four of the five that are open are not ours: they are left room"
    assert got == [1]
    assert (places.peak, places.waiting) == (1, 0)
    places.heard(status(200))
    assert places.allowed == 33


def test_an_answer_that_shows_nothing_decides_no_trial(clock: HandClock) -> None:
    """Whether one more is taken in is found out by another request then."""
    places = Places(2, clock)
    with flying(places), flying(places) as second:
        pass
    places.refused(second, 1.0)
    assert places.allowed == 1
    clock.at = 1000.0
    with flying(places) as alone:
        clock.at += 1.0
    places.clean(alone)
    assert places.allowed == 2, "it is tried"
    with flying(places), flying(places) as trial:
        clock.at += 1.0
    places.undecided(trial)
    with flying(places), flying(places) as other:
        clock.at += 1.0
    places.clean(other)
    with flying(places) as alone:
        clock.at += 1.0
    places.refused(alone, 1.0)
    assert places.allowed == 1
