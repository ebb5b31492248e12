"""Rows of several kinds in one answer: each item is told by its own row, at once and later."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from support.engine import item
from support.world import HOUR, LIMITS, World
from support.world_net import LOST_ON_THE_WAY, REPLY_LOST, Trouble
from zbatch.emulator import Scheduled
from zbatch.emulator.book import AccountStatus, BookAccount
from zbatch.emulator.catalogue import fault
from zbatch.zuora.wire import Reply

MakeWorld = Callable[..., World]
ONE, TWO, THREE = item(1), item(2), item(3)
ANSWERED = [None, "finish durable, untold"]
NOTHING_DUE = "no charges due"
BOOK = {
    ONE.identity.account_id: BookAccount(charges_due=False),
    TWO.identity.account_id: BookAccount(status=AccountStatus.CANCELED),
    THREE.identity.account_id: BookAccount(),
}


def _together(world: World) -> World:
    """Put all items into one call."""
    world.limits = replace(LIMITS, objects_per_call=3)
    return world


@pytest.mark.parametrize("die_at", ANSWERED)
def test_nothing_to_bill_is_told_by_its_own_row_after_a_lost_reply(
    make_world: MakeWorld, die_at: str | None
) -> None:
    """The refusal beside it is another account's, whichever run the question is asked in."""
    world = _together(make_world(book=dict(BOOK)))
    world.troubles = {1: REPLY_LOST}
    run = world.run([ONE, TWO, THREE], die_at=die_at)
    if die_at:
        assert run.died
        run = world.run([ONE, TWO, THREE])
    assert run.outcomes == ["nothing_to_bill", "unknown", "invoiced"]
    nothing, refused = (run.records[one.identity].error for one in (ONE, TWO))
    assert nothing
    assert NOTHING_DUE in nothing.message
    assert refused
    assert "Canceled" in refused.message
    world.pass_time(2 * HOUR)
    run = world.run([ONE, TWO, THREE])
    assert run.outcomes == ["nothing_to_bill", "failed", "invoiced"]
    assert run.records[ONE.identity].error == nothing
    ended = run.records[TWO.identity].error
    assert ended
    unsure = "; what an earlier send of it did is not known; from "
    assert refused.message.startswith(ended.message.removesuffix(".") + unsure)


@pytest.mark.parametrize("die_at", ANSWERED)
def test_nothing_to_bill_beside_an_error_that_leaves_doubt_is_told_by_its_own_row(
    make_world: MakeWorld, die_at: str | None
) -> None:
    """R12: it needs no rest, and the other one is told by its own row until its key has rested."""
    world = _together(make_world(book=dict(BOOK)))
    world.troubles = {1: REPLY_LOST}
    unknown = fault("row_error", code="UNKNOWN_ERROR", rows=(2,))
    world.faults.switch([Scheduled(unknown, at=1)])
    run = world.run([ONE, TWO, THREE], die_at=die_at)
    if die_at:
        assert run.died
        run = world.run([ONE, TWO, THREE])
    assert run.outcomes == ["nothing_to_bill", "unknown", "unknown"]
    assert run.codes == ["INVALID_VALUE", "INVALID_VALUE", "UNKNOWN_ERROR"]
    world.pass_time(2 * HOUR)
    run = world.run([ONE, TWO, THREE])
    assert run.outcomes == ["nothing_to_bill", "failed", "invoiced"]
    nothing = run.records[ONE.identity].error
    assert nothing
    assert NOTHING_DUE in nothing.message


LOCK = {"Code": "LOCK_COMPETITION", "Message": "account one is locked"}
DENIED = {"Code": "NO_PERMISSION", "Message": "account two is none of yours"}


@pytest.mark.parametrize("errors", [(LOCK, DENIED), (DENIED, LOCK)])
@pytest.mark.parametrize("again", [False, True])
def test_rows_that_burn_a_key_as_a_whole_are_told_to_each_item_by_its_own(
    make_world: MakeWorld, again: bool, errors: tuple[dict[str, str], ...]
) -> None:
    """A reply is lost, and then no row says anything of its item: four times, until it rests."""
    world = make_world()
    world.limits = replace(LIMITS, objects_per_call=2)
    told = json.dumps([{"Success": False, "Errors": [error]} for error in errors]).encode()
    turned_away = Trouble(arrives=False, instead=Reply(200, {}, told, 1))
    world.troubles = {1: LOST_ON_THE_WAY} | dict.fromkeys(range(2, 6), turned_away)
    run = world.run([ONE, TWO])
    if again:
        run = world.run([ONE, TWO])
    assert (world.sent, run.outcomes) == (5, ["unknown"] * 2)
    assert run.codes == [error["Code"] for error in errors]
    world.pass_time(2 * HOUR)
    assert world.run([ONE, TWO]).outcomes == ["invoiced"] * 2
    assert (world.billed(ONE), world.billed(TWO)) == (1, 1)
