"""D1 to D25: the ways in which a naive client bills twice, each shown not to be ours."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from support.engine import TENANT, item
from support.plans import a_plan, a_send, an_attempt
from support.world import HOUR, LIMITS, UNGUARDED, Job, World
from support.world_net import (
    LOST_ON_THE_WAY,
    REPLY_LOST,
    SILENCE,
    TWICE,
    Trouble,
    gateway,
    late,
)
from zbatch.app.outstanding import Wish
from zbatch.emulator import Mishap, Scheduled, Stored
from zbatch.emulator.book import BookAccount
from zbatch.engine.age import Clocks, expired
from zbatch.engine.ending import StopReason
from zbatch.engine.loop import Engine
from zbatch.errors import CannotStart, LedgerFailure, Refused
from zbatch.ledger.lock import locked
from zbatch.ledger.store import LEDGER_FILE, open_store
from zbatch.model import Attempt, ExitCode
from zbatch.spec import check_spec, load_spec, make_plan
from zbatch.zuora.headers import query_headers
from zbatch.zuora.request import make_call
from zbatch.zuora.wire import Reply

MakeWorld = Callable[..., World]
ONE = item(1)
ACCOUNT = ONE.identity.account_id
HEAD = "version: 1\nname: nov\ntenant: emulator\ndates: [{target_date: 2026-11-30}]\n"


def suspended(
    world: World, after: float, seconds: float
) -> Callable[[Engine], Coroutine[Any, Any, None]]:
    """Suspend the machine during a run: wall time passes, the steady clock stands still."""

    async def during(_: Engine) -> None:
        await asyncio.sleep(after)
        world.timeline.pass_time(seconds)

    return during


def one_key(world: World) -> bool:
    """Tell whether all that arrived came under one key."""
    return len(set(world.generates)) == 1


def test_d01_no_new_key_for_an_attempt_after_a_timeout(world: World) -> None:
    """A timeout, then another run of timeouts: one key, one invoice."""
    world.troubles = {1: SILENCE, 4: SILENCE, 5: SILENCE}
    assert world.run([ONE, item(2)]).outcomes == ["invoiced"] * 2
    assert [key.sends for key in world.keys(ONE)] == [2]
    world.run([item(3)])
    world.pass_time(2 * HOUR)
    assert world.run([item(3)]).outcomes == ["invoiced"]
    assert len(world.keys(item(3))) == 1
    assert world.billed(ONE) == 1


def test_d02_a_retry_never_mints_a_key(world: World) -> None:
    """Whatever made it repeat, a call that may have been executed keeps its key."""
    gone_through = gateway(502, arrives=True)
    world.troubles = {1: LOST_ON_THE_WAY, 2: gone_through, 3: gateway(429, retry_after="1")}
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert [key.sends for key in world.keys(ONE)] == [4]
    assert len(world.generates) == 2
    assert one_key(world)


def test_d03_a_crash_after_the_send_finds_the_key_in_the_ledger(world: World) -> None:
    """The process dies with its call at the server; the next run knows key and bytes."""
    died = world.run([ONE], die_at=11)
    assert died.edges[-1] == "generate arrived"
    assert [(key.state, key.sends) for key in world.keys(ONE)] == [("live", 1)]
    world.pass_time(0.1)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert one_key(world)


def test_d04_an_intent_is_durable_before_its_call_leaves(world: World) -> None:
    """No send comes before the commit of its intent, which the disk has taken (WAL, FULL)."""
    edges = world.run([item(number) for number in range(1, 4)]).edges
    assert edges.index("begin durable, untold") < edges.index("generate not yet sent")
    for die_at in (edges.index("begin not yet durable") + 1, edges.index("finish durable, untold")):
        lost = world.run([item(10 + die_at)], die_at=die_at)
        assert lost.died
        assert world.billed(item(10 + die_at)) == 0


def test_d05_a_weekend_later_the_old_key_is_not_sent(world: World) -> None:
    """Friday's lost reply is not sent again on Monday: the tenant is asked, and has it."""
    died = world.run([ONE], die_at=12)
    assert died.edges[-1] == "generate executed, unread"
    world.pass_time(64 * HOUR)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert len(world.generates) == 1


@pytest.mark.parametrize("troubles", [{1: REPLY_LOST}, {1: LOST_ON_THE_WAY}])
def test_d06_f113_a_suspended_machine_does_not_hide_the_age(
    world: World, troubles: dict[int, Trouble]
) -> None:
    """F113: 30 h suspended within a run; the steady clock stood still, the key is too old."""
    world.troubles = troubles
    run = world.run([ONE], during=suspended(world, 0.5, 30 * HOUR))
    assert run.exit_code in (ExitCode.OK, ExitCode.UNKNOWN)
    world.pass_time(2 * HOUR)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert world.keys(ONE)[0].sends == 1
    assert world.billed(ONE) == 1


@pytest.mark.parametrize("status", [401, 403, 429, 502])
def test_d07_timeout_then_gateway_status_is_not_taken_for_definite(
    make_world: MakeWorld, status: int
) -> None:
    """A gateway's answer says nothing of the first send: no renewal, no failure."""
    world = make_world()
    world.troubles = {1: SILENCE} | dict.fromkeys(range(2, 12), gateway(status))
    run = world.run([ONE])
    assert run.outcomes == ["unknown"]
    world.troubles = {}
    world.pass_time(3 * HOUR)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert one_key(world)
    assert world.billed(ONE) == 1


@pytest.mark.parametrize(("lag", "generating"), [(0.0, 0.0), (600.0, 0.0), (0.0, 5400.0)])
def test_d08_none_is_not_believed_while_the_first_send_may_run(
    make_world: MakeWorld, lag: float, generating: float
) -> None:
    """A call of half an hour, and an invoice that is not readable or not done: no renewal."""
    slow = {ACCOUNT: BookAccount(latency=1800.0)}
    modes = replace(UNGUARDED, read_lag=lag, generating=generating)
    world = make_world(modes=modes, book=slow)
    world.troubles = dict.fromkeys(range(1, 5), gateway(502, arrives=True))
    assert world.run([ONE]).outcomes == ["unknown"]
    for _ in range(8):
        world.pass_time(900)
        world.run([ONE])
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert one_key(world)


def test_d09_a_question_never_carries_a_key(world: World) -> None:
    """No stored answer can come back: no key header, and each question is answered anew."""
    assert "Idempotency-Key" not in query_headers(TENANT, "t", "b")
    world.run([ONE])
    world.delete(world.invoices[0].id)
    world.run([item(2)])
    world.check()  # holds that no query came with a key


def test_d10_a_call_of_fifty_in_doubt_is_not_split(make_world: MakeWorld) -> None:
    """Its answer is lost five times: fifty items, one key, the same bytes each time."""
    world = make_world(latency=0.02)
    world.limits = replace(LIMITS, objects_per_call=50)
    world.troubles = dict.fromkeys(range(1, 6), REPLY_LOST)
    items = [item(number) for number in range(1, 51)]
    assert world.run(items).outcomes == ["invoiced"] * 50
    assert one_key(world)


def test_d11_after_partial_success_only_the_rest_is_sent(world: World) -> None:
    """One row of three was locked: its item alone is sent again, under its next key."""
    world.limits = replace(LIMITS, objects_per_call=3)
    locked_row = Mishap(executed=False, code="LOCK_COMPETITION", rows=(1,))
    world.faults.switch([Scheduled(locked_row, at=1)])
    items = [item(number) for number in range(1, 4)]
    assert world.run(items).outcomes == ["invoiced"] * 3
    whole, rest = make_call(TENANT, items, 0), make_call(TENANT, [items[1]], 1)
    assert world.generates == [whole.key, rest.key]


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_d12_rows_that_do_not_match_in_number_are_nobodys(world: World, rows: int) -> None:
    """Two objects, another number of rows: doubt, the same key once more, then its true rows."""
    world.limits = replace(LIMITS, objects_per_call=2)
    wrong = json.dumps([{"Success": True, "Id": "e" * 32}] * rows).encode()
    world.troubles = {1: Trouble(instead=Reply(200, {}, wrong))}
    run = world.run([item(1), item(2)])
    assert run.outcomes == ["invoiced"] * 2
    assert one_key(world)
    assert "e" * 32 not in {record.invoice_id for record in run.records.values()}


@pytest.mark.parametrize("other", [ACCOUNT.upper(), ACCOUNT])
def test_d13_one_account_in_two_spellings_is_one_account(tmp_path: Path, other: str) -> None:
    """Case does not make another account: the spec is refused as listing it twice."""
    first = ACCOUNT.replace("0", "a")
    path = tmp_path / "spec.yaml"
    path.write_text(f'{HEAD}accounts: ["{first}", "{other.replace("0", "a").upper()}"]\n')
    spec, findings = check_spec(path)
    assert spec is None
    assert findings


@pytest.mark.parametrize("blank", [" ", "\u200b", "\ufeff", "\u00a0"])
def test_d13_blanks_seen_or_unseen_do_not_make_another_account(tmp_path: Path, blank: str) -> None:
    """An ID is 32 hexadecimal characters and nothing else."""
    path = tmp_path / "spec.yaml"
    path.write_text(f'{HEAD}accounts: ["{ACCOUNT}{blank}"]\n', encoding="utf-8")
    assert check_spec(path)[0] is None


def test_d14_the_same_spec_twice_at_once_is_one_run(tmp_path: Path) -> None:
    """The second start is told that a run holds the tenant, and sends nothing."""
    with (
        locked(tmp_path, "run A"),
        pytest.raises(CannotStart, match="run A"),
        locked(tmp_path, "run B"),
    ):
        raise AssertionError("two runs hold one tenant")


def test_d14_a_copied_spec_on_another_host_has_equal_keys(world: World) -> None:
    """Neither the spec's name nor the machine is in a key: the server deduplicates."""
    plan = world.plan([ONE])
    renamed = replace(plan, spec=replace(plan.spec, name="copy", file="copy.yaml"))
    world.together(Job(plan, "one"), Job(renamed, "two"))
    assert one_key(world)
    assert world.billed(ONE) == 1


def test_d15_a_ledger_deleted_between_runs(world: World) -> None:
    """Within 24 hours equal keys, later the question, keep the item at one invoice."""
    for downtime in (60.0, 30 * HOUR):
        world.run([ONE])
        world.host().lose_ledger()
        world.pass_time(downtime)
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    assert world.billed(ONE) == 1


@pytest.mark.parametrize("replaced", [False, True])
def test_d15_a_ledger_deleted_under_a_run_stops_it(tmp_path: Path, replaced: bool) -> None:
    """What would be written where nobody reads it is not sent."""
    store = open_store(tmp_path)
    store.start_run("20261130T120000Z-0000", a_plan([ONE]), datetime(2026, 11, 30, tzinfo=UTC))
    (tmp_path / LEDGER_FILE).rename(tmp_path / "away")
    if replaced:
        (tmp_path / LEDGER_FILE).touch()
    send = a_send(make_call(TENANT, [ONE], 0))
    with pytest.raises(LedgerFailure):
        store.begin("20261130T120000Z-0000", [send], datetime(2026, 11, 30, tzinfo=UTC))
    store.close()


def test_d16_a_proxy_that_sends_twice_bills_once(world: World) -> None:
    """The server sees each call twice, under one key, and bills once."""
    world.troubles = dict.fromkeys(range(1, 4), TWICE)
    items = [item(number) for number in range(1, 4)]
    assert world.run(items).outcomes == ["invoiced"] * 3
    world.pass_time(60)
    assert [world.billed(one) for one in items] == [1] * 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_d16_a_redirect_sends_nothing_again(world: World, status: int) -> None:
    """No layer below follows it, and the run stops."""
    world.troubles = {1: gateway(status)}
    run = world.run([ONE])
    assert run.stop.startswith("HTTP 3")
    assert world.sent == 1


def test_d17_a_lock_is_never_taken_over_by_age(tmp_path: Path) -> None:
    """A holder that has been suspended for a year still holds."""
    with locked(tmp_path, "run A"):
        year_ago = time.time() - 365 * 86_400
        os.utime(tmp_path / "lock", (year_ago, year_ago))
        with pytest.raises(CannotStart, match="run A"), locked(tmp_path, "run B"):
            raise AssertionError("taken over")


def test_d18_what_was_in_flight_at_the_second_signal_is_in_doubt(world: World) -> None:
    """Abandoned calls are unknown, not planned again: the next run sends their key again."""

    async def twice(engine: Engine) -> None:
        await asyncio.sleep(0.5)
        engine.stop(StopReason.INTERRUPTED, "first signal")
        await asyncio.sleep(0.1)
        engine.abandon()

    run = world.run([ONE], during=twice)
    assert run.outcomes == ["unknown"]
    assert run.exit_code is ExitCode.UNKNOWN
    world.pass_time(0.1)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert one_key(world)


def test_d18_the_first_signal_lets_calls_in_flight_finish(world: World) -> None:
    """Stopped in order: what flies is awaited, what has not left is not attempted."""

    async def once(engine: Engine) -> None:
        await asyncio.sleep(0.5)
        engine.stop(StopReason.INTERRUPTED, "first signal")

    run = world.run([item(1, 10), item(1, 20)], during=once)
    assert run.outcomes == ["invoiced", "not_attempted"]
    assert run.exit_code is ExitCode.INTERRUPTED


def test_d19_a_spec_edited_before_the_resume_is_refused(world: World) -> None:
    """Another invoice date would mean another key beside the one in doubt."""
    world.run([ONE], die_at=10)
    edited = replace(ONE, invoice_date=ONE.invoice_date + timedelta(days=1))
    with pytest.raises(Refused):
        world.run([edited])
    assert world.generates == []


def test_d20_a_later_date_never_goes_before_or_with_an_earlier_one(world: World) -> None:
    """Dates of an account go one after the other, whatever the order of the spec."""
    items = [item(1, 20), item(1, 10), item(2, 30), item(1, 30)]
    assert world.run(items).outcomes == ["invoiced"] * 4
    assert world.sent == 4  # none was turned away by the lock of another on the account
    mine = [e for e in world.executions if e.account_id == ACCOUNT]
    assert [execution.target_date.day for execution in mine] == [10, 20, 30]
    gaps = [b.at - a.at for a, b in itertools.pairwise(mine)]
    assert all(gap >= timedelta(seconds=1) for gap in gaps)


def test_d21_no_second_call_for_the_other_invoice_ids(make_world: MakeWorld) -> None:
    """An account with three invoices a run is called once."""
    world = make_world(book={ACCOUNT: BookAccount(invoices=3)})
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert len(world.generates) == 1
    assert len(world.invoices) == 3


@pytest.mark.parametrize("lost", [REPLY_LOST, LOST_ON_THE_WAY])
def test_d22_a_wait_that_outlasts_the_key_is_not_followed_by_a_send(
    world: World, lost: Trouble
) -> None:
    """Doubt, then told to wait an hour, and the machine sleeps a day: asked, not sent."""
    world.troubles = {1: lost, 2: gateway(429, retry_after="3600")}
    run = world.run([ONE], during=suspended(world, 10.0, 23 * HOUR))
    sends = world.keys(ONE)[0].sends
    assert sends == 2
    if run.exit_code is not ExitCode.OK:
        world.pass_time(2 * HOUR)
        run = world.run([ONE])
    assert run.outcomes == ["invoiced"]
    assert world.keys(ONE)[0].sends == 2
    assert world.billed(ONE) == 1


def test_d23_retry_failed_leaves_doubt_alone(world: World) -> None:
    """The wish is for definite failures: a key in doubt stays the only one."""
    world.faults.switch([Scheduled(Mishap(code="UNKNOWN_ERROR"), at=1)])
    assert world.run([ONE]).outcomes == ["unknown"]
    wish = Wish(retry_failed=True, retry_nothing=True)
    assert world.run([ONE], wish=wish).outcomes == ["unknown"]
    assert len(world.generates) == 1


def test_d24_a_key_evicted_early_is_a_residual_risk_within_one_run(make_world: MakeWorld) -> None:
    """Measured: the server forgets a key at once; a resend of the same run is billed again.

    No client can tell, which is why docs/exactly-once.md says so. A later run asks first, and
    sends nothing.
    """
    world = make_world(modes=replace(UNGUARDED, evict_after=1))
    world.allow(ONE, 2)
    world.troubles = {1: REPLY_LOST}
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert world.billed(ONE) == 2


def test_d24_a_key_evicted_early_does_no_harm_across_runs(make_world: MakeWorld) -> None:
    """The question of the later run shows the invoice: nothing is sent under the lost key."""
    world = make_world(modes=replace(UNGUARDED, evict_after=1))
    world.run([ONE], die_at=12)
    world.pass_time(2 * HOUR)
    assert world.run([ONE]).exit_code in (ExitCode.OK, ExitCode.UNKNOWN)
    world.pass_time(2 * HOUR)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert world.billed(ONE) == 1


@pytest.mark.parametrize(
    "first", [datetime.fromtimestamp(0, UTC), datetime(1970, 1, 2, tzinfo=UTC)]
)
def test_d25_a_first_send_at_the_epoch_is_a_first_send(first: datetime) -> None:
    """A stamp that is falsy as a number is still a time: the key is as old as it says."""
    sent: tuple[Attempt, ...] = (an_attempt(1, started_at=first),)
    assert expired(sent, Clocks(first + timedelta(hours=23)))
    assert not expired(sent, Clocks(first + timedelta(hours=22)))
    assert not expired((), Clocks(first))


def test_late_arrival_of_a_call_given_up_is_not_joined_by_another_key(world: World) -> None:
    """A request held up in the network arrives after its resend: one key, one invoice."""
    world.troubles = {1: late(400.0)}
    assert world.run([ONE]).outcomes == ["invoiced"]
    world.pass_time(600)
    assert world.billed(ONE) == 1


@pytest.mark.parametrize("stored", list(Stored))
def test_a_plan_of_two_specs_bills_what_both_list_once(
    make_world: MakeWorld, stored: Stored
) -> None:
    """Two specs of one ledger that list the same item, one after the other."""
    world = make_world(modes=replace(UNGUARDED, stored=stored))
    world.run([ONE, item(2)])
    assert world.run([item(3), ONE]).outcomes == ["invoiced"] * 2
    assert world.billed(ONE) == 1


def test_specs_are_planned_alike_whatever_their_name(tmp_path: Path) -> None:
    """The key of an item follows from what is billed, not from who lists it."""
    keys = set()
    for name in ("a", "b"):
        path = tmp_path / f"{name}.yaml"
        path.write_text(f'{HEAD.replace("nov", name)}accounts: ["{ACCOUNT}"]\n')
        plan = make_plan(load_spec(path), TENANT)
        keys.add(make_call(TENANT, plan.items, 0).key)
    assert len(keys) == 1
