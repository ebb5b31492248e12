"""Ways to a second invoice, or to a wrong word, through pairs of rules that each hold alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from support.engine import item
from support.world import HOUR, LIMITS, UNGUARDED, During, World
from support.world_net import REPLY_LOST, Trouble, gateway, late
from zbatch.emulator import Scheduled
from zbatch.emulator.catalogue import fault
from zbatch.engine.ending import StopReason
from zbatch.engine.loop import Engine
from zbatch.model import Rate, Settling
from zbatch.zuora.wire import Reply

MakeWorld = Callable[..., World]
ONE = item(1)
PAIR = (item(1), item(2))
REST = 3700.0  # seconds, longer than the default rest


def _stop_after(seconds: float) -> During:
    async def stop(engine: Engine) -> None:
        await asyncio.sleep(seconds)
        engine.stop(StopReason.INTERRUPTED, "a person has waited long enough")

    return stop


def _leave_in_doubt(world: World) -> None:
    """Lose the answer of the first send, and let the next run see what came of it too early."""
    world.troubles = {1: REPLY_LOST}
    assert world.run([ONE], die_at="generate answered, unjudged").died
    world.troubles = {}
    world.pass_time(60)
    assert world.run([ONE]).outcomes == ["unknown"]


def _from_an_old_copy(world: World, by: str, skip: int = 0) -> None:
    """Let all questions but the next `skip` be answered by a copy that is so far behind."""
    stale = fault("stale_replica", by=by)
    world.faults.switch([Scheduled(stale, every=1, action="query", skip=skip)])


def _rows(*codes: str) -> Trouble:
    """Let a call be turned away with a failed row for each item."""
    told = [{"Success": False, "Errors": [{"Code": code, "Message": "no"}]} for code in codes]
    return Trouble(arrives=False, instead=Reply(200, {}, json.dumps(told).encode(), 1))


# A 409 that is remembered, and a 429 long before it


def test_what_was_turned_away_a_day_before_does_not_age_a_key_that_is_executing(
    make_world: MakeWorld,
) -> None:
    """R9b: a 429, and most of a day later the send that runs for hours: its 409 still counts."""
    world = make_world(latency=5 * HOUR)
    world.troubles = {1: gateway(429, retry_after="600")}
    assert world.run([ONE], during=_stop_after(30)).outcomes == ["not_attempted"]
    world.troubles = {}
    world.pass_time(22 * HOUR)
    assert world.run([ONE]).outcomes == ["unknown"]
    world.pass_time(1.5 * HOUR)
    run = world.run([ONE])
    assert (run.outcomes, run.codes) == (["unknown"], ["STILL_EXECUTING"])
    world.pass_time(24 * HOUR)
    assert world.run([ONE]).outcomes == ["already_invoiced"]  # it was made hours after the send
    assert (len(world.keys(ONE)), world.billed(ONE)) == (1, 1)


# Old copies, and what a newer one has shown


def test_what_was_being_generated_is_not_gone_because_an_old_copy_lacks_it(
    make_world: MakeWorld,
) -> None:
    """A bill run is at work; half a minute later a copy answers that is five minutes behind."""
    world = make_world(modes=replace(UNGUARDED, generating=HOUR))
    world.bill_by_hand(ONE)
    world.pass_time(60)
    _from_an_old_copy(world, "5m", skip=1)
    run = world.run([ONE])
    assert (run.outcomes, run.codes) == (["not_attempted"], ["PERHAPS_GONE"])
    world.pass_time(60)
    assert world.run([ONE]).outcomes == ["not_attempted"]
    _shows_it_in_the_end(world, sent=0)


def test_what_comes_to_nothing_while_it_is_generated_is_billed_after_a_rest(
    make_world: MakeWorld,
) -> None:
    """The bill run is undone: not shown now, nor an hour later, so that the call leaves."""
    world = make_world(modes=replace(UNGUARDED, generating=HOUR))
    by_hand = world.bill_by_hand(ONE)
    world.timeline.at(world.timeline.now + 15, lambda _: world.delete(by_hand))
    assert world.run([ONE]).codes == ["PERHAPS_GONE"]
    world.pass_time(REST)
    assert world.run([ONE]).outcomes == ["invoiced"]


def test_what_burnt_a_key_is_not_gone_because_an_old_copy_lacks_it(make_world: MakeWorld) -> None:
    """The answer is lost, the next run sees the invoice, and the one after it is shown none."""
    world = make_world()
    _leave_in_doubt(world)
    world.pass_time(REST)
    _from_an_old_copy(world, "3h")
    run = world.run([ONE])
    assert (run.outcomes, run.codes) == (["unknown"], ["PERHAPS_GONE"])
    world.faults.switch()
    world.pass_time(60)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert (len(world.keys(ONE)), world.billed(ONE)) == (1, 1)


@pytest.mark.parametrize("again", [False, True])
def test_what_a_question_left_in_doubt_is_not_gone_because_an_old_copy_lacks_it(
    make_world: MakeWorld, again: bool
) -> None:
    """It is shown while it is generated, then not; and shown `again`, that look counts no more."""
    world = make_world(modes=replace(UNGUARDED, generating=4 * HOUR))
    world.troubles = {1: gateway(502, arrives=True)} | dict.fromkeys(range(2, 5), gateway(502))
    assert world.run([ONE]).outcomes == ["unknown"]
    world.troubles = {}
    world.pass_time(REST)
    for _ in range(1 + again):
        world.faults.switch()
        assert world.run([ONE]).codes == ["GENERATING"]
        _from_an_old_copy(world, "5h")
        world.pass_time(50 * 60)
        assert world.run([ONE]).codes == ["PERHAPS_GONE"]
    world.faults.switch()
    world.pass_time(3 * HOUR)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert world.billed(ONE) == 1


def test_what_was_deleted_while_its_key_was_in_doubt_is_billed_after_two_looks(
    make_world: MakeWorld,
) -> None:
    """Two looks a rest apart do not show what a look before them did: the key is void."""
    world = make_world()
    world.allow(ONE, 2)
    _leave_in_doubt(world)
    world.delete(world.invoices[0].id)
    world.pass_time(REST)
    for _ in range(2):
        assert world.run([ONE]).codes == ["PERHAPS_GONE"]
        world.pass_time(HOUR / 2)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert len(world.invoices) == 1


@pytest.mark.parametrize("shifts", [(-2, 0), (0, 2)])
def test_two_looks_a_minute_apart_are_one_by_whichever_clock(
    make_world: MakeWorld, shifts: tuple[int, int]
) -> None:
    """Our clock was two hours behind at the first look, or is two ahead at the second."""
    world = make_world()
    world.bill_by_hand(ONE)
    world.pass_time(60)
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    _from_an_old_copy(world, "3h")
    for shift in shifts:
        world.host().shift = timedelta(hours=shift)
        assert world.run([ONE]).codes == ["PERHAPS_GONE"]
        world.pass_time(60)
    assert world.sent == 0


# Rows of several items


@pytest.mark.parametrize(
    "codes",
    [
        ("INVALID_SESSION", "TEMPORARY_ERROR"),
        ("REQUEST_EXCEEDED_RATE", "INVALID_SESSION"),
        ("90000011", "NO_PERMISSION"),
        ("70", "INVALID_LOGIN"),
    ],
)
def test_rows_of_a_session_and_of_a_limit_settle_no_doubt(
    make_world: MakeWorld, codes: tuple[str, str]
) -> None:
    """R4: the first call has billed both; of the second each row speaks of the send alone."""
    world = make_world(modes=replace(UNGUARDED, read_lag=600.0))
    world.limits = replace(LIMITS, objects_per_call=2)
    world.troubles = {1: REPLY_LOST, 2: _rows(*codes)}
    assert world.run(PAIR).outcomes == ["invoiced"] * 2
    assert [world.billed(one) for one in PAIR] == [1, 1]


def test_an_answer_of_which_a_part_is_old_is_old_as_a_whole(make_world: MakeWorld) -> None:
    """The answer of both is lost; one invoice is canceled, one deleted: neither is told."""
    world = make_world()
    world.limits = replace(LIMITS, objects_per_call=2)
    for one in PAIR:
        world.allow(one, 2)
    world.troubles = {1: REPLY_LOST}
    assert world.run(PAIR, die_at="generate answered, unjudged").died
    world.troubles = {}
    first, second = (one.id for one in world.invoices)
    world.set_status(first, "Canceled")
    world.delete(second)
    world.pass_time(60)
    run = world.run(PAIR)
    assert (run.outcomes, run.codes) == (["unknown"] * 2, ["OLD_ANSWER"] * 2)
    world.pass_time(2 * HOUR)
    assert world.run(PAIR).outcomes == ["invoiced"] * 2
    assert sum(one.status != "Canceled" for one in world.invoices) == 2


# Revisions, and a send that waits for its turn


def test_a_revisions_own_invoice_is_not_taken_for_the_lower_ones(make_world: MakeWorld) -> None:
    """The lower one took a minute, the higher one came 20 s after it, and its answer is lost."""
    world = make_world()
    world.troubles = {1: late(60.0)}
    assert world.run([ONE]).outcomes == ["invoiced"]
    world.set_status(world.invoices[0].id, "Canceled")
    world.pass_time(20)
    second = replace(ONE, identity=replace(ONE.identity, revision=2))
    assert world.run([second], die_at="generate executed, unread").died
    world.pass_time(30 * HOUR)
    run = world.run([second])
    assert (run.outcomes, run.codes) == (["unknown"], ["SEVERAL_INVOICES"])
    assert len(world.keys(second)) == 1


def test_an_intent_dated_anew_is_so_by_the_servers_clock_too(make_world: MakeWorld) -> None:
    """R7: it waits half an hour for its turn; later only the server's clock tells of its rest."""
    world = make_world(modes=replace(UNGUARDED, read_lag=2900.0))
    world.limits = replace(LIMITS, rate=Rate(1, 1800.0))
    world.host().shift = timedelta(hours=5)
    assert world.run([ONE], die_at="generate executed, unread").died
    world.limits = LIMITS
    world.host().shift = timedelta()
    world.pass_time(2400)
    assert world.run([ONE]).outcomes == ["unknown"]
    world.pass_time(REST)
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    assert world.billed(ONE) == 1


def test_what_was_coming_rests_by_the_servers_clock_too(make_world: MakeWorld) -> None:
    """R9a: a clock of ours that goes ahead by two hours ends the rest of no earlier run."""
    world = _coming_and_not_shown(make_world)
    world.host().shift = timedelta(hours=2)
    run = world.run([ONE])
    assert (run.outcomes, run.codes) == (["not_attempted"], ["PERHAPS_GONE"])
    _shows_it_in_the_end(world, sent=0)


def test_what_was_coming_rests_also_under_a_key_that_was_turned_away(
    make_world: MakeWorld,
) -> None:
    """R9a: a key that is clean goes on, but not before the rest that an earlier run has begun."""
    world = _coming_and_not_shown(make_world, turned_away=True)
    for _ in range(2):
        run = world.run([ONE])
        assert (run.outcomes, run.codes) == (["not_attempted"], ["PERHAPS_GONE"])
        world.pass_time(30)
    _shows_it_in_the_end(world, sent=1)


def _shows_it_in_the_end(world: World, sent: int) -> None:
    """The tenant's newest data shows what is there, and nothing more was sent."""
    world.faults.switch()
    world.pass_time(2 * HOUR)
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    assert world.sent == sent


def _coming_and_not_shown(make_world: MakeWorld, *, turned_away: bool = False) -> World:
    """Let a bill run be at work when a run asks, and an old copy answer from then on."""
    world = make_world(modes=replace(UNGUARDED, generating=HOUR))
    if turned_away:
        world.troubles = {1: gateway(429, retry_after="600")}
        assert world.run([ONE], during=_stop_after(30)).outcomes == ["not_attempted"]
        world.troubles = {}
    world.bill_by_hand(ONE)
    world.pass_time(60)
    _from_an_old_copy(world, "5m", skip=1 + turned_away)
    assert world.run([ONE]).codes == ["PERHAPS_GONE"]
    world.pass_time(30)
    return world


@pytest.mark.parametrize("status", ["Generating", "Odd", "Posted"])
def test_whatever_is_shown_makes_the_look_before_it_void(
    make_world: MakeWorld, status: str
) -> None:
    """R9a: an invoice is gone once two looks in a row miss it, in whichever state it is shown."""
    world = make_world()
    there = world.bill_by_hand(ONE)
    world.pass_time(60)
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    _from_an_old_copy(world, "5h")
    assert world.run([ONE]).codes == ["PERHAPS_GONE"]
    world.pass_time(REST)
    world.faults.switch()
    world.set_status(there, status)
    world.run([ONE])
    _from_an_old_copy(world, "5h")
    world.pass_time(60)
    assert world.run([ONE]).codes == ["PERHAPS_GONE"]
    assert world.sent == 0


def test_what_is_shown_in_a_status_that_nobody_knows_is_remembered(make_world: MakeWorld) -> None:
    """R9b: the answer is lost; a day later an old copy does not show what a run has seen."""
    world = make_world()
    world.troubles = {1: REPLY_LOST}
    assert world.run([ONE], die_at="generate answered, unjudged").died
    world.troubles = {}
    world.set_status(world.invoices[0].id, "Odd")
    world.pass_time(60)
    assert world.run([ONE]).codes == ["INVOICE_STATUS"]
    world.pass_time(24 * HOUR)
    _from_an_old_copy(world, "26h")
    run = world.run([ONE])
    assert (run.outcomes, run.codes) == (["unknown"], ["PERHAPS_GONE"])
    assert world.billed(ONE) == 1


def test_a_rest_that_a_wrong_clock_has_begun_ends_like_any_other(make_world: MakeWorld) -> None:
    """R7: our clock was a month ahead at the first look; the item does not wait for a month."""
    world = make_world()
    there = world.bill_by_hand(ONE)
    world.pass_time(60)
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    world.delete(there)
    world.host().shift = timedelta(days=30)
    assert world.run([ONE]).codes == ["PERHAPS_GONE"]
    world.host().shift = timedelta()
    for _ in range(2):
        world.pass_time(60)
        assert world.run([ONE]).codes == ["PERHAPS_GONE"]
    world.pass_time(REST)
    assert world.run([ONE]).outcomes == ["invoiced"]


def test_a_rest_is_over_with_the_key_that_it_was_for(make_world: MakeWorld) -> None:
    """R9b: missed, then shown as canceled: the key is void at once, the next one rests not."""
    world = make_world()
    world.allow(ONE, 2)
    _leave_in_doubt(world)
    world.pass_time(REST)
    _from_an_old_copy(world, "3h")
    assert world.run([ONE]).codes == ["PERHAPS_GONE"]
    world.faults.switch()
    world.set_status(world.invoices[0].id, "Canceled")
    world.pass_time(60)
    died = world.run([ONE], die_at=8)
    assert died.edges[-2:] == ("finish durable, untold", "query not yet sent")
    assert world.run([ONE]).outcomes == ["invoiced"]


def test_a_clock_that_goes_ahead_within_a_run_ends_no_rest_of_it(make_world: MakeWorld) -> None:
    """R9a: the rest goes by the steady clock from the first look on, whatever the run does then."""
    world = make_world()
    world.limits = replace(LIMITS, rate=Rate(1, 60.0))
    world.settling = Settling(wait=3 * HOUR)
    world.bill_by_hand(ONE)
    world.pass_time(60)
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    _from_an_old_copy(world, "30m")

    async def goes_ahead(engine: Engine) -> None:
        await asyncio.sleep(300)
        world.host().shift = timedelta(hours=2)

    run = world.run([ONE, *map(item, range(2, 12))], during=goes_ahead)
    assert run.outcomes[0] == "already_invoiced"
    assert world.billed(ONE) == 0
