"""How old a key is, and when no clock can be trusted to say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zbatch.engine.age import Clocks, expired, expires, outlived
from zbatch.model import Attempt

SENT = datetime(2026, 11, 30, 22, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def sent_at(*moments: datetime) -> tuple[Attempt, ...]:
    return tuple(Attempt(n, moment, f"track-{n}") for n, moment in enumerate(moments, 1))


@pytest.mark.parametrize(
    ("age", "old"),
    [
        (timedelta(), False),
        (22 * HOUR, False),
        (23 * HOUR - SECOND, False),
        (23 * HOUR, True),
        (24 * HOUR, True),
        (1000 * HOUR, True),
    ],
)
def test_a_key_is_trusted_for_23_hours(age: timedelta, old: bool) -> None:
    """The server forgets after 24 hours; the last of them is left for clocks that disagree."""
    assert expired(sent_at(SENT), Clocks(SENT + age, newest=None)) is old


@pytest.mark.parametrize(
    ("hours", "expiring"), [(20, False), (21, True), (22, True), (23, False), (24, False)]
)
def test_a_key_that_a_wait_would_outlive_expires_within_it(hours: int, expiring: bool) -> None:
    """R6: a wait of two hours is not slept over it; one that has expired already is past that."""
    attempts, now = sent_at(SENT), SENT + hours * HOUR
    assert expires(attempts, Clocks(now, newest=SENT), 2 * HOUR) is expiring
    by_server = tuple(replace(one, server_date=SENT) for one in attempts)
    behind = Clocks(SENT + HOUR, newest=SENT, server=now)
    assert expires(by_server, behind, 2 * HOUR) is expiring
    assert not expires(attempts, behind, 2 * HOUR)


def test_a_clock_that_has_gone_backwards_is_not_mended_by_a_wait() -> None:
    """R7: such a key has expired already, by the ledger's newest stamp."""
    newest = SENT + 2 * HOUR
    assert not expires(sent_at(SENT), Clocks(SENT + HOUR, newest), 23 * HOUR)
    assert expires(sent_at(SENT), Clocks(newest, newest), 23 * HOUR)


def test_age_counts_from_the_first_send() -> None:
    """A resend does not make a key young again."""
    attempts = sent_at(SENT, SENT + 22 * HOUR)
    assert expired(attempts, Clocks(SENT + 23 * HOUR, newest=SENT + 22 * HOUR))


def test_a_key_never_sent_has_no_age() -> None:
    """Without an attempt nothing can be forgotten, whatever the clock says."""
    assert not expired((), Clocks(SENT + 1000 * HOUR, newest=None))
    assert not expired((), Clocks(SENT - 1000 * HOUR, newest=SENT))


def test_an_intent_that_never_left_has_no_age() -> None:
    """A machine that slept over its intents sends them late, and the key is as young as that."""
    unsent, sent = sent_at(SENT - 30 * HOUR, SENT)
    unsent = replace(unsent, sent=False)
    assert not expired((unsent,), Clocks(SENT, newest=None))
    assert not expired((unsent, sent), Clocks(SENT + 22 * HOUR, newest=None))
    assert expired((unsent, sent), Clocks(SENT + 23 * HOUR, newest=None))


def test_a_clock_behind_the_ledger_expires_every_key() -> None:
    """A wall clock below the newest stamp has gone backwards: no age it gives can be trusted."""
    assert expired(sent_at(SENT), Clocks(SENT + HOUR, newest=SENT + 3 * HOUR))
    assert expired(sent_at(SENT), Clocks(SENT - 30 * HOUR, newest=SENT))


def test_a_clock_corrected_by_seconds_is_still_trusted() -> None:
    """What a time service takes back, up to a minute, does not expire anything."""
    newest = SENT + HOUR
    assert not expired(sent_at(SENT), Clocks(newest - 60 * SECOND, newest))
    assert expired(sent_at(SENT), Clocks(newest - 61 * SECOND, newest))


def test_a_clock_behind_the_sends_themselves_is_not_trusted() -> None:
    """An attempt from the future tells as much as a newer stamp: its age cannot be known."""
    assert expired(sent_at(SENT), Clocks(SENT - 2 * HOUR, newest=None))
    assert not expired(sent_at(SENT), Clocks(SENT - 30 * SECOND, newest=None))


@given(st.timedeltas(-1000 * HOUR, 1000 * HOUR), st.timedeltas(-1000 * HOUR, 1000 * HOUR))
def test_trusted_means_young_by_every_stamp(shift: timedelta, newest: timedelta) -> None:
    """A key that may be sent is younger than 23 hours on a clock that has not gone back."""
    now = SENT + shift
    if not expired(sent_at(SENT), Clocks(now, SENT + newest)):
        assert -timedelta(minutes=1) <= now - SENT < 23 * HOUR
        assert now >= SENT + newest - timedelta(minutes=1)


def test_f113_f114_the_servers_clock_makes_a_key_old_that_ours_calls_young() -> None:
    """F113, F114: a clock that stood still is found out by the server's `Date` at both ends."""
    told = replace(sent_at(SENT)[0], server_date=SENT)
    assert expired((told,), Clocks(SENT + HOUR, server=SENT + 23 * HOUR))
    assert not expired((told,), Clocks(SENT + HOUR, server=SENT + 22 * HOUR))


def test_a_servers_clock_behind_ours_makes_no_key_younger() -> None:
    """The greater age counts, and a send of which no `Date` is known goes by our clock alone."""
    told = replace(sent_at(SENT)[0], server_date=SENT)
    assert expired((told,), Clocks(SENT + 23 * HOUR, server=SENT + 20 * HOUR))
    assert not expired(sent_at(SENT), Clocks(SENT + HOUR, server=SENT + 90 * HOUR))


@pytest.mark.parametrize(
    ("ours", "server", "over"),
    [
        (23, None, True),
        (22, None, False),
        (23, 23, True),
        (30, 2, False),
        (2, 30, False),
        (-1, 30, True),
        (-1, 2, False),
        (-1, None, False),
    ],
)
def test_a_key_has_outlived_the_servers_memory_once_all_clocks_agree(
    ours: int, server: int | None, over: bool
) -> None:
    """R9b: until then a 409 counts; a clock that has gone backwards is not asked, if another is."""
    attempts = tuple(replace(one, server_date=SENT) for one in sent_at(SENT, SENT + SECOND))
    told = None if server is None else SENT + server * HOUR
    assert outlived(attempts, Clocks(SENT + ours * HOUR, SENT, told)) is over
    untold = sent_at(SENT)
    assert outlived(untold, Clocks(SENT + ours * HOUR, SENT, told)) is (ours >= 23)


def test_what_never_left_has_not_outlived_anything() -> None:
    """R6: only a send that left, or may have left, has an age."""
    unsent = tuple(replace(one, sent=False) for one in sent_at(SENT))
    assert not outlived(unsent, Clocks(SENT + 100 * HOUR))


def test_what_was_turned_away_is_nothing_that_a_server_remembers() -> None:
    """R9b: a 429 of the day before leaves no key; what was sent after it may run still."""
    turned_away = replace(sent_at(SENT - 22 * HOUR)[0], answer="throttled")
    attempts = (turned_away, *sent_at(SENT))
    assert not outlived(attempts, Clocks(SENT + 23 * HOUR - SECOND, SENT))
    assert outlived(attempts, Clocks(SENT + 23 * HOUR, SENT))
    assert outlived(attempts[:1], Clocks(SENT + HOUR, SENT))
