"""Dates that are not of the server's clock: a gateway's, or one that no clock can have told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from support.engine import item
from support.world import DAY, HOUR, UNGUARDED, World
from support.world_net import Trouble, gateway
from zbatch.emulator.book import BookAccount
from zbatch.model import ExitCode
from zbatch.zuora.wire import Reply

MakeWorld = Callable[..., World]
ONE = item(1)
NOTHING = b'{"size": 0, "done": true}'
LAST = "Fri, 31 Dec 9999 23:59:59 GMT"


def http_date(world: World, ahead: float) -> str:
    at = datetime.fromtimestamp(world.timeline.now + ahead, UTC)
    return format_datetime(at, usegmt=True)


@pytest.mark.parametrize("ahead", [-25 * HOUR, -60 * 365 * DAY])
def test_a_gateway_whose_clock_is_behind_ages_no_key(make_world: MakeWorld, ahead: float) -> None:
    """R6: by its date the key would be a day old, and would have rested; ours is set right since.

    The call behind the gateway has billed, and nobody can read so yet.
    """
    world = make_world(modes=replace(UNGUARDED, read_lag=1500.0))
    world.max_attempts = 1
    world.host().shift = timedelta(hours=-1.1)
    world.troubles = {1: gateway(502, arrives=True, date=http_date(world, ahead))}
    assert world.run([ONE]).outcomes == ["unknown"]
    world.host().shift = timedelta()
    world.pass_time(120)
    world.run([ONE])
    world.pass_time(3 * HOUR)
    world.run([ONE])
    assert (world.billed(ONE), len(world.keys(ONE))) == (1, 1)


@pytest.mark.parametrize("told", [365 * DAY, 3 * HOUR, LAST])
@pytest.mark.parametrize("arrives", [False, True])
def test_a_gateway_whose_clock_is_ahead_has_no_key_rest_for_years(
    world: World, told: float | str, arrives: bool
) -> None:
    """R6: what was sent today has rested tomorrow, whatever somebody on the way says of it."""
    date = told if isinstance(told, str) else http_date(world, told)
    world.max_attempts = 1
    world.troubles = {1: gateway(502, arrives=arrives, date=date)}
    assert world.run([ONE]).outcomes == ["unknown"]
    world.pass_time(25 * HOUR)
    assert world.run([ONE]).exit_code is ExitCode.OK
    assert world.billed(ONE) == 1


@pytest.mark.parametrize("told", ["{old}, {now}", "{old}, {old}", "{mail}"])
def test_an_old_date_is_known_in_other_forms(world: World, told: str) -> None:
    """R8: a store may add its own date to that of the answer, or write it as mail does."""
    world.bill_by_hand(ONE)
    old, now = http_date(world, -3 * HOUR), http_date(world, 0.0)
    date = told.format(old=old, now=now, mail=old.replace("GMT", "+0000"))
    stored = Reply(200, {"date": date}, NOTHING, 1)
    world.query_troubles = {1: Trouble(arrives=False, instead=stored)}
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    assert world.sent == 0


def test_servers_whose_clocks_differ_come_to_an_end(make_world: MakeWorld) -> None:
    """Who answers questions is ahead of who answers calls: one key more, and then it is believed.

    The next key was never sent by anybody, so that no old answer can be kept under it.
    """
    world = make_world(book={ONE.identity.account_id: BookAccount(charges_due=False)})
    error = {"Code": "INVALID_VALUE", "Message": "no charges due on this account"}
    nothing_due = json.dumps([{"Success": False, "Errors": [error]}]).encode()
    for _ in range(2):
        behind = Reply(200, {"date": http_date(world, -90.0)}, nothing_due, 1)
        world.troubles = {world.sent + 1: Trouble(arrives=False, instead=behind)}
        run = world.run([ONE])
        world.pass_time(2 * HOUR)
    assert (run.outcomes, run.exit_code) == (["nothing_to_bill"], ExitCode.OK)
    assert len(world.keys(ONE)) == 2
