"""What is there and does not count yet is remembered by the runs to come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from support.engine import item
from support.world import HOUR, LIMITS, UNGUARDED, During, World
from support.world_net import UNSENT
from zbatch.emulator import Scheduled
from zbatch.emulator.catalogue import fault
from zbatch.engine.ending import StopReason
from zbatch.engine.loop import Engine

MakeWorld = Callable[..., World]
ONE, TWO = item(1), item(2)


def _stop_after(seconds: float) -> During:
    async def stop(engine: Engine) -> None:
        await asyncio.sleep(seconds)
        engine.stop(StopReason.INTERRUPTED, "a person has waited long enough")

    return stop


def _answer_from_an_old_copy(world: World, by: str = "15m") -> None:
    stale = fault("stale_replica", by=by)
    world.faults.switch([Scheduled(stale, every=1, action="query")])


def _not_sent_for(world: World) -> None:
    """An old copy answers the next runs, and the newest data the last one."""
    _answer_from_an_old_copy(world)
    for _ in range(2):
        world.pass_time(60)
        run = world.run([ONE])
        assert (run.outcomes, run.codes) == (["not_attempted"], ["PERHAPS_GONE"])
    world.faults.switch()
    world.pass_time(2 * HOUR)
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    assert world.sent == 0


@pytest.mark.parametrize("stopped", [5, 45, None])
def test_what_was_being_generated_as_a_run_ended_is_remembered_by_the_next(
    make_world: MakeWorld, stopped: float | None
) -> None:
    """R9a: stopped at its first look, at its second, or left after the last of ten."""
    world = make_world(modes=replace(UNGUARDED, generating=HOUR))
    world.bill_by_hand(ONE)
    world.pass_time(1)
    run = world.run([ONE], during=_stop_after(stopped) if stopped else None)
    assert run.outcomes == ["not_attempted"]
    _not_sent_for(world)


def test_what_was_being_generated_as_a_run_was_killed_is_remembered(make_world: MakeWorld) -> None:
    """R9a: it is durable before the half minute is waited for."""
    world = make_world(modes=replace(UNGUARDED, generating=HOUR))
    world.bill_by_hand(ONE)
    world.pass_time(1)
    assert world.run([ONE], die_at="finish durable, untold").died
    _not_sent_for(world)


def test_a_status_that_nobody_knows_is_remembered_before_a_first_send(
    make_world: MakeWorld,
) -> None:
    """R8: nothing may be concluded from it, nor from an old copy that lacks it."""
    world = make_world()
    there = world.bill_by_hand(ONE)
    world.set_status(there, "Odd")
    world.pass_time(1)
    assert world.run([ONE]).codes == ["INVOICE_STATUS"]
    world.set_status(there, "Posted")
    _not_sent_for(world)


def test_a_member_of_a_call_is_remembered_as_being_generated(make_world: MakeWorld) -> None:
    """R12: the call is taken apart, and the rest of what was coming is no half minute."""
    world = make_world(modes=replace(UNGUARDED, generating=HOUR))
    world.limits = replace(LIMITS, objects_per_call=2)
    world.bill_by_hand(ONE)
    world.pass_time(1)
    world.run([ONE, TWO], during=_stop_after(5))
    _answer_from_an_old_copy(world)
    world.pass_time(60)
    run = world.run([ONE, TWO])
    assert run.outcomes == ["not_attempted", "not_attempted"]
    world.faults.switch()
    world.pass_time(2 * HOUR)
    assert world.run([ONE, TWO]).outcomes == ["already_invoiced", "invoiced"]
    assert world.billed(ONE) == 0


def test_a_call_that_never_left_remembers_a_status_that_nobody_knows_of_all_its_items(
    make_world: MakeWorld,
) -> None:
    """R12: its key is given up, and each item rests by itself as one that has none would."""
    world = make_world()
    world.limits = replace(LIMITS, objects_per_call=2)
    world.troubles = dict.fromkeys(range(1, 100), UNSENT)
    world.run([ONE, TWO])
    world.troubles, unsent = {}, world.sent
    for one in (ONE, TWO):
        world.set_status(world.bill_by_hand(one), "Odd")
    world.pass_time(1)
    assert world.run([ONE, TWO]).codes == ["INVOICE_STATUS", "INVOICE_STATUS"]
    _answer_from_an_old_copy(world)
    world.pass_time(60)
    assert world.run([ONE, TWO]).outcomes == ["not_attempted", "not_attempted"]
    for invoice in world.invoices:
        world.set_status(invoice.id, "Posted")
    world.faults.switch()
    world.pass_time(2 * HOUR)
    assert world.run([ONE, TWO]).outcomes == ["already_invoiced", "already_invoiced"]
    assert world.sent == unsent


@pytest.mark.parametrize("status", ["Generating", "Odd"])
def test_what_comes_in_place_of_a_canceled_invoice_is_remembered(
    make_world: MakeWorld, status: str
) -> None:
    """R9a: one is canceled, its successor does not count yet, and an old copy shows the first."""
    world = make_world()
    first = world.bill_by_hand(ONE)
    world.pass_time(60)
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    world.set_status(first, "Canceled")
    world.pass_time(HOUR)
    second = world.bill_by_hand(ONE)
    world.set_status(second, status)
    world.run([ONE])
    _answer_from_an_old_copy(world, "5m")
    world.pass_time(60)
    run = world.run([ONE])
    assert (run.outcomes, run.codes) == (["already_invoiced"], ["PERHAPS_GONE"])
    world.faults.switch()
    world.set_status(second, "Posted")
    world.pass_time(60)
    run = world.run([ONE])
    assert (run.outcomes, run.records[ONE.identity].invoice_id) == (["already_invoiced"], second)
    assert world.sent == 0


def test_what_was_coming_and_counts_by_now_needs_no_rest(make_world: MakeWorld) -> None:
    """The usual end: a run that is begun at once says that an invoice is there."""
    world = make_world(modes=replace(UNGUARDED, generating=60))
    world.bill_by_hand(ONE)
    world.pass_time(1)
    assert world.run([ONE], during=_stop_after(5)).outcomes == ["not_attempted"]
    world.pass_time(60)
    assert world.run([ONE]).outcomes == ["already_invoiced"]
