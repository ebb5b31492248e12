"""Ways to a second invoice, or to none, that were found by attack: clocks, rests, limits, 409."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import pytest

from support.engine import item
from support.world import DAY, HOUR, LIMITS, UNGUARDED, During, World
from support.world_net import LOST_ON_THE_WAY, REPLY_LOST, SILENCE, UNSENT, Trouble, gateway
from zbatch.emulator import Conflict, Mishap, Scheduled
from zbatch.engine.ending import StopReason
from zbatch.engine.loop import Engine
from zbatch.model import ExitCode, Rate
from zbatch.zuora.wire import Reply

MakeWorld = Callable[..., World]
ONE = item(1)
REST = 3700.0  # seconds, longer than the default rest
SLOWLY_READABLE = replace(UNGUARDED, read_lag=900.0)


def _stop_after(seconds: float) -> During:
    async def stop(engine: Engine) -> None:
        await asyncio.sleep(seconds)
        engine.stop(StopReason.INTERRUPTED, "a person has waited long enough")

    return stop


def _jump_ahead(world: World) -> During:
    async def jump(_: Engine) -> None:
        await asyncio.sleep(100)
        world.host().shift = timedelta(hours=25)

    return jump


def _settles_without_a_second_key(world: World, after: float = 2 * HOUR) -> None:
    """Let time pass by all clocks, and hold that the first call's invoice is all there is."""
    world.pass_time(after)
    assert world.run([ONE]).exit_code is ExitCode.OK
    assert len(world.keys(ONE)) == 1
    assert world.billed(ONE) == 1


@pytest.mark.parametrize(
    ("at_the_send", "afterwards"),
    [(timedelta(), timedelta(hours=25)), (timedelta(days=-20000), timedelta())],
)
def test_a_clock_that_goes_ahead_between_runs_ends_no_rest(
    make_world: MakeWorld, at_the_send: timedelta, afterwards: timedelta
) -> None:
    """Two minutes of true time are no rest, be it a day by our clock, or half a century."""
    world = make_world(modes=SLOWLY_READABLE)
    world.host().shift = at_the_send
    assert world.run([ONE], die_at="generate arrived").died
    world.host().shift = afterwards
    world.pass_time(120)
    assert world.run([ONE]).outcomes == ["unknown"]
    _settles_without_a_second_key(world)


def test_a_clock_that_goes_ahead_within_a_run_ends_no_rest(make_world: MakeWorld) -> None:
    """The clock jumps a day ahead while the answer is awaited: the key rests by the server's."""
    world = make_world(modes=SLOWLY_READABLE)
    world.troubles = {1: SILENCE}
    assert world.run([ONE], during=_jump_ahead(world)).outcomes == ["unknown"]
    _settles_without_a_second_key(world)


def test_a_clock_that_goes_ahead_fails_no_call_that_is_still_running(
    make_world: MakeWorld,
) -> None:
    """As above, with a call that runs for a quarter of an hour: unknown, never failed."""
    world = make_world(latency=900.0)
    assert world.run([ONE], during=_jump_ahead(world)).outcomes == ["unknown"]
    _settles_without_a_second_key(world)


def test_a_send_under_a_clock_in_the_future_rests_by_the_servers(world: World) -> None:
    """Stamped a year ahead, lost on its way: once the clock is right an ordinary rest is enough."""
    world.host().shift = timedelta(days=365)
    world.troubles = {1: LOST_ON_THE_WAY}
    assert world.run([ONE], die_at="generate answered, unjudged").died
    world.host().shift = timedelta()
    world.pass_time(60)
    assert world.run([ONE]).outcomes == ["unknown"]
    world.pass_time(REST)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert world.billed(ONE) == 1


def test_a_machine_that_sleeps_before_the_first_byte_sends_nothing_late(world: World) -> None:
    """A resend waits for its token while the lid is closed for a day: it is not sent any more."""
    world.troubles = {1: REPLY_LOST, 2: Trouble(asleep=25 * HOUR)}
    assert world.run([ONE]).outcomes == ["unknown"]
    assert (world.sent, len(world.generates)) == (2, 1)
    _settles_without_a_second_key(world)


def test_rows_that_name_a_limit_for_ever_stop_the_run(make_world: MakeWorld) -> None:
    """Nothing is taken in for an hour: the run ends, resumable, and is no hot loop of keys."""
    world = make_world(latency=0.1)
    limited = Mishap(executed=False, code="REQUEST_EXCEEDED_RATE")
    world.faults.switch([Scheduled(limited, every=1)])
    began = world.timeline.now
    run = world.run([ONE], during=_stop_after(6 * HOUR))
    assert "takes nothing in for an hour" in run.stop
    assert run.exit_code is ExitCode.STOPPED
    assert world.generates
    assert world.timeline.now - began <= 7 * HOUR
    world.faults.switch()
    world.pass_time(60)
    assert world.run([ONE]).outcomes == ["invoiced"]


def test_what_is_taken_in_between_two_limits_lets_the_run_go_on(make_world: MakeWorld) -> None:
    """A 429 at the start and one hours later are no hour of nothing: all is billed."""
    world = make_world(latency=0.1)
    world.limits = replace(LIMITS, rate=Rate(1, 60.0))
    world.troubles = {1: gateway(429), 90: gateway(429)}
    began = world.timeline.now
    run = world.run([item(number) for number in range(1, 101)])
    assert world.timeline.now - began > HOUR
    assert (run.exit_code, set(run.outcomes)) == (ExitCode.OK, {"invoiced"})


@pytest.mark.parametrize(
    ("later", "code"),
    [(gateway(429), "HTTP_429"), (gateway(401), "HTTP_401"), (UNSENT, "CONNECT")],
)
def test_what_never_reached_the_key_does_not_hide_that_it_is_executing(
    make_world: MakeWorld, later: Trouble, code: str
) -> None:
    """The server answers 409, then a gateway 429 or 401, or nothing leaves: no key is void."""
    world = make_world(latency=4 * HOUR)
    assert world.run([ONE]).outcomes == ["unknown"]
    world.troubles = dict.fromkeys(range(world.sent + 1, world.sent + 200), later)
    assert world.run([ONE]).codes == [code]
    world.pass_time(2 * HOUR)
    world.troubles = {}
    assert world.reconcile([ONE]).codes == ["STILL_EXECUTING"]
    _settles_without_a_second_key(world, after=DAY)


@pytest.mark.parametrize("latency", [25.0, 200.0, 700.0])
def test_a_lock_that_the_first_send_itself_holds_fails_nothing(
    make_world: MakeWorld, latency: float
) -> None:
    """The tenant does not know the key until its call is done, and keeps the lock under it."""
    modes = replace(UNGUARDED, conflict=Conflict.UNSEEN, read_lag=60.0)
    world = make_world(modes=modes, latency=latency)
    world.limits = replace(LIMITS, timeout=20.0)
    run = world.run([ONE])
    assert (run.outcomes, run.exit_code) == (["unknown"], ExitCode.UNKNOWN)
    assert [key.sends for key in world.keys(ONE)] == [3]
    _settles_without_a_second_key(world)


@pytest.mark.parametrize(
    "later",
    [gateway(502), gateway(503), gateway(504), gateway(200), LOST_ON_THE_WAY],
    ids=["502", "503", "504", "page", "lost"],
)
@pytest.mark.parametrize("by_hand", [False, True])
def test_what_a_gateway_says_does_not_hide_that_the_key_is_executing(
    make_world: MakeWorld, later: Trouble, by_hand: bool
) -> None:
    """409, then answers that burn the key: it is not void, nor settled by somebody's invoice."""
    world = make_world(latency=5 * HOUR)
    assert world.run([ONE]).outcomes == ["unknown"]
    world.troubles = dict.fromkeys(range(world.sent + 1, world.sent + 20), later)
    assert world.run([ONE]).outcomes == ["unknown"]
    hand = world.bill_by_hand(ONE) if by_hand else None
    world.pass_time(2 * HOUR)
    world.troubles = {}
    assert world.reconcile([ONE]).outcomes == ["unknown"]
    assert world.run([ONE]).outcomes == ["unknown"]
    if hand:
        world.set_status(hand, "Canceled")
    _settles_without_a_second_key(world, after=DAY)


def test_a_clock_set_back_does_not_hide_that_the_key_is_executing(make_world: MakeWorld) -> None:
    """R7: no age of ours can be trusted then; the server's clock says that it knows the key yet."""
    world = make_world(latency=4 * HOUR)
    assert world.run([ONE]).outcomes == ["unknown"]
    world.pass_time(2 * HOUR)
    world.host().shift = timedelta(hours=-2.2)
    assert world.run([ONE]).outcomes == ["unknown"]
    world.host().shift = timedelta()
    _settles_without_a_second_key(world, after=DAY)


def test_an_interrupted_intent_does_not_hide_that_the_key_is_executing(
    make_world: MakeWorld,
) -> None:
    """409, then an intent whose turn never came: a cancelled invoice beside it frees no key."""
    world = make_world(latency=5 * HOUR)
    world.run([ONE])
    world.limits = replace(LIMITS, rate=Rate(1, 60.0))
    assert world.run([ONE], during=_stop_after(30)).outcomes == ["unknown"]
    world.limits = LIMITS
    by_hand = world.bill_by_hand(ONE)
    assert world.run([ONE]).outcomes == ["unknown"]
    world.set_status(by_hand, "Canceled")
    world.pass_time(REST)
    assert world.run([ONE]).codes == ["STILL_EXECUTING"]
    _settles_without_a_second_key(world, after=DAY)


def test_a_foreign_invoice_does_not_settle_a_key_that_is_executing(
    make_world: MakeWorld,
) -> None:
    """409, and somebody bills by hand: unknown, since ours may come yet, until it has."""
    world = make_world(latency=5 * HOUR)
    world.run([ONE])
    by_hand = world.bill_by_hand(ONE)
    world.run([ONE])
    world.pass_time(REST)
    run = world.run([ONE])
    assert (run.outcomes, run.codes) == (["unknown"], ["STILL_EXECUTING"])
    world.set_status(by_hand, "Canceled")
    _settles_without_a_second_key(world, after=DAY)


def test_the_date_of_a_kept_answer_ages_no_call_after_it(make_world: MakeWorld) -> None:
    """R7: an intent after it would be stamped with its date, and its rest over before it began.

    Only the server's clock can tell, since ours was ahead at the send and has been set right.
    """
    one, between, last = item(1), item(2), item(3)
    world = make_world(modes=SLOWLY_READABLE, latency=5.0)
    world.limits = replace(LIMITS, concurrency=1, rate=Rate(6, 60.0))
    world.troubles = {1: LOST_ON_THE_WAY}
    assert world.run([one], die_at="generate answered, unjudged").died
    world.pass_time(2 * HOUR)
    world.host().shift = timedelta(minutes=10)
    kept = format_datetime(world.host().now() - timedelta(hours=2, minutes=10), usegmt=True)
    errors = [{"Code": "ACCOUNTING_PERIOD_CLOSED", "Message": "The period is closed."}]
    body = json.dumps([{"Success": False, "Errors": errors}]).encode()
    replayed = Reply(200, {"date": kept}, body, 1)
    world.troubles = {world.sent + 1: Trouble(arrives=False, instead=replayed)}
    assert world.run([one, between, last], die_at=29).died
    assert world.billed(last) == 1  # and nobody has read so
    world.troubles = {}
    world.host().shift = timedelta()
    world.pass_time(60)
    assert world.run([one, between, last]).outcomes == ["failed", "invoiced", "unknown"]
    world.pass_time(2 * HOUR)
    assert world.run([one, between, last]).outcomes == ["failed", "invoiced", "already_invoiced"]
    assert world.billed(last) == 1


@pytest.mark.parametrize("lag", [0.0, 600.0])
def test_a_503_that_names_a_wait_proves_nothing_of_the_call(
    make_world: MakeWorld, lag: float
) -> None:
    """R4: a gateway says so of a call that it has let through; no next key is made on its word."""
    world = make_world(modes=replace(UNGUARDED, read_lag=lag))
    busy = gateway(503, retry_after="30")
    world.troubles = {1: gateway(503, arrives=True, retry_after="30"), 2: busy, 3: busy}
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert len(world.keys(ONE)) == 1


def test_a_503_that_is_kept_leaves_it_to_the_question(make_world: MakeWorld) -> None:
    """R6: four of one date are kept under the key; nothing was executed, so the next key bills."""
    world = make_world()
    kept = gateway(503, retry_after="30", date="Sat, 28 Nov 2026 12:00:00 GMT")
    world.troubles = dict.fromkeys(range(1, 5), kept)
    assert world.run([ONE]).outcomes == ["unknown"]
    world.pass_time(REST)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert len(world.keys(ONE)) == 2


@pytest.mark.parametrize(
    "code", ["API_DISABLED", "NO_PERMISSION", "INVALID_VERSION", "TEMPORARY_ERROR"]
)
@pytest.mark.parametrize("times", [1, 9])
def test_a_row_said_at_the_door_settles_no_doubt(
    make_world: MakeWorld, code: str, times: int
) -> None:
    """R4: the first call has billed; once is passed over, and again and again is left in doubt."""
    world = make_world(modes=replace(UNGUARDED, read_lag=600.0))
    body = json.dumps([{"Success": False, "Errors": [{"Code": code, "Message": "no"}]}]).encode()
    turned_away = Trouble(arrives=False, instead=Reply(200, {}, body, 1))
    world.troubles = {1: REPLY_LOST, **dict.fromkeys(range(2, 2 + times), turned_away)}
    assert world.run([ONE]).outcomes == ["invoiced" if times == 1 else "unknown"]
    world.troubles = {}
    _settles_without_a_second_key(world)
