"""Answers that somebody on the way has stored: of hours ago, they prove nothing of now."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from support.crashes import MakeWorld
from support.engine import item
from support.world import HOUR, LIMITS, Job, World
from support.world_net import REPLY_LOST, Trouble, gateway
from zbatch.emulator import Modes, ReplayDate, Scheduled
from zbatch.emulator.book import BookAccount
from zbatch.emulator.catalogue import fault
from zbatch.emulator.catalogue.stores import STORES
from zbatch.emulator.faults import QUERY
from zbatch.model import ExitCode, StopRules
from zbatch.zuora.wire import Reply

ONE, TWO = PAIR = item(1), item(2)
NOTHING: dict[str, object] = {"size": 0, "done": True}
DATED, AGED = "date", "age"


def stored(world: World, document: object, told: str = DATED, hours: float = 3) -> Trouble:
    """Answer with what was so some hours ago, and tell when that was by one header or the other."""
    at = datetime.fromtimestamp(world.timeline.now - hours * HOUR, UTC)
    headers = {DATED: format_datetime(at, usegmt=True), AGED: f"{hours * HOUR:.0f}"}
    reply = Reply(200, {told: headers[told]}, json.dumps(document).encode(), 1)
    return Trouble(arrives=False, instead=reply)


def always(trouble: Trouble, first: int = 1) -> dict[int, Trouble]:
    return dict.fromkeys(range(first, first + 20), trouble)


@pytest.mark.parametrize("told", [DATED, AGED])
@pytest.mark.parametrize("times", [1, 3])
def test_an_old_answer_to_the_question_lets_no_call_go(world: World, told: str, times: int) -> None:
    """R9a: somebody has billed by hand since. The question is asked again."""
    world.bill_by_hand(ONE)
    world.query_troubles = dict.fromkeys(range(1, times + 1), stored(world, NOTHING, told))
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    assert (world.sent, world.asked) == (0, times + 2)  # the last one reads the invoice


@pytest.mark.parametrize("settings", STORES[0].random, ids=lambda one: "-".join(one.values()))
@pytest.mark.parametrize("times", [1, 3])
def test_a_question_that_a_store_answers_is_asked_again(
    world: World, settings: dict[str, str], times: int
) -> None:
    """R8: the emulator's own store, whose answers do not go on, has nothing of this invoice."""
    world.bill_by_hand(ONE)
    stale = Scheduled(fault("stored_answer", **settings), every=1, action=QUERY, times=times)
    world.faults.switch([stale])
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    assert (world.sent, world.asked) == (0, times + 2)


@pytest.mark.parametrize("told", [DATED, AGED])
def test_old_answers_without_end_stop_the_run(world: World, told: str) -> None:
    """Nothing is sent that was not asked about; what is billed already stays so: 6, then 4."""
    world.query_troubles = always(stored(world, NOTHING, told))
    run = world.run([ONE])
    assert (run.exit_code, world.sent) == (ExitCode.CANNOT_START, 0)
    assert "given before it was asked" in run.stop
    world.query_troubles = always(stored(world, NOTHING, told), world.asked + 8)
    world.limits = replace(LIMITS, concurrency=1)
    run = world.run([item(number) for number in range(1, 600)])
    assert run.exit_code is ExitCode.STOPPED
    assert {"invoiced", "not_attempted"} == set(run.outcomes)


@pytest.mark.parametrize("told", [DATED, AGED])
@pytest.mark.parametrize("hours", [0.05, 3])
def test_an_old_answer_does_not_settle_doubt(world: World, told: str, hours: float) -> None:
    """R9b: by the stored answer nothing was created, and the key is made void."""
    world.max_attempts = 1
    world.troubles = {1: REPLY_LOST}
    assert world.run([ONE]).outcomes == ["unknown"]
    world.troubles = {}
    world.pass_time(25 * HOUR)
    world.query_troubles = {world.asked + 1: stored(world, NOTHING, told, hours)}
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert world.sent == 1


@pytest.mark.parametrize("shift", [-3, -0.1, 0.1, 3])
def test_a_clock_of_ours_that_is_wrong_makes_no_answer_old(world: World, shift: float) -> None:
    """F114: where the server's clock goes on from one answer to the next, ours is wrong."""
    world.host().shift = timedelta(hours=shift)
    run = world.run([ONE, TWO])
    assert run.outcomes == ["invoiced", "invoiced"]
    assert world.asked == 2 + (shift > 0)


def test_a_gateway_whose_clock_is_ahead_makes_no_answer_old(world: World) -> None:
    """F114: what it says once would else stop each run of a tenant that answers as it should."""
    ahead = datetime.fromtimestamp(world.timeline.now + HOUR, UTC)
    told = Reply(502, {DATED: format_datetime(ahead, usegmt=True)}, b"", 1)
    world.query_troubles = {1: Trouble(arrives=False, instead=told)}
    assert world.run([ONE, TWO]).outcomes == ["invoiced", "invoiced"]


def test_a_short_deadline_leaves_time_to_find_out(world: World) -> None:
    """Else a run whose clock is ahead never comes to its first call, however often it is made."""
    world.host().shift = timedelta(hours=25)
    world.stop = StopRules(deadline=5.0)
    assert world.run([ONE]).outcomes == ["invoiced"]


@pytest.mark.parametrize("shift", [0, 3])
def test_an_old_answer_is_known_by_those_before_it(world: World, shift: float) -> None:
    """Whatever our clock says: the second question is answered by what the first one was not."""
    world.host().shift = timedelta(hours=shift)
    world.bill_by_hand(item(60))
    world.limits = replace(LIMITS, concurrency=1)
    world.query_troubles = {2 + (shift > 0): stored(world, NOTHING, hours=0.1)}
    run = world.run([item(number) for number in range(1, 61)])
    assert run.outcomes == ["invoiced"] * 59 + ["already_invoiced"]


NOTHING_DUE = {
    "Success": False,
    "Errors": [{"Code": "INVALID_VALUE", "Message": "no charges due on this account"}],
}
MADE = {"Success": True, "Id": "e" * 32}


@pytest.mark.parametrize("shift", [-3, 0, 3])
@pytest.mark.parametrize("first", [None, gateway(401)], ids=["at once", "let in later"])
def test_nothing_to_bill_of_another_day_is_not_told_as_of_now(
    world: World, shift: float, first: Trouble | None
) -> None:
    """A ledger is lost, and its key is answered with what held when that had sent it."""
    world.host().shift = timedelta(hours=shift)
    old = stored(world, [NOTHING_DUE], hours=20)
    world.troubles = {1: first, 2: old} if first else {1: old}
    run = world.run([ONE])
    assert (run.outcomes, run.codes) == (["unknown"], ["OLD_ANSWER"])
    world.troubles = {}
    world.pass_time(2 * HOUR)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert [key.sends for key in world.keys(ONE)] == [1 + (first is not None), 1]


def test_a_replay_of_another_day_is_not_told_as_of_now(make_world: MakeWorld) -> None:
    """R4: what was not due then may be by now; by its date the key tells what held then."""
    book = {ONE.identity.account_id: BookAccount(charges_due=False)}
    world = make_world(modes=Modes(replay_date=ReplayDate.FIRST), book=book)
    assert world.run([ONE]).outcomes == ["nothing_to_bill"]
    world.host().lose_ledger()
    world.pass_time(3 * HOUR)
    run = world.run([ONE])
    assert (run.outcomes, run.codes) == (["unknown"], ["OLD_ANSWER"])
    world.pass_time(2 * HOUR)
    assert world.run([ONE]).outcomes == ["nothing_to_bill"]
    assert [key.sends for key in world.keys(ONE)] == [1, 1]


def test_what_the_old_answer_says_of_others_stays(world: World) -> None:
    """R4: a success settles, whenever it was; only what had nothing to bill may have it by now."""
    world.limits = replace(LIMITS, objects_per_call=2)
    world.troubles = {1: stored(world, [MADE, NOTHING_DUE])}
    (run,) = world.play(Job(world.plan(PAIR)))
    assert run.outcomes == ["invoiced", "unknown"]
    assert run.codes == ["", "OLD_ANSWER"]


@pytest.mark.parametrize("hours", [0.0, 1 / 120])
def test_nothing_to_bill_of_a_moment_ago_is_believed(world: World, hours: float) -> None:
    """Clocks of one tenant differ by less than a minute."""
    world.troubles = {1: stored(world, [NOTHING_DUE], hours=hours)}
    (run,) = world.play(Job(world.plan([ONE])))
    assert run.outcomes == ["nothing_to_bill"]


def test_the_answer_to_an_earlier_send_is_no_old_one(world: World) -> None:
    """R5: its own first send left nothing to bill, and that is told now."""
    world.max_attempts = 1
    world.troubles = {1: REPLY_LOST}
    world.faults.switch([Scheduled(fault("nothing_to_bill"), at=1)])
    assert world.run([ONE]).outcomes == ["unknown"]
    world.faults.switch([])
    world.troubles = {2: stored(world, [NOTHING_DUE], hours=0)}
    world.pass_time(3 * HOUR)
    (run,) = world.play(Job(world.plan([ONE])))
    assert run.outcomes == ["nothing_to_bill"]
