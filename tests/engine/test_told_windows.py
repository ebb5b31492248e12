"""Whole runs at a tenant that tells how much is left of a window, and counts what comes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from support.engine import START, Bench, ScriptedServer, item, status, success, works_of
from zbatch.model import Limits, Outcome, Rate
from zbatch.zuora.wire import Ask, Fault, Reply, Request

REFUSAL = status(429, b'{"reasons": [{"code": 70, "message": "API Rate limit exceeded"}]}')


class Windowed(ScriptedServer):
    """Takes 100 requests in each minute of its own clock, and tells when that ends."""

    rounded: Callable[[float], int] = math.floor
    ahead = 17.3  # of the clock of the run

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] # as it was given
        self.used: dict[int, int] = {}
        self.refused = 0

    async def send(self, request: Request) -> Reply | Fault:
        return self._telling(self._takes(), await super().send(request))

    async def ask(self, ask: Ask) -> Reply | Fault:
        return self._telling(self._takes(), await super().ask(ask))

    def _takes(self) -> bool:
        minute = int(self._now // 60.0)
        self.used[minute] = self.used.get(minute, 0) + 1
        self.refused += self.used[minute] > 100
        return self.used[minute] <= 100

    def _telling(self, taken: bool, reply: Reply | Fault) -> Reply:
        assert isinstance(reply, Reply)
        told = {
            "ratelimit-limit": "100",
            "ratelimit-remaining": str(max(0, 100 - self.used.get(int(self._now // 60.0), 0))),
            "ratelimit-reset": str(type(self).rounded(60.0 - self._now % 60.0)),
        }
        return replace(reply if taken else REFUSAL, headers={**reply.headers, **told})

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time() + self.ahead


def since_1970(rest: float) -> int:
    """Tell the end of a window as a moment."""
    return int(START.timestamp() + asyncio.get_running_loop().time() + rest)


@pytest.mark.untraced
@pytest.mark.parametrize("rounded", [math.floor, math.ceil, round, since_1970])
def test_no_call_is_one_too_many_however_the_end_of_a_window_is_rounded(
    rounded: Callable[[float], int],
) -> None:
    """The whole seconds in which it is told may lack most of one."""
    server = type("Rounded", (Windowed,), {"rounded": staticmethod(rounded)})
    bench = Bench(limits=Limits(40, Rate(10, 1.0), 1, 150.0), make_server=server)
    run = bench.run(works_of([item(n) for n in range(400)]), lambda request, before: success())
    assert isinstance(run.server, Windowed)
    assert len(run.records) == 400
    assert {record.outcome for record in run.records.values()} == {Outcome.INVOICED}
    assert run.server.refused == 0
    assert run.elapsed < 60.0 * 4 + 5.0


class LastOfTheDay(ScriptedServer):
    """Has 150 of the 10,000 requests of a day left, and another client takes one each 6 s."""

    async def send(self, request: Request) -> Reply | Fault:
        return self._telling(await super().send(request))

    async def ask(self, ask: Ask) -> Reply | Fault:
        return self._telling(await super().ask(ask))

    def _telling(self, reply: Reply | Fault) -> Reply:
        assert isinstance(reply, Reply)
        now = asyncio.get_running_loop().time()
        told = {
            "ratelimit-limit": "10000, 10000;w=86400",
            "ratelimit-remaining": str(150 - len(self.requests + self.questions) - int(now / 6)),
            "ratelimit-reset": str(80_000 - int(now)),
        }
        return replace(reply, headers={**reply.headers, **told})


def test_a_small_run_fits_into_the_tenth_of_what_a_day_has_left() -> None:
    """A dozen calls are no reason to stop while there are ten times as many."""
    bench = Bench(limits=Limits(1, Rate(1, 1.0), 1, 150.0), make_server=LastOfTheDay)
    run = bench.run(works_of([item(n) for n in range(12)]), lambda request, before: success())
    assert run.ending.stop is None
    assert {record.outcome for record in run.records.values()} == {Outcome.INVOICED}
