"""F73 to F82: what the tenant holds, shows late, or shows of others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from support.asked import unasked
from support.behind import Behind
from support.engine import item
from support.mishaps import DROP_AFTER, UNKNOWN_EXECUTED
from support.proxy import GENERATE
from support.runs import QUERY
from support.world import HOUR, UNGUARDED, World
from support.world_net import (
    LOST_ON_THE_WAY,
    NEVER_ANSWERED,
    REPLY_CUT,
    REPLY_LOST,
    SILENCE,
    UNSENT,
    Trouble,
    gateway,
)
from zbatch.app.outstanding import Wish
from zbatch.emulator import Scheduled, SecondGenerate
from zbatch.emulator.book import AccountStatus, BookAccount
from zbatch.emulator.catalogue import fault
from zbatch.engine.loop import Engine
from zbatch.model import ExitCode
from zbatch.zuora.wire import Reply

MakeWorld = Callable[..., World]
Start = Callable[..., Behind]
ONE = item(1)
ACCOUNT = ONE.identity.account_id
EARLY, LATE = item(1, 10), item(1, 20)


@pytest.mark.parametrize(("lag", "generating"), [(600.0, 0.0), (3000.0, 0.0), (0.0, 600.0)])
def test_f73_an_invoice_that_is_shown_late(
    make_world: MakeWorld, lag: float, generating: float
) -> None:
    """However often we look, no key is renewed before the rest is over, and then it is claimed."""
    world = make_world(modes=replace(UNGUARDED, read_lag=lag, generating=generating))
    world.faults.switch([Scheduled(UNKNOWN_EXECUTED, at=1)])
    for _ in range(7):
        assert world.run([ONE]).outcomes == ["unknown"]
        world.pass_time(500)
    world.pass_time(600)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert (len(world.keys(ONE)), len(world.generates), world.billed(ONE)) == (1, 1, 1)


def test_f73_an_invoice_that_is_generated_for_longer_than_the_rest(make_world: MakeWorld) -> None:
    """It is there, and nothing is concluded before it is one; then it is claimed."""
    world = make_world(modes=replace(UNGUARDED, generating=3 * HOUR))
    world.faults.switch([Scheduled(UNKNOWN_EXECUTED, at=1)])
    world.run([ONE])
    for _ in range(2):
        world.pass_time(1.2 * HOUR)
        run = world.run([ONE])
        assert (run.outcomes, run.codes) == (["unknown"], ["GENERATING"])
    world.pass_time(1.2 * HOUR)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert (len(world.keys(ONE)), len(world.generates), world.billed(ONE)) == (1, 1, 1)


def test_f74_a_replica_that_is_behind_lets_only_the_same_key_go(world: World) -> None:
    """A question before a resend does not show our invoice: the same key, which brings it back."""
    assert world.run([ONE], die_at="generate executed, unread").died
    world.pass_time(60)
    world.faults.switch([Scheduled(fault("stale_replica"), every=1, action="query")])
    run = world.run([ONE])
    assert run.outcomes == ["invoiced"]
    assert (len(world.keys(ONE)), world.billed(ONE)) == (1, 1)


def test_f74_a_replica_that_is_behind_after_the_rest(world: World) -> None:
    """Ten minutes behind, as soon as the rest is over: the invoice is shown, and claimed."""
    world.faults.switch([Scheduled(UNKNOWN_EXECUTED, at=1)])
    assert world.run([ONE]).outcomes == ["unknown"]
    world.pass_time(world.settling.settle + 60)
    world.faults.switch([Scheduled(fault("stale_replica"), every=1, action="query")])
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert (len(world.keys(ONE)), world.billed(ONE)) == (1, 1)


HTML = Trouble(arrives=False, instead=Reply(200, {}, b"<html>"))
QUERY_TROUBLES = (
    gateway(500),
    gateway(503),
    gateway(429, retry_after="5"),
    gateway(401),
    HTML,
    LOST_ON_THE_WAY,
    NEVER_ANSWERED,
    REPLY_LOST,
    REPLY_CUT,
    SILENCE,
    UNSENT,
)


@pytest.mark.parametrize("trouble", QUERY_TROUBLES)
def test_f74_a_question_that_goes_wrong_is_asked_again(world: World, trouble: Trouble) -> None:
    """Nothing is sent before it is answered, and then all is billed."""
    world.query_troubles = {1: trouble}
    items = [item(number) for number in range(1, 6)]
    assert set(world.run(items).outcomes) == {"invoiced"}
    assert unasked(world.exchanges, unseen=["zq-one1-1"]) == set()


@pytest.mark.parametrize("trouble", [gateway(500), HTML, LOST_ON_THE_WAY, gateway(400)])
def test_f74_questions_that_always_go_wrong_end_the_run(world: World, trouble: Trouble) -> None:
    """A few tries, then exit 6 with nothing sent, or 3 where a call is in doubt."""
    world.query_troubles = dict.fromkeys(range(1, 50), trouble)
    run = world.run([ONE])
    assert (run.exit_code, run.outcomes, world.sent) == (
        ExitCode.CANNOT_START,
        ["not_attempted"],
        0,
    )
    world.query_troubles = {}
    world.troubles = dict.fromkeys(range(1, 7), LOST_ON_THE_WAY)
    assert world.run([ONE]).outcomes == ["unknown"]
    world.query_troubles = dict.fromkeys(range(1, 99), trouble)
    world.pass_time(2 * HOUR)
    assert world.run([ONE]).exit_code is ExitCode.UNKNOWN


def test_f74_more_than_two_thousand_invoices(world: World) -> None:
    """An account with 2,100 invoices of the date: all pages are read, and nothing is sent."""
    for _ in range(2100):
        world.bill_by_hand(ONE)
    assert world.run([ONE, item(2)]).outcomes == ["already_invoiced", "invoiced"]
    assert world.billed(ONE) == 0


def test_f74_pages_without_end(world: World) -> None:
    """A tenant that always has one page more is given up: exit 6, nothing sent."""
    world.faults.switch([Scheduled(fault("paging_loop"), every=1, action="query")])
    run = world.run([ONE])
    assert (run.exit_code, run.outcomes, world.sent) == (
        ExitCode.CANNOT_START,
        ["not_attempted"],
        0,
    )


@pytest.mark.parametrize("executed", [True, False])
def test_f76_another_users_bill_run_between_send_and_question(world: World, executed: bool) -> None:
    """Theirs alone: already invoiced, author not proved. Theirs and ours: a person decides."""
    world.troubles = dict.fromkeys(range(1, 7), LOST_ON_THE_WAY)
    if executed:
        world.troubles[1] = REPLY_LOST
    world.run([ONE])
    theirs = world.bill_by_hand(ONE)
    world.troubles = {}
    assert world.run([ONE]).outcomes == ["unknown"]
    world.pass_time(2 * HOUR)
    run = world.run([ONE])
    if executed:
        assert (run.outcomes, run.codes) == (["unknown"], ["SEVERAL_INVOICES"])
    else:
        assert (run.outcomes, run.codes) == (["already_invoiced"], ["AUTHOR_NOT_PROVED"])
        assert run.records[ONE.identity].invoice_id == theirs
    assert world.billed(ONE) == executed


def test_f77_a_key_forgotten_early_bills_twice_and_the_tenant_shows_it(behind: Start) -> None:
    """No answer says so; reading back shows both, and the run ends with 1 instead of 0.

    The reply to the first send is lost and its key forgotten at once. The report names the second
    invoice.
    """
    bench = behind(
        faults=(Scheduled(DROP_AFTER, at=1), Scheduled(fault("key_evicted"), at=2)),
        unjudged="the account is billed twice: no client can see that the key was forgotten",
    )
    spec = bench.spec(1)
    told = bench.project.run(spec)
    assert (told.code, told.outcomes) == (1, {"invoiced": 1})
    assert told.result.read_back is not None
    assert told.result.read_back.findings == {"duplicate": 1}
    first, second = bench.billing.of(1)
    assert told.line(1)["invoice_id"] == second != first
    again = bench.project.run(spec)
    assert (again.code, again.result.sent, len(bench.billing.of(1))) == (0, 0, 2)


def test_f78_an_account_is_cancelled_in_the_middle(make_world: MakeWorld) -> None:
    """A definite failure in its row, for it alone; nothing of it is billed."""
    items = [item(number) for number in range(1, 31)]
    book = {one.identity.account_id: BookAccount(latency=1.0) for one in items}
    world = make_world(book=book)
    world.limits = replace(world.limits, concurrency=5)
    last = items[-1]

    async def cancel(_: Engine) -> None:
        book[last.identity.account_id] = BookAccount(status=AccountStatus.CANCELED)

    run = world.run(items, during=cancel)
    assert run.exit_code is ExitCode.FAILURES
    assert run.records[last.identity].outcome.value == "failed"
    assert run.outcomes.count("invoiced") == 29
    assert world.billed(last) == 0


def test_f79_one_account_is_locked_for_two_hours(make_world: MakeWorld) -> None:
    """Six attempts, then failed, and nobody waits for it; unlocked, it is billed on request."""
    world = make_world(latency=0.1)
    world.faults.switch([Scheduled(fault("locked"), every=1, account=ACCOUNT)])
    items = [item(number) for number in range(1, 41)]
    began = world.timeline.now
    run = world.run(items)
    assert (run.exit_code, run.outcomes.count("invoiced")) == (ExitCode.FAILURES, 39)
    assert run.records[ONE.identity].attempts == 6
    assert world.timeline.now - began < 300
    world.pass_time(2 * HOUR)
    world.faults.switch()
    assert set(world.run(items, wish=Wish(retry_failed=True)).outcomes) == {"invoiced"}
    assert world.billed(ONE) == 1


def test_f80_a_date_in_doubt_blocks_the_later_one(world: World) -> None:
    """Strictly one after the other, and the later one only once the earlier is settled."""
    world.troubles = dict.fromkeys(range(1, 7), REPLY_LOST)
    run = world.run([LATE, EARLY])
    assert run.outcomes == ["unknown", "not_attempted"]
    assert world.billed(LATE) == 0
    world.troubles = {}
    world.run([LATE, EARLY])
    world.pass_time(2 * HOUR)
    assert world.run([LATE, EARLY]).outcomes == ["invoiced", "invoiced"]
    billed = [execution.target_date for execution in world.executions]
    assert billed == [EARLY.identity.target_date, LATE.identity.target_date]


def test_f81_nothing_to_bill_under_a_clean_key(make_world: MakeWorld) -> None:
    """At once, and no invoice behind it."""
    world = make_world(book={ACCOUNT: BookAccount(charges_due=False)})
    run = world.run([ONE])
    assert (run.outcomes, run.exit_code) == (["nothing_to_bill"], ExitCode.OK)
    assert len(world.exchanges) == 3  # token, question, call


@pytest.mark.parametrize("billed", [True, False])
def test_f81_nothing_to_bill_after_doubt(make_world: MakeWorld, billed: bool) -> None:
    """One question more: our first send is what left nothing, or there was nothing indeed."""
    modes = replace(UNGUARDED, evict_after=1, second_generate=SecondGenerate.NOTHING_TO_BILL)
    book = {ACCOUNT: BookAccount(charges_due=billed)}
    world = make_world(modes=modes, book=book)
    world.troubles = {1: REPLY_LOST}
    run = world.run([ONE])
    assert run.outcomes == ["invoiced" if billed else "nothing_to_bill"]
    read_back = int(billed)
    assert sum(one.path == QUERY for one in world.exchanges) == 2 + read_back
    assert world.billed(ONE) == billed


def test_f82_a_tenant_of_several_entities_that_is_not_told_which(behind: Start) -> None:
    """Refused at the first question: exit 6 and no call; named in tenants.yaml, all is billed."""
    entity = "11e643f4-a3ee-8bad-b061-0025904c57d6"
    bench = behind(entities=(entity,))
    spec = bench.spec(1, 2)
    told = bench.run(spec)
    assert (told.code, told.result.sent, told.outcomes) == (6, 0, {"not_attempted": 2})
    assert bench.proxy.counts[GENERATE] == 0
    named = f"tenants: {{real: {{base_url: '{bench.proxy.url}', entity_id: {entity}}}}}"
    bench.project.tenants(named)
    assert bench.run(spec).outcomes == {"invoiced": 2}
