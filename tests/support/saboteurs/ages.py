"""Saboteurs of the clocks: how old a key is, and how long it must rest."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from support.saboteurs.bench import Bench
from support.saboteurs.saboteur import RULES, TWICE, saboteur
from zbatch.engine import age, conclusion
from zbatch.engine.age import Clocks
from zbatch.engine.brake import Brake
from zbatch.engine.carrier import Carrier
from zbatch.engine.loop import Engine
from zbatch.engine.settings import Settings
from zbatch.model import Attempt


@saboteur("D5", test=f"{RULES}r06_an_old_doubtful_key_is_never_sent_again")
def keys_live_for_ever(bench: Bench) -> None:
    """A key is sent again however old it is."""
    bench.constant(age.KEY_LIFE, timedelta(days=10_000))


@saboteur(
    "D6",
    test=f"{TWICE}d06_f113_a_suspended_machine_does_not_hide_the_age",
    beyond="no simulated machine is suspended within a run",
)
def the_steady_clock_tells_the_age(bench: Bench) -> None:
    """Within a run a key ages by the clock that stands still while the machine sleeps."""
    expired, carry = age.expired, Carrier.carry

    async def noting(self: Any, work: Any, attempt: Attempt) -> Any:
        _steady_sends()[attempt.track_id] = asyncio.get_running_loop().time()
        return await carry(self, work, attempt)

    def substitute(attempts: Sequence[Attempt], clocks: Clocks) -> bool:
        now, sends = asyncio.get_running_loop().time(), _steady_sends()
        return any(
            expired([one], Clocks(one.started_at + timedelta(seconds=now - sends[one.track_id])))
            if one.track_id in sends
            else expired([one], clocks)
            for one in attempts
        )

    bench.method(Carrier, "carry", noting)
    bench.local(conclusion, "expired", substitute)


def _steady_sends() -> dict[str, float]:
    sends: dict[str, float] = vars(asyncio.get_running_loop()).setdefault("steady_sends", {})
    return sends


@saboteur(
    "D22",
    test=f"{TWICE}d22_a_wait_that_outlasts_the_key_is_not_followed_by_a_send",
    beyond="no simulated wait is as long as a key lives",
)
def a_wait_is_followed_by_a_send(bench: Bench) -> None:
    """Whatever a wait has taken, its call leaves: neither key nor question is looked at again."""

    async def carry(engine: Any, armed: Any) -> None:
        armed = await engine._timely(armed)
        engine._aftermath.add(armed.work, await engine._carrier.carry(armed.work, armed.attempt))

    bench.method(Engine, "_carry", carry)
    bench.method(Engine, "_asked_lately", lambda *_: True)
    bench.method(Carrier, "_not_after", lambda *_: None)


@saboteur(
    "D25",
    test=f"{TWICE}d25_a_first_send_at_the_epoch_is_a_first_send",
    beyond="no simulated clock reads the time zero",
)
def a_send_at_zero_is_none(bench: Bench) -> None:
    """A send at time zero is taken for no send at all."""
    expired = age.expired

    def substitute(attempts: Sequence[Attempt], clocks: Clocks) -> bool:
        return expired([one for one in attempts if one.started_at.timestamp()], clocks)

    bench.function(expired, substitute)


@saboteur("R6", test=f"{TWICE}d08_none_is_not_believed_while_the_first_send_may_run")
def no_rest(bench: Bench) -> None:
    """The tenant is asked about a key in doubt at once, while its call may still run."""
    bench.function(conclusion.rest_until, lambda work, facts: facts.now)


@saboteur(
    "R7",
    test=f"{RULES}r07_a_clock_that_went_back_expires_every_doubtful_key",
    beyond="the server's clock and the question before each send stand behind it",
)
def a_clock_set_back_is_believed(bench: Bench) -> None:
    """A clock of ours that has gone backwards still tells a key's age."""

    def substitute(attempts: Sequence[Attempt], clocks: Clocks) -> bool:
        sent = [attempt for attempt in attempts if attempt.sent]
        starts = [attempt.started_at for attempt in sent] or [clocks.now]
        return max(clocks.now - min(starts), age._age_at_server(sent, clocks)) >= age.KEY_LIFE

    bench.function(age.expired, substitute)


@saboteur(
    "R7",
    test=f"{RULES}r07_a_clock_that_jumps_does_not_cut_the_rest_short",
    beyond="in no simulated history does a clock jump by a day just while a call in doubt runs",
)
def the_servers_clock_is_not_read(bench: Bench) -> None:
    """Our clock alone tells how old a key is and how long it has rested."""
    bench.method(Brake, "server_date", lambda brake: None)


@saboteur(
    "R9a",
    test="tests/exactly_once/test_adversary_time.py"
    "::test_a_machine_that_sleeps_before_the_first_byte_sends_nothing_late",
    beyond="no simulated wait is as long as a question is good for",
)
def a_question_is_good_for_days(bench: Bench) -> None:
    """What the tenant once showed lets a call go days later."""
    bench.method(Settings, "ask_life", property(lambda settings: 1e7))
