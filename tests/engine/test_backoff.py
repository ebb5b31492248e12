"""How long to wait before a key is sent again."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zbatch.engine.backoff import (
    CAP,
    CONFLICT_PATIENCE,
    ceiling,
    conflict_wait,
    conflicts_exhausted,
)


def test_waits_double_up_to_a_minute() -> None:
    """The ceiling of the jitter doubles with each failure and stays at a minute."""
    assert [ceiling(n) for n in range(1, 9)] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


@given(st.integers(1, 10**9))
def test_no_count_of_failures_is_too_large(failures: int) -> None:
    """A count from a long history neither overflows nor waits beyond the cap."""
    assert 0 < ceiling(failures) <= CAP


@pytest.mark.parametrize(("conflicts", "wait"), [(1, 1.0), (2, 2.0), (6, 32.0), (7, 60.0)])
def test_a_call_under_way_is_asked_for_at_1_to_60_seconds(conflicts: int, wait: float) -> None:
    """After a 409 without rows the waits are 1, 2, 4 … 60 seconds, without chance."""
    assert conflict_wait(conflicts) == wait


def test_a_call_under_way_is_awaited_for_at_most_ten_minutes() -> None:
    """The last wait before giving up still ends within ten minutes, and nearly uses them."""
    given_up = next(n for n in range(1, 1000) if conflicts_exhausted(n))
    waited = sum(conflict_wait(n) for n in range(1, given_up))
    assert CONFLICT_PATIENCE - CAP < waited <= CONFLICT_PATIENCE == 600.0


def test_once_exhausted_always_exhausted() -> None:
    """Patience with a call does not come back by asking more often."""
    told = [conflicts_exhausted(n) for n in range(1, 40)]
    assert all(later >= earlier for earlier, later in pairwise(told))
    assert told[0] is False
