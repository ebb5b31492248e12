"""The tenant's clock: the newest that its replies tell, whatever older ones come after them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from support.engine import START
from zbatch.engine.server_clock import Freshness, ServerClock


def dated(at: datetime) -> dict[str, str]:
    return {"date": at.strftime("%a, %d %b %Y %H:%M:%S GMT")}


def test_nothing_is_known_before_the_first_date() -> None:
    """A reply without one is of now, and tells no time."""
    clock = ServerClock()
    assert clock.heard({}, 1.0)
    assert clock.now(1.0) is None
    assert clock.meant({}, 1.0) is None
    assert clock.meant(dated(START), 1.0) == START


def test_it_goes_on_from_the_newest_date() -> None:
    """A reply that took a second longer sets it back by nothing; one kept for hours is known."""
    clock = ServerClock()
    assert clock.heard(dated(START), 10.0)
    assert clock.heard(dated(START + timedelta(seconds=4)), 15.0)
    assert clock.now(20.0) == START + timedelta(seconds=10)
    assert clock.heard(dated(START + timedelta(seconds=12)), 20.0)
    assert clock.now(20.0) == START + timedelta(seconds=12)
    for _ in range(2):
        assert not clock.heard(dated(START - timedelta(hours=3)), 30.0)
    assert clock.now(30.0) == START + timedelta(seconds=22)


def test_what_a_gateway_says_of_the_time_sets_no_clock() -> None:
    """Whatever is not an answer of the server may be dated by another clock."""
    clock = ServerClock()
    assert clock.heard(dated(START + timedelta(hours=1)), 0.0, own=False)
    assert clock.now(0.0) is None
    assert clock.heard(dated(START), 0.0)
    assert clock.now(0.0) == START


def test_dates_count_from_when_the_reply_was_given() -> None:
    """By its own date; one that was kept, or has none, counts from now."""
    clock = ServerClock()
    clock.heard(dated(START), 0.0)
    assert clock.meant(dated(START + timedelta(seconds=58)), 60.0) == START + timedelta(seconds=58)
    assert clock.meant(dated(START + timedelta(seconds=1)), 60.0) == START + timedelta(seconds=1)
    assert clock.meant(dated(START - timedelta(hours=3)), 60.0) == START + timedelta(seconds=60)
    assert clock.meant({}, 60.0) == START + timedelta(seconds=60)


def aged(seconds: str) -> dict[str, str]:
    return {"age": seconds}


def test_an_age_tells_that_a_reply_was_kept() -> None:
    """Its date is of then: the server's clock is not set by it."""
    clock = ServerClock()
    assert not clock.heard(dated(START) | aged("6"), 0.0)
    assert clock.now(0.0) is None
    assert clock.heard(dated(START) | aged("5"), 0.0)
    assert clock.now(0.0) == START


def test_a_clock_is_trusted_for_good_and_by_its_own_word_alone() -> None:
    """What it knows of itself is in one place; nobody takes it back."""
    clock, name = ServerClock(), "trusted"
    assert not getattr(clock, name)
    clock.trust()
    clock.trust()
    with pytest.raises(AttributeError):
        setattr(clock, name, False)
    assert getattr(clock, name)


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class Asked:
    """One request that is asked again and again; our clock is wrong by so much."""

    def __init__(self, wrong_by: float = 0.0, server: ServerClock | None = None) -> None:
        self.server = server or ServerClock()
        self._fresh = Freshness(self.server)
        self._wrong_by = wrong_by

    def stored(self, headers: dict[str, str], left: float, read: float | None = None) -> bool:
        read = left if read is None else read
        self.server.heard(headers, read)
        return self._fresh.was_stored(headers, (left, later(left + self._wrong_by)), read)


@pytest.mark.parametrize("wrong_by", [-7200.0, 0.0, 7200.0])
def test_an_answer_that_tells_no_time_is_believed(wrong_by: float) -> None:
    """Nor is one that is a little older by its own word: clocks differ by as much."""
    asked = Asked(wrong_by)
    assert not asked.stored({}, 0.0)
    assert not asked.stored(aged("60"), 0.0)
    assert asked.stored(aged("61"), 0.0)
    assert not asked.stored(aged("61"), 0.0, read=1.0), "it took a second to come"


@pytest.mark.parametrize("wrong_by", [0.0, 7200.0])
def test_an_answer_from_before_its_request_is_known_by_what_came_before(wrong_by: float) -> None:
    """However long the answer took: its date counts beside the time at which it was asked for."""
    server = ServerClock()
    server.heard(dated(START), 0.0)
    server.trust()
    asked = Asked(wrong_by, server)
    assert not asked.stored(dated(later(40)), 100.0, read=190.0)
    assert asked.stored(dated(later(39)), 100.0, read=190.0)
    assert asked.stored(dated(later(39)), 110.0)
    assert not asked.stored(dated(later(110)), 110.0)


def test_an_answer_that_our_clock_alone_calls_old_is_asked_for_again() -> None:
    """It stays as it was where somebody has stored it."""
    asked = Asked(61.0)
    assert [asked.stored(dated(START), at) for at in (0.0, 2.0, 4.0)] == [True] * 3
    assert not Asked(60.0).stored(dated(START), 0.0)


def test_a_server_whose_clock_goes_on_beside_ours_is_right() -> None:
    """From then on its own clock alone tells."""
    asked = Asked(7200.0)
    assert asked.stored(dated(START), 0.0)
    assert not asked.stored(dated(later(2)), 2.0)
    assert not Asked(7200.0, asked.server).stored(dated(later(6)), 6.0)
    assert Asked(7200.0, asked.server).stored(dated(START), 66.0)


def test_a_server_whose_clock_is_behind_that_of_another_is_right() -> None:
    """One reply from ahead makes no answer old for good: each is asked for once more."""
    server = ServerClock()
    server.heard(dated(later(600)), 0.0)
    for start in (0.0, 20.0):
        asked = Asked(0.0, server)
        assert [asked.stored(dated(later(at)), at) for at in (start, start + 2.0)] == [True, False]
    asked = Asked(0.0, server)
    assert [asked.stored(dated(START), at) for at in (40.0, 42.0, 44.0)] == [True] * 3


def test_a_server_that_dates_a_reply_as_its_request_arrives_goes_on_as_well() -> None:
    """However long its answers take: what has passed lies between two requests."""
    asked = Asked(7200.0)
    assert asked.stored(dated(START), 0.0, read=10.0)
    assert not asked.stored(dated(later(12)), 12.0, read=13.0)
    asked = Asked(7200.0)
    assert [asked.stored(dated(START), at, at + 10.0) for at in (0.0, 12.0, 24.0)] == [True] * 3


def test_too_soon_or_too_far_on_shows_nothing() -> None:
    """A second answer of another hour was stored as well, only later."""
    asked = Asked(7200.0)
    assert asked.stored(dated(START), 0.0)
    assert asked.stored(dated(later(1)), 1.0)
    assert asked.stored(dated(later(5)), 3.0)
    assert asked.stored(dated(later(3600)), 9.0)
    assert not asked.stored(dated(later(3607)), 15.0), "told in whole seconds"


def test_a_clock_of_ours_that_is_behind_doubts_nothing() -> None:
    """What it cannot tell, the next answer does, if that is newer."""
    asked = Asked(-7200.0)
    assert not asked.stored(dated(later(-3600)), 0.0)
    assert not asked.stored(dated(later(10)), 10.0)
    assert asked.stored(dated(later(-3600)), 20.0)


@pytest.mark.parametrize("ahead", [10.0, 600.0])
def test_one_reply_of_a_clock_that_is_ahead_does_not_make_all_others_old(ahead: float) -> None:
    """A fresh answer to a question tells what is of now; no key's age goes by that."""
    asked = Asked()
    clock = asked.server
    assert not asked.stored(dated(START), 0.0)
    clock.heard(dated(later(ahead)), 0.0)
    asked.stored(dated(later(10.0)), 10.0)
    assert not asked.stored(dated(later(20.0)), 20.0)
    assert clock.heard(dated(later(30.0)), 30.0)
    assert clock.meant(dated(later(30.0)), 30.0) == later(30.0)
    assert not clock.heard(dated(later(20.0)), 30.0)
    assert clock.now(30.0) == later(30.0 + ahead)
