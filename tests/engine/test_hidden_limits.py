"""A limit that nobody told: nearly as fast as who knows it, and hardly ever refused.

All in virtual time, so that the figures are exact: a change of the number's rules shows here.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import fmean

import pytest

from support.hidden_limit import (
    Compared,
    Hidden,
    Latency,
    Level,
    against_oracle,
    always,
    changing,
    drive,
    fixed,
    log_normal,
)
from zbatch.engine.concurrency import PATIENCE, Concurrency

pytestmark = pytest.mark.untraced  # what they decide by is held line by line elsewhere
FAST = 0.95  # of the throughput of who knows the limit, outside gate windows
SEEDS = range(2)
LATENCIES: dict[str, Latency] = {
    "fixed": fixed(1.0),
    "log-normal": log_normal(1.0, 0.5),
    "heavy-tailed": log_normal(1.0, 1.0),
}
LIMITS: dict[str, Level] = {
    "7": always(7),
    "13": always(13),
    "20": always(20),
    "33": always(33),
    "33 to 13": changing(33, 13, 200.0),
}


def measured(hidden: Hidden, until: float) -> list[Compared]:
    return [against_oracle(40, hidden, until, seed) for seed in SEEDS]


def shares(runs: list[Compared]) -> float:
    sent = sum(one.driven.sent for one in runs)
    return sum(len(one.driven.refusals) for one in runs) / sent


@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("limit", LIMITS)
def test_a_hidden_limit_is_found_and_kept(limit: str, latency: str) -> None:
    """By one burst of refusals, or three where it falls; they are a hundredth of the sends."""
    changes = " to " in limit
    runs = measured(Hidden(LIMITS[limit], LATENCIES[latency]), until=600.0 if changes else 300.0)
    assert fmean(one.ratio for one in runs) >= FAST
    assert shares(runs) <= 0.01
    gates = 3 if changes else 1
    assert max(len(one.driven.gates) for one in runs) <= gates


@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("limit", [*LIMITS, "13 to 33"])
def test_a_limit_that_is_told_is_reached_without_a_refusal(limit: str, latency: str) -> None:
    """Though what is told is up to a second old; only a limit that falls may refuse some, once."""
    level = LIMITS.get(limit, changing(13, 33, 100.0))
    runs = measured(Hidden(level, LATENCIES[latency], told=True), until=200.0)
    assert fmean(one.ratio for one in runs) >= FAST
    gates = 1 if limit == "33 to 13" else 0
    assert max(len(one.driven.gates) for one in runs) <= gates


def test_a_hidden_limit_that_rises_is_found_by_a_rare_trial() -> None:
    """Within nineteen waits of the refusal, since a failed trial costs one."""
    hidden = Hidden(changing(7, 20, 300.0), fixed(4.0))
    driven = drive(Concurrency(40), hidden, 120.0 * (PATIENCE + 4))
    assert len(driven.gates) == 2, "at the start, and once it has grown past the new limit"
    assert driven.gates[1][0] < 120.0 * (PATIENCE + 3)
    assert driven.most > 20


def test_a_limit_that_stays_is_hardly_tried() -> None:
    """A twentieth of the time at most is lost to trials, less and less the longer a run lasts."""
    driven = drive(Concurrency(40), Hidden(always(5), fixed(6.0)), 8 * 3600.0)
    starts = [gate[0] for gate in driven.gates]
    assert 3 <= len(starts) <= 5
    waits = [later - earlier for earlier, later in pairwise(starts)]
    assert all(later > 1.5 * earlier for earlier, later in pairwise(waits))
    assert sum(120.0 for _ in starts[1:]) <= 0.05 * 8 * 3600.0


@pytest.mark.parametrize("most", [1, 4, 10, 20])
def test_the_spec_is_never_exceeded_whatever_the_tenant_says(most: int) -> None:
    """A tenant that takes more than the spec allows gets no more."""
    for told in (False, True):
        assert drive(Concurrency(most), Hidden(always(200), fixed(0.5), told), 20.0).most == most


def test_a_limit_within_the_told_one_is_believed_after_the_first_refusal() -> None:
    """Twenty of its own for calls, while replies tell of forty: tried once soon, then rarely."""
    hidden = Hidden(always(20), log_normal(1.0, 0.5), told=True, said=always(40))
    compared = against_oracle(40, hidden, 900.0)
    assert compared.ratio >= FAST
    assert len(compared.driven.gates) <= 3


def test_other_clients_are_left_room_and_their_places_used_once_they_are_gone() -> None:
    """Others take twenty of forty for a while: we leave them to them, without a refusal storm."""
    hidden = Hidden(
        always(40),
        log_normal(1.0, 0.5),
        told=True,
        others=lambda now: 20 if 60.0 <= now < 260.0 else 0,
    )
    driven = drive(Concurrency(40), hidden, 400.0)
    assert len(driven.gates) <= 1
    assert driven.answered_between(300.0, 400.0) >= 0.9 * 40 * 100.0


def test_a_tenant_that_lets_wait_is_not_crowded() -> None:
    """Where thirteen are worked on at a time, forty come to no more: two in three only waited."""
    concurrency = Concurrency(40)
    hidden = Hidden(always(13), log_normal(1.0, 0.5), queues=True)
    driven = drive(concurrency, hidden, 400.0)
    assert driven.answered_between(300.0, 400.0) >= FAST * 13 * 100.0
    assert concurrency.allowed <= 20


def test_a_tenant_that_becomes_slow_by_itself_keeps_its_calls() -> None:
    """Where answers take three times as long whatever is in flight, fewer would only do less."""
    hidden = Hidden(
        always(100), log_normal(1.0, 0.5), slower=lambda now: 3.0 if now > 100.0 else 1.0
    )
    compared = against_oracle(40, hidden, 600.0)
    assert compared.driven.answered_between(300.0, 600.0) >= FAST * 40 / 3 * 300.0
