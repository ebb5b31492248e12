"""Whole runs under a limit on requests at once that no spec knows: kept, used, and nothing lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from support.engine import (
    START,
    Bench,
    Run,
    ScriptedServer,
    failure,
    found,
    item,
    rows,
    status,
    success,
    works_of,
)
from zbatch.engine.ending import PlacesUsed
from zbatch.engine.events import Gated, Hold
from zbatch.model import Limits, Outcome, Rate
from zbatch.zuora.wire import Ask, Fault, Reply, Request

TOO_MANY = b'{"success": false, "reasons": [{"code": 50000070, "message": "too many at once"}]}'
SPEC = Limits(40, Rate(1000, 1.0), 1, 150.0)


class Narrow(ScriptedServer):
    """Refuses at once what is one too many, calls and questions alike."""

    most = 13
    told = False

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.refused: list[float] = []

    async def send(self, request: Request) -> Reply | Fault:
        return await self._refuse() or self._telling(await super().send(request))

    async def ask(self, ask: Ask) -> Reply | Fault:
        return await self._refuse() or self._telling(await super().ask(ask))

    async def _refuse(self) -> Reply | None:
        if self.in_flight < self.most:
            return None
        self.refused.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.04)
        return status(429, TOO_MANY, retry_after="120")

    def _telling(self, reply: Reply | Fault) -> Reply | Fault:
        if not self.told or isinstance(reply, Fault):
            return reply
        left = self.most - self.in_flight
        told = {"concurrency-limit-limit": str(self.most), "concurrency-limit-remaining": str(left)}
        return Reply(reply.status, {**reply.headers, **told}, reply.body, reply.token)


def a_run(limit: int, count: int, *, told: bool = False, latency: float = 4.0) -> Run:
    """Play a run of so many items under a limit that is told or not."""
    server = type("Narrowed", (Narrow,), {"most": limit, "told": told})
    bench = Bench(limits=SPEC, latency=latency, make_server=server)
    run = bench.run(works_of([item(n) for n in range(count)]), lambda request, before: success())
    assert {record.outcome for record in run.records.values()} == {Outcome.INVOICED}
    assert len(run.records) == count
    return run


def refusals(run: Run) -> list[float]:
    assert isinstance(run.server, Narrow)
    return run.server.refused


@pytest.mark.untraced
@pytest.mark.parametrize("limit", [7, 20])
def test_a_run_finds_a_hidden_limit_and_uses_it(limit: int) -> None:
    """One gate, then as fast as the limit lets it be; every item is billed all the same."""
    run = a_run(limit, 20 * limit)
    assert 1 <= len(refusals(run)) <= 5
    assert max(refusals(run)) < 60.0
    assert run.server.peak == limit
    assert run.ending.places is not None
    assert run.ending.places.last == limit
    late = [time for time in run.server.times if time > 140.0]
    assert len(late) >= 0.95 * limit / 4.0 * (max(late) - min(late))


@pytest.mark.parametrize("limit", [5, 13])
def test_a_run_that_is_told_the_limit_is_never_refused(limit: int) -> None:
    """From the first reply on it knows."""
    run = a_run(limit, 20 * limit, told=True, latency=1.0)
    assert refusals(run) == []
    assert run.ending.places == PlacesUsed(limit, limit)


def test_with_one_place_no_question_grows_too_old() -> None:
    """R9a: few intents are made ahead where they would wait long, and each call is asked for."""
    run = a_run(1, 40, told=True, latency=60.0)
    unsent = [result for result in run.ledger.finished if not result.attempt.sent]
    assert len(unsent) <= 1
    assert run.server.unasked == []
    assert len(run.server.questions) <= 12


@pytest.mark.untraced
@pytest.mark.parametrize(
    ("refusal", "last"),
    [
        (status(429, TOO_MANY, retry_after="30"), 17),
        (failure("REQUEST_EXCEEDED_LIMIT"), 17),
        (status(429, b'{"reasons": [{"code": 70, "message": "rate"}]}', retry_after="30"), 40),
        (failure("REQUEST_EXCEEDED_RATE"), 40),
        (status(503, retry_after="30"), 40),
    ],
)
def test_only_a_limit_at_once_takes_places(refusal: Reply, last: int) -> None:
    """Under 429, or in a row under 200; what is refused for its rate says nothing of them."""
    late: list[float] = []

    def answer(request: Request, before: int) -> Reply:
        now = asyncio.get_running_loop().time()
        if late or now < 20.0:
            return success()
        late.append(now)
        return refusal

    run = Bench(limits=SPEC, latency=4.0).run(works_of([item(n) for n in range(350)]), answer)
    assert len(run.records) == 350
    assert run.ending.places is not None
    assert run.ending.places.last == last


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("body", [b'{"Success": false}', b"[]"])
def test_rows_under_a_429_or_503_that_names_a_wait_close_the_gate_too(
    code: int, body: bytes
) -> None:
    """Whatever they say of the call: nothing leaves inside the window."""
    told: list[float] = []

    def answer(request: Request, before: int) -> Reply:
        now = asyncio.get_running_loop().time()
        if told or now < 3.0:
            return success()
        told.append(now)
        return Reply(code, {"retry-after": "30"}, body, token=1)

    run = Bench(limits=SPEC, latency=1.0).run(works_of([item(n) for n in range(100)]), answer)
    assert [time for time in run.server.times if told[0] < time < told[0] + 30.0] == []
    assert len(run.records) == 100


def dated(reply: Reply, behind: float, **more: float) -> Reply:
    """Let a server date a reply whose clock is behind ours, and name other moments by it."""
    moments = {"date": 0.0} | {name.replace("_", "-"): after for name, after in more.items()}
    now = START + timedelta(seconds=asyncio.get_running_loop().time() - behind)
    told = {
        name: format_datetime(now + timedelta(seconds=after), usegmt=True)
        for name, after in moments.items()
    }
    return replace(reply, headers={**reply.headers, **told})


@pytest.mark.parametrize("behind", [10.0, 50.0])
def test_a_wait_until_a_date_is_kept_where_the_clock_that_tells_it_was_put_back(
    behind: float,
) -> None:
    """Or where one server of many is behind: it counts by the date of its own reply."""
    told: list[float] = []

    def answer(request: Request, before: int) -> Reply:
        now = asyncio.get_running_loop().time()
        if told or now < 3.0:
            return dated(success(), 0.0)
        told.append(now)
        return dated(status(429), behind, retry_after=60.0)

    bench = Bench(SPEC, latency=1.0, answer_question=lambda ask, before: dated(found(), 0.0))
    run = bench.run(works_of([item(n) for n in range(100)]), answer)
    assert [time for time in run.server.times if told[0] < time < told[0] + 59.0] == []
    assert len(run.records) == 100


def of_a_day(reply: Reply, reset: str) -> Reply:
    """Let a reply tell of a window that has calls left, as every reply does."""
    told = {
        "ratelimit-limit": "5000, 2500;w=60, 5000;w=3600, 10000;w=86400",
        "ratelimit-remaining": "4000",
        "ratelimit-reset": reset,
    }
    return replace(reply, headers={**reply.headers, **told})


IN_A_ROW = {"Success": False, "Errors": [{"Code": "REQUEST_EXCEEDED_LIMIT"}]}
REFUSALS = {
    "call": status(429, TOO_MANY, retry_after="120"),
    "row": rows(IN_A_ROW, retry_after="120"),
    "no code": status(429, retry_after="120"),
}


@pytest.mark.parametrize("reset", ["3500", "50000"])
@pytest.mark.parametrize("refusal", REFUSALS)
def test_one_too_many_does_not_wait_for_a_window_that_has_calls_left(
    reset: str, refusal: str
) -> None:
    """The end of the hour, or of the day, stands on the refusal as on every other reply."""
    met: list[float] = []

    def answer(request: Request, before: int) -> Reply:
        now = asyncio.get_running_loop().time()
        if met or now < 3.0:
            return of_a_day(success(), reset)
        met.append(now)
        return of_a_day(REFUSALS[refusal], reset)

    limits = Limits(10, Rate(600, 60.0), 1, 150.0)
    run = Bench(limits=limits).run(works_of([item(n) for n in range(100)]), answer)
    assert run.ending.stop is None
    assert run.elapsed < 120.0 + 30.0
    assert [at for at in run.server.times if met[0] < at < met[0] + 120.0] == []


@pytest.mark.parametrize("reset", ["3500", "50000"])
def test_no_more_does_a_question(reset: str) -> None:
    """Which is refused as a call is."""

    def answer(ask: Ask, before: int) -> Reply:
        return of_a_day(found() if before else REFUSALS["call"], reset)

    bench = Bench(answer_question=answer)
    run = bench.run(works_of([item(0)]), lambda request, before: of_a_day(success(), reset))
    assert run.ending.stop is None
    assert 120.0 <= run.server.times[0] < 120.0 + 5.0


@pytest.mark.parametrize("code", [b"70", b"50000070"])
def test_a_window_that_is_used_up_is_waited_for_unless_too_many_came_at_once(code: bytes) -> None:
    """With nothing left of an hour nothing may leave all the same: that is not for the refusal.

    A question is refused as a call is.
    """
    body = b'{"reasons": [{"code": ' + code + b', "message": "no"}]}'
    refused = status(429, body, retry_after="120", ratelimit_remaining="0", ratelimit_reset="3000")
    run = Bench().run(works_of([item(0)]), lambda r, before: success() if before else refused)
    assert the_first_wait(run) == (3001.0 if code == b"70" else 120.0, Hold.LIMIT)
    assert 3000.0 <= run.server.times[1] < 3010.0
    bench = Bench(answer_question=lambda ask, before: found() if before else refused)
    run = bench.run(works_of([item(0)]), lambda request, before: success())
    assert the_first_wait(run) == (3001.0 if code == b"70" else 120.0, Hold.LIMIT)


def the_first_wait(run: Run) -> tuple[float, Hold]:
    return next((event.wait, event.hold) for event in run.events if isinstance(event, Gated))
