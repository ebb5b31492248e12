"""The run over time, from what the ledger holds of its sends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from support import told
from zbatch.model import Outcome
from zbatch.report.timeline import LATENCIES, MOST_STEPS, Timeline, timeline

START = told.START


@dataclass(frozen=True)
class Call:
    """A send from and to so many seconds after the beginning."""

    begin: float
    end: float | None
    http_status: int | None = 200

    @property
    def started_at(self) -> datetime:
        return START + timedelta(seconds=self.begin)

    @property
    def finished_at(self) -> datetime | None:
        return None if self.end is None else START + timedelta(seconds=self.end)


def laid_out(*calls: Call) -> Timeline:
    found = timeline(START, calls, ())
    assert found is not None
    return found


def test_a_run_in_which_nothing_happened_has_no_timeline() -> None:
    """What was not sent, and never known, is at no time."""
    assert timeline(START, (), [told.line(1, Outcome.NOT_ATTEMPTED)]) is None


def test_every_call_is_counted_once() -> None:
    """Steps add up, however long the run; they are never too many to draw."""
    for seconds in (0.05, 1, 60, 3600, 86400, 10**9):
        calls = [Call(seconds * n / 1000, seconds * n / 1000 + 0.2) for n in range(1001)]
        found = laid_out(*calls)
        assert sum(found.sent) == 1001
        assert len(found.sent) <= MOST_STEPS


def test_rates_are_over_a_whole_second() -> None:
    """Steps shorter than a second show no rate that never was."""
    calls = [Call(n / 25, n / 25 + 0.1) for n in range(100)]
    found = laid_out(*calls)
    assert found.width < 1
    assert max(found.rates(found.sent)) == pytest.approx(25, abs=1)
    slow = laid_out(*(Call(n * 10, n * 10 + 1) for n in range(100)))
    assert slow.width == 5
    assert max(slow.rates(slow.sent)) == pytest.approx(0.2)


def test_calls_in_flight_are_the_most_at_once() -> None:
    """Also in steps in which nothing begins or ends."""
    found = laid_out(Call(0, 9), Call(1, 3), Call(2, 8), Call(10, None))
    per_second = [
        max(found.in_flight[int(s / found.width)] for s in (t, t + 0.5)) for t in range(9)
    ]
    assert per_second == [1, 2, 3, 3, 2, 2, 2, 2, 2]
    assert max(found.in_flight) == 3


def test_a_429_marks_the_wait_that_it_caused() -> None:
    """Until the next call; two of one time cause one wait, and none while others went on."""
    found = laid_out(
        Call(0, 1, 429), Call(0.5, 1.2, 429), Call(5, 6), Call(5.5, 5.8, 429), Call(5.8, 7)
    )
    assert found.waiting == ((1.0, 5.0),)
    assert found.seconds_waited == 4
    assert sum(found.refused) == 3
    assert laid_out(Call(0, 1, 429)).waiting == ()


def test_latencies_are_those_of_answers() -> None:
    """A call without an answer took no time to be answered."""
    calls = [Call(0, n / 100) for n in range(1, 101)]
    found = laid_out(*calls, Call(0, 60, None), Call(0, None, None)).latencies
    assert found is not None
    assert (found.median, found.most, found.longest) == (500, 950, 1000)
    assert sum(found.counts) == 100
    assert len(found.counts) == len(LATENCIES) + 1
    assert found.counts[0] == 5  # 10 ms to 50 ms: an upper end belongs to its class
    assert laid_out(Call(0, 60, None)).latencies is None


def test_outcomes_pile_up_without_those_of_earlier_runs() -> None:
    """The last step holds what the report comes to."""
    before = told.line(9, started_at=None, finished_at=START - timedelta(days=1))
    lines = [told.line(n) for n in range(1, 8)] + [told.line(8, Outcome.FAILED), before]
    found = timeline(START, (), lines)
    assert found is not None
    assert found.outcomes[Outcome.INVOICED][-1] == 7
    assert found.outcomes[Outcome.FAILED][-1] == 1
    assert sum(counts[-1] for counts in found.outcomes.values()) == 8
    assert list(found.outcomes[Outcome.INVOICED]) == sorted(found.outcomes[Outcome.INVOICED])
