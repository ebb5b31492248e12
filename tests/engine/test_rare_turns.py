"""Turns that are far apart because the tenant says so: each is used, and none comes in a bunch."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from support.engine import Bench, Run, ScriptedServer, VirtualClock, item, success, works_of
from zbatch.engine.ending import StopReason
from zbatch.engine.loop import Engine
from zbatch.model import Limits, Outcome, Rate
from zbatch.zuora.wire import Ask, Fault, Reply, Request

MINUTE = 60.0
SPEC = Limits(40, Rate(600, MINUTE), 1, 150.0)


class Sparing(ScriptedServer):
    """Counts what arrives in each window, and tells what is left of it with each reply."""

    a_window = 1
    window = MINUTE
    policies = ""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.arrived: list[float] = []

    async def send(self, request: Request) -> Reply | Fault:
        self.arrived.append(asyncio.get_running_loop().time())
        return self._telling(await super().send(request))

    async def ask(self, ask: Ask) -> Reply | Fault:
        self.arrived.append(asyncio.get_running_loop().time())
        return self._telling(await super().ask(ask))

    def _telling(self, reply: Reply | Fault) -> Reply | Fault:
        assert isinstance(reply, Reply)
        window, into = divmod(asyncio.get_running_loop().time(), self.window)
        used = sum(at // self.window == window for at in self.arrived)
        told = {
            "ratelimit-limit": f"{self.a_window}{self.policies}",
            "ratelimit-remaining": str(max(0, self.a_window - used)),
            "ratelimit-reset": str(int(self.window - into)),
        }
        return replace(reply, headers={**reply.headers, **told})


def a_run(
    a_window: int,
    count: int,
    *,
    policies: str = "",
    window: float = MINUTE,
    most: float = 3.0,
    latency: float = 0.1,
) -> Run:
    """Play a run of so many items; one that takes `most` times as long as it must is stopped."""
    told = {"a_window": a_window, "policies": policies, "window": window}
    server = type("Spared", (Sparing,), told)

    async def give_up(engine: Engine, clock: VirtualClock) -> None:
        await asyncio.sleep(most * count / a_window * window)
        engine.stop(StopReason.INTERRUPTED, "it comes to no end")

    bench = Bench(SPEC, latency=latency, make_server=server, during=give_up)
    return bench.run(works_of([item(n) for n in range(count)]), lambda *_: success())


def gaps(run: Run) -> list[float]:
    """Give the times between requests, from the first one on whose reply was there in time."""
    assert isinstance(run.server, Sparing)
    return [b - a for a, b in pairwise(at for at in run.server.arrived if at > 2.0)]


@pytest.mark.untraced
@pytest.mark.parametrize("a_minute", [1, 2, 3])
def test_a_tenant_that_takes_a_call_a_minute_is_billed_all_the_same(a_minute: int) -> None:
    """No call waits until its question is too old, only to be asked about anew and wait again."""
    run = a_run(a_minute, 90, policies=f", {a_minute};w=60")
    assert {record.outcome for record in run.records.values()} == {Outcome.INVOICED}
    assert len(run.records) == 90
    assert run.ending.stop is None


@pytest.mark.parametrize("policies", ["", ", 12;w=60"], ids=["window", "policy"])
def test_no_window_begins_with_a_bunch(policies: str) -> None:
    """Turns beyond the end of a window were given when nothing was known of the next one."""
    run = a_run(12, 120, policies=policies)
    assert len(run.records) == 120
    assert min(gaps(run)) > 1.0, "one each 5 s is the tenant's share, 0.1 s the spec's"


@pytest.mark.parametrize(("a_window", "window"), [(3, MINUTE), (12, MINUTE), (5, 120.0)])
def test_no_window_holds_too_many_before_the_first_answer_of_it(
    a_window: int, window: float
) -> None:
    """Until a call of two seconds is answered the next window is taken to be like the last."""
    run = a_run(a_window, 4 * a_window, window=window, latency=2.0)
    assert len(run.records) == 4 * a_window
    assert isinstance(run.server, Sparing)
    used = Counter(at // window for at in run.server.arrived)
    assert max(used.values()) <= a_window
    assert window > MINUTE or min(gaps(run)) > 0.9, "the spec has one each 0.1 s"


def test_a_call_that_was_asked_about_too_long_ago_takes_nobodys_turn() -> None:
    """Whoever waits behind it has the turn, at once."""
    run = a_run(2, 60, policies=", 2;w=60")
    taken_back = [result for result in run.ledger.finished if not result.attempt.sent]
    assert taken_back
    assert max(gaps(run)) < 2.5 * MINUTE / 2


@pytest.mark.parametrize("window", [700.0, 900.0, pytest.param(3000.0, marks=pytest.mark.untraced)])
def test_a_run_that_may_but_ask_is_stopped(window: float) -> None:
    """Where a window of one request is longer than a question is good, no call ever leaves."""
    run = a_run(1, 60, window=window, most=2.0)
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.LIMIT
    assert "follow its question within 10 minutes" in run.ending.stop.message
    assert run.server.requests == []
    assert len(run.server.questions) <= 6


@pytest.mark.parametrize(
    ("a_window", "window", "count"),
    [
        (2, 900.0, 60),
        pytest.param(3, 900.0, 120, marks=pytest.mark.untraced),
        pytest.param(5, 3000.0, 120, marks=pytest.mark.untraced),
    ],
)
def test_questions_do_not_use_up_what_a_long_window_has_for_their_calls(
    a_window: int, window: float, count: int
) -> None:
    """Of two requests the second one is a call: what else is asked about then grows too old."""
    run = a_run(a_window, count, window=window)
    assert run.ending.stop is None
    assert {record.outcome for record in run.records.values()} == {Outcome.INVOICED}
    assert len(run.records) == count
