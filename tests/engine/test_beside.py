"""Questions beside a run, which take its places: where there is but one, none waits for ever."""

from __future__ import annotations

import asyncio

import pytest

from support.engine import Bench, ScriptedServer, VirtualClock, item, success, works_of
from zbatch.engine.details import Details
from zbatch.engine.gentle import Gentle
from zbatch.engine.loop import Engine
from zbatch.model import Invoice, Limits, Outcome, Rate
from zbatch.zuora.query import Wanted

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
