"""Small texts that mean a value, or seem to."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from zbatch.model import Rate
from zbatch.spec.values import is_retyped, parse_date, parse_duration, parse_rate


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("30s", 30.0), ("5m", 300.0), ("3h", 10800.0)]
)
def test_durations(text: str, seconds: float) -> None:
    """Durations come out in seconds."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["20/s", "600/min", "5000/h"])
def test_rates_are_written_as_they_are_read(text: str) -> None:
    """A rate prints as the text that it was read from."""
    assert str(parse_rate(text)) == text


def test_rate_of_a_minute() -> None:
    """A rate a minute is counted over sixty seconds."""
    assert parse_rate("600/min") == Rate(600, 60.0)


@pytest.mark.parametrize("text", ["", "5", "5 s", "-5s", "5s\n", "1.5s", "5d", "٥s"])
def test_other_forms_are_no_duration_and_no_rate(text: str) -> None:
    """Whatever the schema lets through by mistake still does not become a number."""
    with pytest.raises(ValueError, match="such as"):
        parse_duration(text)
    with pytest.raises(ValueError, match="such as"):
        parse_rate(text)


@given(st.dates())
def test_every_day_of_the_calendar_is_read(day: date) -> None:
    """Every day is read as itself."""
    assert parse_date(day.isoformat()) == day


@given(st.dates(max_value=date(9999, 11, 30)))
def test_the_day_after_the_last_is_no_day(day: date) -> None:
    """One day beyond the end of a month is refused, leap years and centuries included."""
    first_of_next = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    last = first_of_next - timedelta(days=1)
    assert parse_date(last.isoformat()) == last
    with pytest.raises(ValueError, match=f"that month has {last.day} days"):
        parse_date(f"{last.isoformat()[:8]}{last.day + 1:02}")


@settings(max_examples=1000, deadline=None)
@given(st.text("0123456789abcdefnosyxINTZ~_.:+- ", max_size=12))
def test_text_that_pyyaml_reads_otherwise_earns_a_warning(text: str) -> None:
    """Wherever PyYAML makes something else than text of a plain scalar, we say so."""
    try:
        value = yaml.load(f"[{text}]", yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, OverflowError):
        return
    if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], str | dict):
        assert is_retyped(text.strip()), value


@pytest.mark.parametrize("text", ["month-end-2026-11", "2026-11", "x1", "1a", "e5", "early exit"])
def test_ordinary_text_earns_no_warning(text: str) -> None:
    """Names that every tool reads as text are left alone."""
    assert not is_retyped(text)
