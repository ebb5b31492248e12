"""Dates by expression, held against the standard library's calendar."""

from __future__ import annotations

import calendar
import os
import re
import time
import zoneinfo
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.budget import examples
from zbatch.spec.expressions import NoDate, check_timezone, resolve_date

YEARS = range(2000, 2100)
PERIODS = [(year, month) for year in YEARS for month in range(1, 13)]


def days_of(year: int, month: int) -> list[date]:
    """List the days of a month as the standard library prints them."""
    weeks = calendar.Calendar().itermonthdates(year, month)
    return [day for day in weeks if (day.year, day.month) == (year, month)]


def beside(year: int, month: int, step: int) -> list[date]:
    """List the days of the month before (-1) or after (1)."""
    where = date(year, month, 1 if step < 0 else 28) + timedelta(days=step * 4)
    return days_of(where.year, where.month)


@pytest.mark.parametrize("sign", ["", "+1d", "-1d", "+31d", "-31d", "+366d", "-366d"])
def test_every_month_of_a_century(sign: str) -> None:
    """Each expression is the day of the calendar that its name says, in leap years too."""
    step = timedelta(days=int(sign.removesuffix("d") or 0))
    for year, month in PERIODS:
        own = days_of(year, month)
        expected = {
            "start_of_month": own[0],
            "end_of_month": own[-1],
            "start_of_next_month": beside(year, month, 1)[0],
            "end_of_previous_month": beside(year, month, -1)[-1],
        }
        period = f"{year}-{month:02}"
        found = {name: resolve_date(name + sign, period) for name in expected}
        assert found == {name: day + step for name, day in expected.items()}


@pytest.mark.parametrize(
    ("text", "period", "day"),
    [
        ("end_of_month", "2026-11", "2026-11-30"),
        ("end_of_month", "2024-02", "2024-02-29"),
        ("end_of_month", "2023-02", "2023-02-28"),
        ("end_of_month", "2000-02", "2000-02-29"),
        ("start_of_next_month", "2026-12", "2027-01-01"),
        ("end_of_previous_month", "2026-01", "2025-12-31"),
        ("end_of_previous_month", "2024-03", "2024-02-29"),
        ("start_of_month+14d", "2026-11", "2026-11-15"),
        ("end_of_month+1d", "2024-02", "2024-03-01"),
        ("start_of_month-1d", "2000-01", "1999-12-31"),
        ("end_of_month+031d", "2026-11", "2026-12-31"),
        ("2026-02-28", "2026-11", "2026-02-28"),
        ("2026-02-28", None, "2026-02-28"),
    ],
)
def test_days_as_people_read_them(text: str, period: str | None, day: str) -> None:
    """Month ends, leap days and turns of the year, written out."""
    assert resolve_date(text, period).isoformat() == day


@examples(200)
@given(st.sampled_from(PERIODS), st.integers(1, 366), st.sampled_from("+-"))
def test_days_are_calendar_days_in_every_zone(
    period: tuple[int, int], count: int, sign: str
) -> None:
    """So many days later is the same time of that day, also where clocks are changed between."""
    year, month = period
    found = resolve_date(f"start_of_month{sign}{count}d", f"{year}-{month:02}")
    for zone in ("Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia"):
        noon = datetime(year, month, 1, 12, tzinfo=ZoneInfo(zone))
        assert (noon + timedelta(days=int(f"{sign}{count}"))).date() == found


@pytest.fixture
def far_east() -> Iterator[None]:
    """Let the machine live in another day."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Pacific/Kiritimati"
    time.tzset()
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


@pytest.mark.usefixtures("far_east")
def test_the_machine_s_own_zone_changes_nothing() -> None:
    """A spec means the same days wherever it is read."""
    assert resolve_date("end_of_month", "2026-03") == date(2026, 3, 31)


@pytest.mark.parametrize(
    ("text", "period", "code", "told"),
    [
        ("end_of_month", None, "ZB330", "needs the key `period`, such as `period: 2026-11`"),
        ("today", "2026-11", "ZB331", "no date expression; known: `start_of_month`, `end_of"),
        ("end_of_moth", "2026-11", "ZB331", "did you mean `end_of_month`?"),
        ("end_of_quarter", "2026-11", "ZB331", "no date expression"),
        ("end_of_month+1", "2026-11", "ZB331", "no date expression"),
        ("end_of_month +1d", "2026-11", "ZB331", "no date expression"),
        ("end_of_month+1d-1d", "2026-11", "ZB331", "no date expression"),
        ("end_of_month+1d\n", "2026-11", "ZB331", "no date expression"),
        ("end_of_month+١d", "2026-11", "ZB331", "no date expression"),
        ("END_OF_MONTH", "2026-11", "ZB331", "did you mean `end_of_month`?"),
        ("", "2026-11", "ZB331", "no date expression"),
        ("end_of_month+0d", "2026-11", "ZB332", "between 1 and 366 days"),
        ("end_of_month-367d", "2026-11", "ZB332", "between 1 and 366 days"),
        ("end_of_month", "2026-13", "ZB333", "a month from 2000-01 to 2099-12"),
        ("end_of_month", "1999-12", "ZB333", "a month from 2000-01 to 2099-12"),
        ("end_of_month", "2026-11\n", "ZB333", "a month from 2000-01 to 2099-12"),
        ("2026-02-30", "2026-02", "ZB301", "that month has 28 days"),
    ],
)
def test_what_means_no_day(text: str, period: str | None, code: str, told: str) -> None:
    """Anything else is refused with a sentence, and with the name that may have been meant."""
    with pytest.raises(NoDate) as raised:
        resolve_date(text, period)
    assert raised.value.code == code
    assert told in str(raised.value)
    assert str(raised.value).isprintable()


def test_time_zones_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A zone must be one that exists, as it is spelled; without a list of them any will do."""
    check_timezone("Europe/Berlin")
    check_timezone("UTC")
    for name in ("Europe/Berlln", "europe/berlin"):
        with pytest.raises(NoDate, match=r"did you mean `Europe/Berlin`\?") as raised:
            check_timezone(name)
        assert raised.value.code == "ZB334"
    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    check_timezone("Middle/Earth")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("end_of_month + 1d", "end_of_month+1d"),
        ("end of month - 14 days", "end_of_month-14d"),
        ("end-of-month-1d", "end_of_month-1d"),
        ("End_Of_Month", "end_of_month"),
        ("end_of_mouth+1", "end_of_month+1d"),
        ("start_of_nextmonth+2D", "start_of_next_month+2d"),
    ],
)
def test_a_suggestion_keeps_the_step(text: str, meant: str) -> None:
    """Who takes what is suggested gets the day that was meant, with all that was added to it."""
    with pytest.raises(NoDate, match=re.escape(f"did you mean `{meant}`?")):
        resolve_date(text, "2026-11")


@pytest.mark.parametrize(
    "text",
    [
        "end_of_month+1w",
        "end_of_month + 1 month",
        "end_of_month-",
        "end_of_month+0",
        "today",
        "end_of_next_month",
        "start_of_previous_month",
        "end_of_month_minus_one_day",
        "- 1d",
    ],
)
def test_nothing_is_suggested_that_means_another_day(text: str) -> None:
    """A step or a word that cannot be kept is not left out of a suggestion."""
    with pytest.raises(NoDate) as refused:
        resolve_date(text, "2026-11")
    assert "did you mean" not in str(refused.value)
