"""More than one ledger: lost, restored, on another machine, and people who bill by hand.

Within 24 hours equal keys let the server deduplicate; beyond, the question before each send does,
as soon as an invoice can be read. What no client can see is counted here, and stated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from support.engine import item
from support.world import HOUR, LIMITS, UNGUARDED, Job, World
from zbatch.app.outstanding import Wish
from zbatch.emulator import Drafts, Mishap, Scheduled
from zbatch.emulator.catalogue import fault
from zbatch.model import ExitCode

MakeWorld = Callable[..., World]
ITEMS = tuple(item(number) for number in range(1, 6))
DAY_AND_A_BIT = 24 * HOUR + 60
CLOSED = Mishap(executed=False, code="ACCOUNTING_PERIOD_CLOSED")


def each_once(world: World) -> None:
    """Hold that every item was billed once."""
    assert [world.billed(one) for one in ITEMS] == [1] * len(ITEMS), world.told()


@pytest.mark.parametrize("downtime", [2.0, DAY_AND_A_BIT])
@pytest.mark.parametrize("objects", [1, 5])
def test_a_ledger_lost_in_the_middle(make_world: MakeWorld, objects: int, downtime: float) -> None:
    """Wherever the process died, a run without its ledger bills what is left and no more."""
    for die_at in range(5, 45, 3):
        world = make_world()
        world.limits = replace(LIMITS, objects_per_call=objects)
        world.run(ITEMS, die_at=die_at)
        world.host().lose_ledger()
        for _ in range(3):
            world.pass_time(downtime)
            run = world.run(ITEMS)
            downtime = 2 * HOUR
            if run.exit_code is ExitCode.OK:
                break
        assert run.exit_code is ExitCode.OK
        each_once(world)


def test_a_ledger_restored_from_a_backup(world: World) -> None:
    """A backup has forgotten what came after it: keys, then questions, keep items at one."""
    world.run(ITEMS[:2])
    backup = world.host().backup()
    world.run(ITEMS)
    for downtime in (2.0, DAY_AND_A_BIT):
        world.host().restore(backup)
        world.pass_time(downtime)
        assert world.run(ITEMS).exit_code is ExitCode.OK
    each_once(world)


def test_two_hosts_at_once_send_equal_keys(world: World) -> None:
    """F106: a copied spec on a second machine; the server deduplicates, both report the same."""
    plan = world.plan(ITEMS)
    first, second = world.together(Job(plan, "one"), Job(plan, "two"))
    assert len(set(world.generates)) == len(ITEMS)
    each_once(world)
    assert first.exit_code is second.exit_code is ExitCode.OK
    ids = {record.invoice_id for record in first.records.values()}
    assert ids == {record.invoice_id for record in second.records.values()}


@pytest.mark.parametrize("after", [0.05, 0.5, 1.1, 3.0])
def test_a_second_host_a_little_later(make_world: MakeWorld, after: float) -> None:
    """At whatever moment the second host starts: before, during and after the first's calls."""
    world = make_world()
    plan = world.plan(ITEMS)
    world.together(Job(plan, "one"), Job(plan, "two", after=after))
    each_once(world)


def test_two_hosts_walk_the_same_generations(world: World) -> None:
    """A stored lock row sends both to generation 1, under the same key again."""
    world.faults.switch([Scheduled(fault("locked"), at=1)])
    assert world.run(ITEMS[:1], host="one").exit_code is ExitCode.OK
    world.pass_time(60)
    second = world.run(ITEMS[:1], host="two")
    assert second.exit_code is ExitCode.OK
    assert world.billed(ITEMS[0]) == 1


@pytest.mark.parametrize("away", [HOUR, DAY_AND_A_BIT, 80 * HOUR])
def test_f147_the_first_host_returns_after_another_did_its_work(
    make_world: MakeWorld, away: float
) -> None:
    """Nothing is sent for what the other billed: the first host asks before it sends."""
    world = make_world()
    world.faults.switch([Scheduled(CLOSED, every=1)])
    assert world.run(ITEMS, host="one").outcomes == ["failed"] * 5
    world.faults.switch()
    world.pass_time(DAY_AND_A_BIT)
    assert world.run(ITEMS, host="two").outcomes == ["invoiced"] * 5
    world.pass_time(away)
    sent = world.sent
    again = world.run(ITEMS, host="one", wish=Wish(retry_failed=True))
    assert again.outcomes == ["already_invoiced"] * 5
    assert world.sent == sent
    each_once(world)


def test_f147_the_first_host_returns_with_keys_in_doubt(world: World) -> None:
    """Its doubtful keys have expired; what the other host billed is not claimed as its own."""
    world.run(ITEMS, host="one", die_at=13)
    world.pass_time(DAY_AND_A_BIT)
    assert world.run(ITEMS, host="two").exit_code is ExitCode.OK
    world.pass_time(2 * HOUR)
    back = world.run(ITEMS, host="one")
    assert back.exit_code is ExitCode.OK
    each_once(world)


@pytest.mark.parametrize("away", [60.0, DAY_AND_A_BIT])
def test_f148_an_item_billed_by_hand_is_not_sent_by_retry_failed(
    make_world: MakeWorld, away: float
) -> None:
    """Failed on Monday, billed by hand, then --retry-failed: nothing is sent for it."""
    world = make_world()
    world.faults.switch([Scheduled(CLOSED, at=1)])
    assert world.run(ITEMS).outcomes.count("failed") == 1
    failed = next(one for one in ITEMS if not world.billed(one))
    world.bill_by_hand(failed)
    world.pass_time(away)
    sent = world.sent
    run = world.run(ITEMS, wish=Wish(retry_failed=True))
    assert run.records[failed.identity].outcome == "already_invoiced"
    assert world.sent == sent


def test_an_item_billed_by_hand_between_two_runs_in_doubt(world: World) -> None:
    """In doubt, and billed by hand meanwhile: one invoice stands, and its author is not claimed."""
    died = world.run(ITEMS[:1], die_at=10)
    assert died.edges[-1] == "generate not yet sent"
    world.bill_by_hand(ITEMS[0])
    world.pass_time(DAY_AND_A_BIT)
    run = world.run(ITEMS[:1])
    assert run.outcomes == ["already_invoiced"]
    assert world.billed(ITEMS[0]) == 0


@contextmanager
def expecting_duplicates(world: World) -> Iterator[None]:
    """Count instead of refusing what is billed twice."""
    for one in ITEMS:
        world.allow(one, 2)
    yield


def duplicates(make_world: MakeWorld, lag: float, gap: float) -> int:
    """Lose the ledger past the life of the keys, with the last sends `gap` seconds before."""
    world = make_world(modes=replace(UNGUARDED, read_lag=lag))
    with expecting_duplicates(world):
        # The first host bills under generation 1, after failures that the server forgets.
        world.faults.switch([Scheduled(CLOSED, every=1)])
        world.run(ITEMS, host="one")
        world.faults.switch()
        world.pass_time(DAY_AND_A_BIT)
        sent = world.timeline.now
        assert world.run(ITEMS, wish=Wish(retry_failed=True)).outcomes == ["invoiced"] * 5
        waited = world.timeline.now - sent  # for invoices that cannot be read back yet
        world.pass_time(max(0.0, gap - waited))
        world.run(ITEMS, host="two")
        return sum(world.billed(one) - 1 for one in ITEMS)


@pytest.mark.parametrize(
    ("lag", "gap", "billed_twice"),
    [
        (0.0, 2.0, 0),
        (60.0, 2.0, 5),
        (60.0, 58.0, 5),
        (60.0, 62.0, 0),
        (600.0, 300.0, 5),
        (600.0, 602.0, 0),
    ],
)
def test_what_no_client_can_see_is_as_long_as_the_read_lag(
    make_world: MakeWorld, lag: float, gap: float, billed_twice: int
) -> None:
    """Residual risk, measured: without the ledger, past the keys' life, within the read lag.

    The first host's renewal is not stored under generation 0 any more, so the second host's first
    key is new to the server, and the invoice cannot be read yet. As soon as it can, none is
    billed twice.
    """
    assert duplicates(make_world, lag, gap) == billed_twice


def test_within_the_keys_life_read_lag_does_no_harm(make_world: MakeWorld) -> None:
    """A lost ledger within 24 hours lands on equal keys, whatever can be read."""
    world = make_world(modes=replace(UNGUARDED, read_lag=600.0))
    world.run(ITEMS)
    world.host().lose_ledger()
    world.pass_time(2.0)
    assert world.run(ITEMS).exit_code is ExitCode.OK
    each_once(world)


@pytest.mark.parametrize("lag", [0.0, 5.0])
def test_what_is_appended_to_a_draft_too_young_for_the_baseline(
    make_world: MakeWorld, lag: float
) -> None:
    """Drafts that are appended to, and cannot be read for a while: a person decides.

    The account's first date makes a draft, the second is appended to it, and its answer is lost
    past the key's life. The baseline does not show the draft: its own times tell that it changed.
    """
    world = make_world(modes=replace(UNGUARDED, drafts=Drafts.APPENDED, read_lag=lag))
    early, late = item(1, 10), item(1, 20)
    clean = make_world().run([early, late])
    second = [n for n, name in enumerate(clean.edges, 1) if name == "generate executed, unread"][1]
    assert world.run([early, late], die_at=second).died
    world.pass_time(30 * HOUR)
    run = world.run([early, late])
    assert world.billed(late) == 1
    assert run.records[late.identity].outcome == "unknown"


def test_a_restored_ledger_leaves_the_evidence_of_what_nobody_could_see(
    make_world: MakeWorld,
) -> None:
    """Billed by hand within the read lag of our call, whose ledger is restored later."""
    world = make_world(modes=replace(UNGUARDED, read_lag=600.0))
    world.bill_by_hand(ITEMS[0])
    assert world.run(ITEMS[:1]).outcomes == ["invoiced"]
    world.host().restore(world.host().backup())
    assert world.run(ITEMS[:1]).outcomes == ["invoiced"]
    assert world.billed(ITEMS[0]) == 1


@pytest.mark.parametrize(("downtime", "times"), [(2.0, 1), (DAY_AND_A_BIT, 2)])
def test_what_went_into_another_dates_draft_is_not_seen_without_the_ledger(
    make_world: MakeWorld, downtime: float, times: int
) -> None:
    """Residual risk, measured: no question shows it; the key alone protects, for 24 hours."""
    world = make_world(modes=replace(UNGUARDED, drafts=Drafts.APPENDED))
    early, late = item(1, 10), item(1, 20)
    assert world.run([early, late]).outcomes == ["invoiced", "invoiced"]
    assert len(world.invoices) == 1
    world.host().lose_ledger()
    world.pass_time(downtime)
    assert world.run([early, late]).records[late.identity].outcome == "invoiced"
    assert (world.billed(early), world.billed(late)) == (1, times)


def test_a_restored_ledger_tells_a_failure_until_the_tenant_is_asked(world: World) -> None:
    """Failed before the backup, billed after it: a retry asks first, and finds the invoice."""
    one = ITEMS[:1]
    world.faults.switch([Scheduled(CLOSED, at=1)])
    assert world.run(one).outcomes == ["failed"]
    backup = world.host().backup()
    assert world.run(one, wish=Wish(retry_failed=True)).outcomes == ["invoiced"]
    world.host().restore(backup)
    world.pass_time(DAY_AND_A_BIT)
    run = world.run(one)
    assert (run.outcomes, run.exit_code) == (["failed"], ExitCode.FAILURES)
    assert world.run(one, wish=Wish(retry_failed=True)).outcomes == ["already_invoiced"]
    assert world.billed(one[0]) == 1
