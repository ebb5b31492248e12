"""The tenant's clock: the newest that its replies tell, whatever older ones come after them."""

from __future__ import annotations

from datetime import datetime, timedelta

from support.engine import START
from zbatch.engine.server_clock import ServerClock


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


def test_dates_count_from_when_the_reply_was_given() -> None:
    """By its own date; one that was kept, or has none, counts from now."""
    clock = ServerClock()
    clock.heard(dated(START), 0.0)
    assert clock.meant(dated(START + timedelta(seconds=58)), 60.0) == START + timedelta(seconds=58)
    assert clock.meant(dated(START - timedelta(hours=3)), 60.0) == START + timedelta(seconds=60)
    assert clock.meant({}, 60.0) == START + timedelta(seconds=60)
