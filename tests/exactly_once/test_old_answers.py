"""A server repeats its answer for 24 hours, also that of an invoice which is gone by now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from support.engine import item
from support.world import HOUR, Job, World
from support.world_net import REPLY_LOST
from zbatch.emulator import Scheduled
from zbatch.emulator.catalogue import fault

MakeWorld = Callable[..., World]
ONE, TWO = item(1), item(2)


def _found_again(world: World) -> str:
    """Let the item be invoiced, the ledger be lost, and a question find the invoice."""
    assert world.run([ONE]).outcomes == ["invoiced"]
    world.host().lose_ledger()
    world.pass_time(60)
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    return world.invoices[0].id


def _take_away(world: World, invoice_id: str, deleted: bool) -> None:
    if deleted:
        world.delete(invoice_id)
    else:
        world.set_status(invoice_id, "Canceled")


def _billed_anew(world: World, gone: str) -> None:
    """Once the key has rested, a next one makes the one invoice that counts."""
    world.pass_time(2 * HOUR)
    run = world.run([ONE])
    assert run.outcomes == ["invoiced"]
    (made,) = (one.id for one in world.invoices if one.status != "Canceled")
    assert run.records[ONE.identity].invoice_ids == (made,) != (gone,)


@pytest.mark.parametrize("deleted", [False, True], ids=["canceled", "deleted"])
@pytest.mark.parametrize("die_at", [None, "finish durable, untold"])
def test_an_old_answer_of_an_invoice_that_is_gone_is_not_told_as_invoiced(
    make_world: MakeWorld, deleted: bool, die_at: str | None
) -> None:
    """The ledger is lost, and the key of generation 0 is answered with what was canceled since."""
    world = make_world()
    world.allow(ONE, 2)
    gone = _found_again(world)
    _take_away(world, gone, deleted)
    if deleted:  # what is not shown is looked for twice
        assert world.run([ONE]).codes == ["PERHAPS_GONE"]
    world.pass_time(HOUR)
    if die_at:
        assert world.run([ONE], die_at=die_at).died
        world.pass_time(60)
    run = world.run([ONE])
    assert (run.outcomes, run.codes) == (["unknown"], ["OLD_ANSWER"])
    _billed_anew(world, gone)


def test_a_key_in_doubt_knows_what_was_canceled_since(make_world: MakeWorld) -> None:
    """Our own invoice, whose answer was lost, is canceled before the key is sent again."""
    world = make_world()
    world.allow(ONE, 2)
    world.troubles = {1: REPLY_LOST}
    assert world.run([ONE], die_at="generate answered, unjudged").died
    world.troubles = {}
    gone = world.invoices[0].id
    world.set_status(gone, "Canceled")
    world.pass_time(60)
    run = world.run([ONE])
    assert (run.outcomes, run.codes) == (["unknown"], ["OLD_ANSWER"])
    _billed_anew(world, gone)


def test_nothing_to_bill_in_an_old_answer_is_not_told_as_of_now(make_world: MakeWorld) -> None:
    """Usage was rated since: what stands beside a gone invoice in one answer is as old as that."""
    world = make_world()
    world.limits = replace(world.limits, objects_per_call=2)
    world.allow(ONE, 2)
    plan = world.plan([ONE, TWO])
    world.faults.switch([Scheduled(fault("nothing_to_bill", rows=(1,)), at=1)])
    (run,) = world.play(Job(plan))
    assert run.outcomes == ["invoiced", "nothing_to_bill"]
    world.faults.switch([])
    world.host().lose_ledger()
    world.set_status(world.invoices[0].id, "Canceled")
    world.pass_time(HOUR)
    (run,) = world.play(Job(plan))
    assert (run.outcomes, run.codes) == (["unknown", "unknown"], ["OLD_ANSWER", "OLD_ANSWER"])
    world.pass_time(2 * HOUR)
    assert world.run(plan).outcomes == ["invoiced", "invoiced"]
    assert world.billed(TWO) == 1


def test_a_question_that_was_wrong_bills_nothing_again(make_world: MakeWorld) -> None:
    """An old copy shows none for an hour: the key is answered with it, and no next one goes."""
    world = make_world()
    there = _found_again(world)
    world.pass_time(60)
    world.faults.switch([Scheduled(fault("stale_replica", by="3h"), every=1, action="query")])
    assert world.run([ONE]).codes == ["PERHAPS_GONE"]
    world.pass_time(HOUR)
    assert world.run([ONE]).codes == ["OLD_ANSWER"]
    world.faults.switch([])
    world.pass_time(2 * HOUR)
    run = world.run([ONE])
    assert run.outcomes == ["already_invoiced"]  # it is older than the key
    assert run.records[ONE.identity].invoice_ids == (there,)
    assert world.billed(ONE) == 1
