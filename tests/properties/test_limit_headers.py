"""Whatever a server says about waiting, the wait is bounded and nothing panics."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import example, given
from hypothesis import strategies as st

from support.budget import examples
from support.engine import START, HighRandom, VirtualClock, run_virtually
from zbatch.engine import backoff
from zbatch.engine.brake import Brake
from zbatch.engine.ending import StopReason
from zbatch.engine.events import Event, Gated
from zbatch.engine.settings import Settings
from zbatch.model import Limits, Rate
from zbatch.zuora.headers import KEPT, RATE_PREFIXES
from zbatch.zuora.limits import CAP_SECONDS, ROUNDED, date_of, retry_after
from zbatch.zuora.wire import Reply

NUMBERS = st.one_of(
    st.integers(-(10**30), 10**30).map(str),
    st.floats().map(str),
    st.sampled_from(
        ["", "0", "-1", "1e9", "NaN", "inf", "25:00", "٣", "１２", "9" * 8000, "0" * 8000, "1."]
    ),
    st.integers(0, 10**6).map(lambda n: f"{n}.{n}"),
)
DATES = st.builds(
    "{}, {:02d} {} {:04d} {:02d}:{:02d}:{:02d} {}".format,
    st.sampled_from(["Mon", "Sun", "mon", "Xyz"]),
    st.integers(0, 99),
    st.sampled_from(["Jan", "Feb", "Nov", "Dec", "nov", "Foo"]),
    st.integers(0, 9999),
    st.integers(0, 99),
    st.integers(0, 99),
    st.integers(0, 99),
    st.sampled_from(["GMT", "UTC", "+0000"]),
)
PIECES = st.one_of(NUMBERS, DATES, st.text(st.characters(), max_size=30))
VALUES = st.one_of(
    PIECES,
    st.lists(PIECES, max_size=4).map(", ".join),
    st.lists(PIECES, max_size=4).map(";w=60, ".join),
)
NAMES = sorted(KEPT | {f"{prefix}reset" for prefix in RATE_PREFIXES})
HEADERS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6)
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))])
MOMENTS = st.datetimes(timezones=ZONES)
RESETS = st.sampled_from([("retry-after", 0.0), ("ratelimit-reset", ROUNDED)])
LIMITS = Limits(10, Rate(600, 60.0), 1, 150.0)


def _settings() -> Settings:
    def never(*_: object) -> None:
        raise AssertionError("nothing is sent here")

    return Settings("tail", LIMITS, 6, never)  # type: ignore[arg-type] # it never returns


@examples(500)
@given(HEADERS, MOMENTS)
@example({"retry-after": "Fri, 31 Dec 9999 23:59:60 GMT"}, datetime.min.replace(tzinfo=UTC))
@example({"retry-after": "Sat, 01 Jan 0000 00:00:00 GMT"}, START)
@example({"retry-after": "9" * 8000}, START)
@example({"ratelimit-reset": "1, " * 2600}, START)
def test_any_headers_ask_for_a_bounded_wait(headers: dict[str, str], now: datetime) -> None:
    """A wait is None or between nothing and the cap, whatever stands in the headers."""
    began = time.process_time()
    wait = retry_after(headers, now)
    assert time.process_time() - began < 1.0
    assert wait is None or 0.0 <= wait <= CAP_SECONDS


@examples(300)
@given(HEADERS)
def test_any_date_is_a_moment_or_none(headers: dict[str, str]) -> None:
    """The server's own clock is read, or it is not there; other headers change nothing."""
    date = date_of(headers)
    assert date is None or date.tzinfo is UTC
    assert date == date_of({"date": headers.get("date", "")})


@examples(300)
@given(st.floats(0, 10**9 - 1), RESETS)
def test_a_wait_in_seconds_is_kept(seconds: float, named: tuple[str, float]) -> None:
    """A number of seconds is read as it is written, up to the cap, and one more for a reset."""
    name, more = named
    wait = retry_after({name: f"{seconds:.3f}"}, START)
    assert wait is not None
    assert abs(wait - min(round(seconds, 3) + more, CAP_SECONDS)) < 0.001


@examples(300)
@given(st.timedeltas(timedelta(days=-400), timedelta(days=400)), RESETS, st.sampled_from([1, 1000]))
def test_a_wait_until_a_number_since_1970_is_kept(
    ahead: timedelta, named: tuple[str, float], unit: int
) -> None:
    """So many seconds, or thousandths, are no wait but the end of one."""
    name, more = named
    then = (START + ahead).replace(microsecond=0)
    wait = retry_after({name: str(int(then.timestamp()) * unit)}, START)
    expected = max((then - START).total_seconds(), 0.0) + more
    assert wait == min(expected, CAP_SECONDS)


@examples(300)
@given(st.timedeltas(timedelta(days=-400), timedelta(days=400)))
def test_a_wait_until_a_date_is_kept(ahead: timedelta) -> None:
    """A date is a wait until then; one that is over is no wait."""
    then = (START + ahead).replace(microsecond=0)
    wait = retry_after({"retry-after": f"{then:%a, %d %b %Y %H:%M:%S} GMT"}, START)
    expected = (then - START).total_seconds()
    assert wait == min(max(expected, 0.0), CAP_SECONDS)


@examples(200)
@given(HEADERS, st.integers(-5, 2000))
def test_a_run_waits_an_hour_at_most_or_stops(headers: dict[str, str], failures: int) -> None:
    """The gate never closes for longer than an hour; what asks for more stops the run."""
    told: list[Event] = []

    async def throttled() -> Brake:
        brake = Brake(VirtualClock(), HighRandom(), told.append, _settings())
        brake.throttled(Reply(429, headers, b""), "too many", failures)
        return brake

    brake = run_virtually(throttled())
    waits = [event.wait for event in told if isinstance(event, Gated)]
    assert all(0.0 <= wait <= backoff.LONGEST_GATE for wait in waits)
    assert bool(waits) != (brake.stopped is not None)
    if brake.stopped:
        assert brake.stopped.reason is StopReason.LIMIT
