"""The rate headers: how much is left, of which window, in every spelling and however odd."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zbatch.model import Rate
from zbatch.zuora.allowance import MOST_POLICIES, Allowance, allowance
from zbatch.zuora.headers import KEPT, RATE_PREFIXES
from zbatch.zuora.limits import CAP_SECONDS

DOCUMENTED = "2250000, 50000;w=60, 2250000;w=3600"
POLICIES = (Rate(50_000, 60.0), Rate(2_250_000, 3600.0))


@pytest.mark.parametrize("prefix", RATE_PREFIXES)
def test_the_documented_form_in_every_spelling(prefix: str) -> None:
    """The first number names the window that remaining and reset are about."""
    headers = {f"{prefix}limit": DOCUMENTED, f"{prefix}remaining": "7", f"{prefix}reset": "600"}
    assert allowance(headers) == Allowance(2_250_000, 7, 600.0, POLICIES)
    assert {*headers} <= KEPT


@pytest.mark.parametrize("missing", ["remaining", "reset"])
def test_without_what_is_left_or_when_nothing_is_told(missing: str) -> None:
    """The limit alone says nothing of the window that runs."""
    headers = {"ratelimit-limit": "1", "ratelimit-remaining": "1", "ratelimit-reset": "1"}
    del headers[f"ratelimit-{missing}"]
    assert allowance(headers) is None


def test_without_a_limit_the_window_has_no_name() -> None:
    """What is left until when is enough to keep to."""
    headers = {"ratelimit-remaining": "3", "ratelimit-reset": "9;w=60"}
    assert allowance(headers) == Allowance(0, 3, 9.0)


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
    assert allowance(headers) == Allowance(limit, 1, CAP_SECONDS, policies)


NAMES = sorted(name for name in KEPT if "limit" in name)
VALUES = st.one_of(st.text(max_size=40), st.integers().map(str), st.floats().map(str))


@pytest.mark.untraced
@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=9))
def test_any_headers_tell_something_sound_or_nothing(headers: dict[str, str]) -> None:
    """Nothing is negative, and no wait is beyond the cap."""
    told = allowance(headers)
    assert told is None or (told.remaining >= 0 and 0.0 <= told.reset <= CAP_SECONDS)
