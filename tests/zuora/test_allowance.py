"""The rate headers: how much is left, of which window, in every spelling and however odd."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zbatch.model import Rate
from zbatch.zuora.allowance import MOST_POLICIES, Allowance, allowance
from zbatch.zuora.headers import KEPT, RATE_PREFIXES
from zbatch.zuora.limits import CAP_SECONDS

NOW = datetime(2026, 11, 30, 12, 0, 0, tzinfo=UTC)
DOCUMENTED = "2250000, 50000;w=60, 2250000;w=3600"
POLICIES = (Rate(50_000, 60.0), Rate(2_250_000, 3600.0))


@pytest.mark.parametrize("prefix", RATE_PREFIXES)
def test_the_documented_form_in_every_spelling(prefix: str) -> None:
    """The first number names the window that remaining and reset are about."""
    headers = {f"{prefix}limit": DOCUMENTED, f"{prefix}remaining": "7", f"{prefix}reset": "600"}
    assert allowance(headers, NOW) == Allowance(2_250_000, 7, 600.0, POLICIES)
    assert {*headers} <= KEPT


@pytest.mark.parametrize("missing", ["remaining", "reset"])
def test_without_what_is_left_or_when_nothing_is_told(missing: str) -> None:
    """The limit alone says nothing of the window that runs."""
    headers = {"ratelimit-limit": "1", "ratelimit-remaining": "1", "ratelimit-reset": "1"}
    del headers[f"ratelimit-{missing}"]
    assert allowance(headers, NOW) is None


def test_without_a_limit_the_window_has_no_name() -> None:
    """What is left until when is enough to keep to."""
    headers = {"ratelimit-remaining": "3", "ratelimit-reset": "9;w=60"}
    assert allowance(headers, NOW) == Allowance(0, 3, 9.0)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1796040045", 45.0),
        ("1796040045.7", 45.0),
        ("1796040045000", 45.0),
        ("1796030000", 0.0),
        ("Mon, 30 Nov 2026 12:00:45 GMT", 45.0),
        ("999999999", CAP_SECONDS),
    ],
)
def test_an_end_that_is_told_as_a_moment(value: str, seconds: float) -> None:
    """Since 1970, in seconds or thousandths of them, or as a date: gateways tell it so."""
    headers = {"x-ratelimit-remaining": "3", "x-ratelimit-reset": value}
    assert allowance(headers, NOW) == Allowance(0, 3, seconds)


@pytest.mark.parametrize("value", ["Mon, 32 Nov", "Mon, 30 Foo 2026 12:00:45 GMT"])
def test_a_date_that_is_none_tells_no_end(value: str) -> None:
    """Nor does half of one."""
    assert allowance({"ratelimit-remaining": "3", "ratelimit-reset": value}, NOW) is None


def test_a_moment_says_nothing_to_whom_no_time_is_told() -> None:
    """A reply that has no date, seen by itself."""
    headers = {"ratelimit-remaining": "3", "ratelimit-reset": "1796040045"}
    assert allowance(headers, None) is None


@pytest.mark.parametrize("scarce", RATE_PREFIXES)
def test_of_several_spellings_the_one_with_the_least_left_counts(scarce: str) -> None:
    """A gateway has its own limit before that of the tenant."""
    headers: dict[str, str] = {}
    for prefix in RATE_PREFIXES:
        left = "7" if prefix == scarce else "800"
        headers |= {prefix + "limit": "999", prefix + "remaining": left, prefix + "reset": "60"}
    assert allowance(headers, NOW) == Allowance(999, 7, 60.0)


@pytest.mark.parametrize(
    ("value", "limit", "policies"),
    [
        ("100;w=60", 100, (Rate(100, 60.0),)),
        ('100;comment="a";w=60', 100, ()),
        ("100, 0;w=60, 5;w=0", 100, ()),
        ("100,10; w=1,20 ;w=2", 100, (Rate(10, 1.0), Rate(20, 2.0))),
        ("soon", 0, ()),
        ("-5", 0, ()),
        ("9" * 5000, 0, ()),
        ("1, " + ", ".join(["7;w=7"] * 100), 1, (Rate(7, 7.0),) * MOST_POLICIES),
    ],
)
def test_odd_limits(value: str, limit: int, policies: tuple[Rate, ...]) -> None:
    """What cannot be read is passed over, and of many windows the first are enough."""
    headers = {
        "ratelimit-limit": value,
        "ratelimit-remaining": "1",
        "ratelimit-reset": "999999999999",
    }
    assert allowance(headers, NOW) == Allowance(limit, 1, CAP_SECONDS, policies)


NAMES = sorted(name for name in KEPT if "limit" in name)
VALUES = st.one_of(st.text(max_size=40), st.integers().map(str), st.floats().map(str))


@pytest.mark.untraced
@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=9))
def test_any_headers_tell_something_sound_or_nothing(headers: dict[str, str]) -> None:
    """Nothing is negative, and no wait is beyond the cap."""
    told = allowance(headers, NOW)
    assert told is None or (told.remaining >= 0 and 0.0 <= told.reset <= CAP_SECONDS)
