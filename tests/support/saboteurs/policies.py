"""Saboteurs of what a spec says of when to stop: P1 are its rules, P2 its stages."""

from __future__ import annotations

from typing import Any

from support.saboteurs.bench import Bench
from support.saboteurs.saboteur import saboteur
from zbatch.engine.stopping import Stoppable
from zbatch.engine.supply import Supply

STOPPING = "tests/app/test_stopping.py::test_"


@saboteur(
    "P1",
    test=f"{STOPPING}a_rule_that_is_met_stops_a_run_and_the_next_one_bills_the_rest_once",
    beyond="what is sent too much is billed once and told truly: only a wish is passed over",
)
def a_met_rule_stops_nothing(bench: Bench) -> None:
    """A rule under `stop` that is met is passed over, and the run goes on."""
    bench.method(Stoppable, "mind", lambda self, met: None)


@saboteur(
    "P2",
    test=f"{STOPPING}without_a_terminal_each_run_goes_one_stage_further",
    beyond="what is sent too early is billed once and told truly: only a wish is passed over",
)
def a_stage_begins_without_a_look(bench: Bench) -> None:
    """When a stage is over the next one begins, whoever has looked."""

    async def goes_on(self: Any) -> bool:
        following = self._order.next_stage
        if following is not None:
            self._stages.begin(following)
            self._order.open(following)
        return following is not None

    bench.method(Supply, "next_stage", goes_on)
