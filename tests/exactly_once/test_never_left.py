"""Calls whose intents were durable and that never left: their items are what they were before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from support.engine import item
from support.world import World
from support.world_net import REPLY_LOST, SILENCE, UNSENT, Trouble, gateway
from zbatch.app.outstanding import Wish
from zbatch.emulator import Mishap, Scheduled
from zbatch.emulator.book import BookAccount
from zbatch.emulator.catalogue import fault
from zbatch.errors import Refused
from zbatch.model import ExitCode

MakeWorld = Callable[..., World]
EARLY, LATE = item(1, 10), item(1, 20)
RETRY = Wish(retry_failed=True)
CLOSED = [Scheduled(Mishap(executed=False, code="ACCOUNTING_PERIOD_CLOSED"), every=1)]
LOCKED = [Scheduled(fault("locked"), at=2)]  # the first try is the one that fails
REST = 3700.0  # seconds, longer than the default rest
NEVER = dict.fromkeys(range(1, 500), UNSENT)
OTHER = item(2)
MENDED = replace(EARLY, invoice_date=date(2026, 12, 1))


def failed(world: World) -> World:
    """Let the early date of an account fail, for a reason that is mended afterwards."""
    world.faults.switch(CLOSED)
    assert world.run([EARLY]).outcomes == ["failed"]
    world.faults.switch()
    return world


def unreachable(world: World) -> World:
    """Let nothing leave from now on."""
    world.troubles = NEVER
    return world


def reachable(world: World) -> World:
    """Let everything leave from now on."""
    world.troubles = {}
    return world


# What was to be tried again


def test_r10_a_failure_whose_retry_never_left_is_the_same_failure(world: World) -> None:
    """It is told as it was, it holds back later dates, and only `--retry-failed` sends it."""
    before = failed(world).run([EARLY]).records[EARLY.identity]
    stopped = unreachable(world).run([EARLY], wish=RETRY)
    assert (stopped.outcomes, stopped.codes) == (["failed"], ["ACCOUNTING_PERIOD_CLOSED"])
    assert reachable(world).run([LATE]).codes == ["EARLIER_DATE_OPEN"]
    again = world.run([EARLY])
    assert again.exit_code is ExitCode.FAILURES
    assert again.records[EARLY.identity] == before
    assert world.reconcile().records == {}
    assert len(world.generates) == 1
    assert world.run([EARLY, LATE], wish=RETRY).outcomes == ["invoiced", "invoiced"]
    evidence = [key.evidence for key in world.keys(EARLY)]
    assert evidence[1] == "never left, and the next key takes its place"
    assert [world.billed(one) for one in (EARLY, LATE)] == [1, 1]


def test_r10_nothing_to_bill_whose_retry_never_left_is_that_again(make_world: MakeWorld) -> None:
    """It waits for `--retry-nothing` as before."""
    account = EARLY.identity.account_id
    world = make_world(book={account: BookAccount(charges_due=False)})
    assert world.run([EARLY]).outcomes == ["nothing_to_bill"]
    unreachable(world).run([EARLY], wish=Wish(retry_nothing=True))
    again = reachable(world).run([EARLY])
    assert (again.outcomes, again.exit_code) == (["nothing_to_bill"], ExitCode.OK)
    assert len(world.generates) == 1
    assert world.run([EARLY], wish=Wish(retry_nothing=True)).outcomes == ["nothing_to_bill"]
    assert len(world.generates) == 2


@pytest.mark.parametrize("troubles", [{}, {1: UNSENT}, {1: UNSENT, 2: REPLY_LOST}, {1: SILENCE}])
@pytest.mark.parametrize("locked", [False, True])
def test_r10_wherever_a_retry_dies_the_later_date_waits(
    make_world: MakeWorld, troubles: dict[int, Trouble], locked: bool
) -> None:
    """The early date is failed, in doubt or invoiced at every edge, and never just forgotten."""

    def retried(die_at: int | None) -> tuple[World, int]:
        world = failed(make_world())
        world.faults.switch(LOCKED if locked else [])
        world.troubles = {number + 1: trouble for number, trouble in troubles.items()}
        return world, len(world.run([EARLY], wish=RETRY, die_at=die_at).edges)

    for die_at in range(1, retried(None)[1] + 1):
        world, _ = retried(die_at)
        reachable(world).faults.switch()
        (told,) = world.run([LATE]).records.values()
        waits = told.error is not None and told.error.code == "EARLIER_DATE_OPEN"
        assert waits or world.billed(EARLY) == 1, die_at


# What is asked for now


def test_r13_a_call_that_never_left_takes_the_new_payload(world: World) -> None:
    """A wrong invoice date that was stopped in time is mended by a run of the mended spec."""
    assert unreachable(world).run([EARLY]).outcomes == ["not_attempted"]
    world.pass_time(30 * 3600.0)
    assert reachable(world).run([MENDED]).outcomes == ["invoiced"]
    assert [one.invoice_date for one in world.invoices] == [MENDED.invoice_date]
    old, new = world.keys(EARLY)
    assert (old.state, old.evidence) == ("settled", "never left, and the next key takes its place")
    assert (new.state, world.generates) == ("settled", [new.key])


def test_r13_so_does_each_account_of_a_call_of_several(world: World) -> None:
    """R12: its bytes are sent as they are or not at all, so that what is unchanged goes alone."""
    world.limits = replace(world.limits, objects_per_call=2)
    items = [item(number) for number in range(1, 5)]
    unreachable(world).run(items)
    mended = [replace(items[0], invoice_date=date(2026, 12, 1)), *items[1:]]
    assert reachable(world).run(mended).outcomes == ["invoiced"] * 4
    assert [len(world.keys(one)) for one in items] == [2, 2, 1, 1]
    assert len(set(world.generates)) == 3


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("objects", [1, 2])
def test_r13_what_somebody_has_billed_meanwhile_takes_the_new_payload(
    world: World, left: bool, objects: int
) -> None:
    """The next run of the same spec is not refused for a payload that was never invoiced."""
    world.limits = replace(world.limits, objects_per_call=objects)
    failed(world)
    if not left:
        unreachable(world).run([MENDED, OTHER])
        reachable(world)
    there = world.bill_by_hand(EARLY)
    world.pass_time(60)
    for _ in range(2):
        run = world.run([MENDED, OTHER])
        assert run.outcomes == ["already_invoiced", "invoiced"]
        assert run.exit_code is ExitCode.OK
    world.delete(there)
    assert world.run([MENDED, OTHER]).codes == ["PERHAPS_GONE", ""]
    world.pass_time(REST)
    assert world.run([MENDED, OTHER]).outcomes == ["invoiced", "invoiced"]
    (made,) = (one for one in world.invoices if one.account_id == EARLY.identity.account_id)
    assert made.invoice_date == MENDED.invoice_date


def test_r13_a_failure_takes_a_new_payload_though_its_first_try_never_left(world: World) -> None:
    """What is held has the payload that failed, so no `--retry-failed` is needed, or taken back."""
    unreachable(failed(world)).run([MENDED])
    assert reachable(world).run([EARLY]).outcomes == ["failed"]
    assert world.run([MENDED]).outcomes == ["invoiced"]
    assert world.invoices[0].invoice_date == MENDED.invoice_date


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (gateway(429, retry_after="7200"), "sent and not settled"),
        (REPLY_LOST, "in doubt"),
    ],
)
def test_r13_what_may_have_left_keeps_its_payload(
    world: World, trouble: Trouble, said: str
) -> None:
    """One send among those that never left is enough, and the refusal says what is known."""
    world.max_attempts = 1
    world.troubles = {1: UNSENT, 2: trouble}
    world.run([EARLY])
    with pytest.raises(Refused, match=f"{said}; "):
        world.run([MENDED])


def test_r13_wherever_the_mended_run_dies_it_is_billed_once(make_world: MakeWorld) -> None:
    """The next run goes on with what is asked for; nobody is billed by the old bytes."""

    def mended(die_at: int | None) -> tuple[World, int]:
        world = make_world()
        unreachable(world).run([EARLY])
        return world, len(reachable(world).run([MENDED], die_at=die_at).edges)

    for die_at in range(1, mended(None)[1] + 1):
        world, _ = mended(die_at)
        if world.run([MENDED]).outcomes == ["unknown"]:
            world.pass_time(REST)
            assert world.run([MENDED]).outcomes == ["invoiced"], die_at
        assert [one.invoice_date for one in world.invoices] == [MENDED.invoice_date]
