"""Questions beside a run, which take its places: where there is but one, none waits for ever."""

from __future__ import annotations

import asyncio

import pytest

from support.engine import Bench, ScriptedServer, VirtualClock, item, status, success, works_of
from zbatch.engine.asking import Unanswered
from zbatch.engine.details import Details
from zbatch.engine.ending import StopReason
from zbatch.engine.gentle import Gentle
from zbatch.engine.loop import Engine
from zbatch.model import Invoice, Limits, Outcome, Rate
from zbatch.zuora.query import Wanted
from zbatch.zuora.wire import Ask, Fault, Reply

ONE_AT_ONCE = Limits(1, Rate(1, 5.0), 1, 150.0)  # and one intent ahead of its turn
ITEMS = [item(n) for n in range(3)]
WANTED = tuple(Wanted(one.identity.account_id, one.identity.target_date) for one in ITEMS)


@pytest.mark.parametrize("beside", [1, 2, 5])
def test_a_run_goes_on_when_questions_beside_it_have_given_the_one_place_back(beside: int) -> None:
    """What may leave and has found no room leaves once there is some, though nobody tells of it."""
    answers: list[tuple[Invoice, ...]] = []

    async def read_back(engine: Engine, clock: VirtualClock) -> None:
        server = ScriptedServer(lambda request, before: success())
        details = Details(Gentle(server, engine.brake, clock))
        asking = (details.of_dates(WANTED) for _ in range(beside))
        answers.extend(await asyncio.gather(*asking))

    run = Bench(limits=ONE_AT_ONCE, during=read_back).run(
        works_of(ITEMS), lambda request, before: success()
    )
    assert {record.outcome for record in run.records.values()} == {Outcome.INVOICED}
    assert len(run.records) == len(ITEMS)
    assert len(answers) == beside
    assert run.server.peak == 1
    # a turn each: those beside, one question of the run, its calls; no more is lost than a look
    turns = beside + 1 + len(ITEMS)
    assert run.elapsed < 5.0 * turns


def test_a_run_that_only_waits_ends_when_a_question_beside_it_stops_it() -> None:
    """The tenant wants peace for a day: no call is waited for that would not leave by then."""

    class Day(ScriptedServer):
        async def ask(self, ask: Ask) -> Reply | Fault:
            return status(429, b"", retry_after="86400")

    async def read_back(engine: Engine, clock: VirtualClock) -> None:
        await asyncio.sleep(40.0)  # the one call is sent again in 25 s
        server = Day(lambda request, before: success())
        with pytest.raises(Unanswered):
            await Details(Gentle(server, engine.brake, clock)).of_dates(WANTED)

    limits = Limits(1, Rate(10, 1.0), 1, 150.0)
    run = Bench(limits=limits, during=read_back).run(
        works_of(ITEMS[:1]), lambda request, before: status(409)
    )
    assert run.ending.stop is not None
    assert run.ending.stop.reason is StopReason.LIMIT
    assert run.elapsed < 41.0
