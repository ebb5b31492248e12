"""The limit headers, in every spelling and however odd."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zbatch.model import Problem
from zbatch.zuora.headers import KEPT, RATE_PREFIXES
from zbatch.zuora.limits import (
    CAP_SECONDS,
    AtOnce,
    age_of,
    at_once,
    date_of,
    retry_after,
    too_many_at_once,
)

NOW = datetime(2026, 11, 30, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", 120.0),
        (" 120 ", 120.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("-1", None),
        ("1e9", None),
        ("NaN", None),
        ("inf", None),
        ("", None),
        ("soon", None),
        ("٣", None),
        ("120, 60", 120.0),
        ("60, soon", 60.0),
        ("90000", 90000.0),
        ("1796040120", 120.0),
        ("1796040120000", 120.0),
        ("1796039000", 0.0),
        ("999999999", CAP_SECONDS),
        ("99999999999999999999999999", CAP_SECONDS),
        ("9" * 5000, CAP_SECONDS),
        ("Mon, 30 Nov 2026 12:02:00 GMT", 120.0),
        ("Mon, 30 Nov 2026 11:00:00 GMT", 0.0),
        ("Mon, 30 Nov 2026 12:02:00 GMT, Mon, 30 Nov 2026 12:05:00 GMT", 300.0),
        ("Mon, 30 Nov 2026 12:02:00 GMT, 600", 600.0),
        ("Monday, 30-Nov-26 12:02:00 GMT", 120.0),
        ("Mon Nov 30 12:02:00 2026", 120.0),
        ("Tue Dec  1 12:00:00 2026", 86_400.0),
        ("Monday, 30-Nov-26 12:02:00 GMT, Mon Nov 30 12:05:00 2026", 300.0),
        ("Wednesday, 31-Nov-26 12:02:00 GMT", None),
        ("Mon Foo 30 12:02:00 2026", None),
        ("Mon, 30 Foo 2026 12:02:00 GMT", None),
        ("Mon, 30 Nov 2026 24:02:00 GMT", None),
        ("120s", 120.0),
        ("120 s", 120.0),
        ('"120"', 120.0),
        ("120ms", None),
        ("120 min", None),
        ("Tue, 31 Nov 2026 12:02:00 GMT", None),
        ("Mon, 30 Nov 0000 12:02:00 GMT", None),
        ("Fri, 30 Nov 9999 12:02:60 GMT", CAP_SECONDS),
    ],
)
def test_f64_retry_after_values(value: str, expected: float | None) -> None:
    """Retry-After is read as seconds or as a date, or not at all, and never beyond the cap."""
    assert retry_after({"retry-after": value}, NOW) == expected


@pytest.mark.parametrize("name", sorted(name for name in KEPT if name.endswith("-reset")))
def test_f65_reset_counts_in_every_spelling(name: str) -> None:
    """The reset of the rate window is honoured however the page at hand spells it.

    It may be told in whole seconds that are rounded down, so one more is waited for.
    """
    assert retry_after({name: "600"}, NOW) == 601.0
    assert retry_after({name: "0"}, NOW) == 1.0
    assert retry_after({name: "7;w=60"}, NOW) == 8.0
    assert retry_after({name: "Mon, 30 Nov 2026 12:02:00 GMT"}, NOW) == 121.0
    assert retry_after({name: "9" * 99}, NOW) == CAP_SECONDS


@pytest.mark.parametrize("prefix", RATE_PREFIXES)
@pytest.mark.parametrize(
    ("remaining", "retry", "expected"),
    [
        (None, None, 601.0),  # there is no other word
        (None, "120", 120.0),
        ("4000", None, None),
        ("4000", "120", 120.0),
        ("0", None, 601.0),
        ("0", "120", 601.0),
        ("0", "900", 900.0),
        ("-3", "120", 601.0),
        (" 0;w=60", "120", 601.0),
        ("0.5", "120", 601.0),
        ("few", "120", 120.0),
        ("few", None, 601.0),
    ],
)
def test_the_end_of_a_window_counts_where_that_is_used_up(
    prefix: str, remaining: str | None, retry: str | None, expected: float | None
) -> None:
    """It stands on every reply: that of a day that has calls left says nothing of a refusal."""
    told = {prefix + "reset": "600", prefix + "remaining": remaining, "retry-after": retry}
    headers = {name: value for name, value in told.items() if value is not None}
    assert retry_after(headers, NOW) == expected
    alone = None if retry is None else float(retry)
    assert retry_after(headers, NOW, crowded=True) == alone, "no window is to do with that"


def test_the_longest_wait_counts() -> None:
    """Where two windows are used up, the run waits for both."""
    headers = {
        "ratelimit-reset": "60",
        "ratelimit-remaining": "0",
        "x-ratelimit-reset": "90",
        "x-ratelimit-remaining": "0",
    }
    assert retry_after(headers, NOW) == 91.0
    assert retry_after({}, NOW) is None


def test_a_day_and_more_stays_visible() -> None:
    """A wait of 25 hours is told as such, so that the run can stop instead of sleeping."""
    assert retry_after({"retry-after": str(25 * 3600)}, NOW) == 25 * 3600.0


def test_no_wait_reads_as_more_than_a_month() -> None:
    """Thirty days stand for every longer wait, also for one that no float holds."""
    for value in ("2592001", "9" * 5000, "Fri, 30 Nov 2029 12:00:00 GMT"):
        assert retry_after({"retry-after": value}, NOW) == 2_592_000.0
    assert retry_after({"retry-after": "2591999.5"}, NOW) == 2_591_999.5


@pytest.mark.parametrize("month", range(1, 13))
def test_a_date_of_each_month_is_read(month: int) -> None:
    """The server's clock is read in every month, as the calendar of our own library writes it."""
    then = datetime(2026, month, 9, 8, 7, 6, tzinfo=UTC)
    assert date_of({"date": format_datetime(then, usegmt=True)}) == then
    assert date_of({"date": f"{then:%A, %d-%b-%y %H:%M:%S} GMT"}) == then
    assert date_of({"date": f"{then:%a %b} {then.day:2d} {then:%H:%M:%S %Y}"}) == then
    assert date_of({"date": format_datetime(then)}) == then, "with +0000, as mail writes it"


def test_of_several_dates_the_earliest_counts() -> None:
    """Somebody on the way has added his own to the server's."""
    old, new = (format_datetime(NOW + timedelta(hours=h), usegmt=True) for h in (-3, 0))
    for both in (f"{old}, {new}", f"{new}, {old}", f" {old},{old}"):
        assert date_of({"date": both}) == NOW - timedelta(hours=3)


@pytest.mark.untraced
@given(st.text(max_size=60) | st.from_regex(r"[A-Z][a-z]{2}, \d\d Nov \d{4} \d\d:\d\d:\d\d GMT"))
def test_no_value_raises(value: str) -> None:
    """Whatever a header holds, the answer is None or a wait within bounds."""
    wait = retry_after({"retry-after": value, "ratelimit-reset": value}, NOW)
    assert wait is None or 0.0 <= wait <= CAP_SECONDS


@pytest.mark.parametrize(
    ("limit", "remaining", "expected"),
    [
        ("40", "35", AtOnce(40, 35)),
        (" 40 ", "0", AtOnce(40, 0)),
        ("40", None, None),
        (None, "35", None),
        ("40", "-1", None),
        ("forty", "35", None),
        ("40", "9" * 5000, None),
        ("40, 40", "35", None),
    ],
)
def test_how_many_requests_the_tenant_takes_at_once(
    limit: str | None, remaining: str | None, expected: AtOnce | None
) -> None:
    """Only where it tells both numbers, and each of them once; both headers are kept."""
    told = {"concurrency-limit-limit": limit, "concurrency-limit-remaining": remaining}
    assert at_once({name: value for name, value in told.items() if value is not None}) == expected
    assert told.keys() <= KEPT


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("50000070", "The total number of concurrent requests has exceeded the limit", True),
        ("REQUEST_EXCEEDED_LIMIT", "", True),
        ("HTTP_429", "Request exceeded limit.", True),
        ("70", "API Rate limit exceeded for the minute", False),
        ("REQUEST_EXCEEDED_RATE", "", False),
        ("HTTP_429", "Too Many Requests", False),
    ],
)
def test_a_limit_on_requests_at_once_is_told_from_one_on_their_rate(
    code: str, message: str, expected: bool
) -> None:
    """By code, or by the one message that comes without any."""
    assert too_many_at_once(Problem(code, message)) is expected


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"date": ""},
        {"date": "yesterday"},
        {"date": "Fri, 31 Dec 9999 23:59:59 GMT"},
        {"date": "Tue, 01 Jan 1000 00:00:00 GMT"},
    ],
)
def test_a_reply_without_a_readable_date_has_none(headers: dict[str, str]) -> None:
    """It is no worse for it: the age of a key then goes by our own clock alone."""
    assert date_of(headers) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        (" 3600 ", 3600.0),
        ("5, 3600, 7", 3600.0),
        ("9" * 900, CAP_SECONDS),
        ("", 0.0),
        ("-5", 0.0),
        ("old", 0.0),
        ("\u0663", 0.0),
        ("\u00b2", 0.0),
        ("old, 9", 9.0),
    ],
)
def test_the_age_of_a_reply_is_the_greatest_that_it_tells(value: str, seconds: float) -> None:
    """Several caches may have told one each; what cannot be read tells nothing."""
    assert age_of({"age": value}) == timedelta(seconds=seconds)
    assert age_of({}) == timedelta()
