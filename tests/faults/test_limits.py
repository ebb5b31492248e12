"""F63 to F71: limits of the tenant, held on virtual time against what arrives there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.engine import item
from support.world import DAY, FRIDAY, HOUR, UNGUARDED, World
from support.world_net import AT_ONCE, LOST_ON_THE_WAY, NONE, REPLY_LOST, Trouble, gateway
from zbatch.emulator import EmulatorConfig, Mishap, Scheduled, ServerLimits
from zbatch.emulator.catalogue import fault
from zbatch.model import ExitCode, Limits, Rate

MakeWorld = Callable[..., World]
ONE = item(1)
FAST = Limits(40, Rate(20, 1.0), 1, 150.0)


def arrivals(world: World) -> list[float]:
    """Tell when requests arrived, in seconds since the start."""
    times = (one.arrived_at - FRIDAY for one in world.exchanges if "action" in one.path)
    return sorted(times)


@pytest.mark.parametrize("status", [429, 503])
def test_f63_one_gate_for_all(make_world: MakeWorld, status: int) -> None:
    """With 40 in flight one is told to wait 120 s: nothing arrives in the window, then all goes on.

    So it is with 503 and a wait, and for questions as for calls.
    """
    world = make_world(latency=5.0)
    world.limits = FAST
    told = fault("throttled", status=status, retry_after="120")
    world.faults.switch([Scheduled(told, at=40)])
    items = [item(number) for number in range(1, 121)]
    run = world.run(items)
    assert (run.exit_code, set(run.outcomes)) == (ExitCode.OK, {"invoiced"})
    (told_at,) = (one.finished_at - FRIDAY for one in world.exchanges if one.status == status)
    inside = [at for at in arrivals(world) if told_at + 0.05 < at < told_at + 120 - 0.05]
    assert inside == []
    assert [len(world.keys(one)) for one in items] == [1] * 120


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        ("120", 120, 121),
        ("0", 1, 2),  # no wait is asked for: that of the backoff, here without chance its longest
        ("-1", 1, 2),
        ("1e9", 1, 2),
        ("NaN", 1, 2),
        ("", 1, 2),
        ("soon", 1, 2),
        ("1.5", 1.5, 2.5),
        ("120, 60", 120, 121),  # two headers
        ("Sat, 28 Nov 2026 12:02:00 GMT", 119, 121),
        ("Sat, 28 Nov 2026 11:00:00 GMT", 1, 2),
        ("Sat, 31 Nov 2026 12:02:00 GMT", 1, 2),
        ("3600", 3600, 3601),
    ],
)
def test_f64_a_wait_however_it_is_written(
    world: World, value: str, least: float, most: float
) -> None:
    """Read, or passed over; never a crash, and no burst."""
    world.troubles = {1: gateway(429, retry_after=value)}
    assert world.run([ONE]).outcomes == ["invoiced"]
    asked, *_, sent, _ = arrivals(world)  # the last one reads back what came of it
    assert least <= sent - asked <= most + 0.5


@pytest.mark.parametrize(
    "value", ["3601", "99999999999", "9" * 5000, "Fri, 30 Nov 9999 12:00:00 GMT"]
)
def test_f64_a_wait_beyond_an_hour_is_not_slept(world: World, value: str) -> None:
    """The run ends at once, resumable, and the key stays clean."""
    world.troubles = {1: gateway(429, retry_after=value)}
    run = world.run([ONE, item(2)])
    assert run.exit_code is ExitCode.STOPPED
    assert run.stop.startswith("the server asks to wait")
    assert world.timeline.now - FRIDAY < 10
    assert set(world.run([ONE, item(2)]).outcomes) == {"invoiced"}
    assert len(world.keys(ONE)) == 1


RESETS = (
    gateway(429, ratelimit_reset="90"),
    gateway(429, rate_limit_reset="90"),
    gateway(429, x_ratelimit_reset="90"),
)


@pytest.mark.parametrize("told", RESETS)
def test_f65_a_wait_told_by_the_reset_alone(world: World, told: Trouble) -> None:
    """Without Retry-After the end of the rate window is the wait, and a second for its rounding."""
    world.troubles = {1: told}
    assert world.run([ONE]).outcomes == ["invoiced"]
    asked, *_, sent = arrivals(world)
    assert 91 <= sent - asked <= 92.5


@pytest.mark.parametrize("window", [Rate(5000, 3600.0), Rate(10_000, 86_400.0)])
def test_f65_a_window_that_has_calls_left_is_not_waited_for(
    make_world: MakeWorld, window: Rate
) -> None:
    """One too many at once is told to wait 120 s, beside the hours until that window ends."""
    limits = ServerLimits(rates=(window,), concurrency=7)
    config = EmulatorConfig(Path("unused"), modes=UNGUARDED, limits=limits)
    world = make_world(config=config, latency=5.0)
    world.remote.untold = AT_ONCE
    world.limits = Limits(10, Rate(600, 60.0), 1, 150.0)
    run = world.run([item(number) for number in range(1, 41)])
    assert (run.exit_code, set(run.outcomes)) == (ExitCode.OK, {"invoiced"})
    assert any(one.status == 429 for one in world.exchanges)
    assert 120 < world.timeline.now - FRIDAY < 120 + 60


def test_f66_the_first_second_after_the_window(make_world: MakeWorld) -> None:
    """Those who waited leave at the run's rate: one second holds no more of them than any other."""
    world = make_world(latency=0.5)
    world.limits = FAST
    told = fault("throttled", retry_after="60")
    world.faults.switch([Scheduled(told, at=number) for number in range(20, 60)])
    run = world.run([item(number) for number in range(1, 201)])
    assert set(run.outcomes) == {"invoiced"}
    times = arrivals(world)
    for start in times:
        assert sum(start <= at < start + 1 for at in times) <= 20 + 1


def test_f67_an_hour_of_429(world: World) -> None:
    """The run ends resumable after an hour in which nothing was taken in; calls are few; 4."""
    world.chance = lambda what: gateway(429, retry_after="60") if what == "generate" else NONE
    items = [item(number) for number in range(1, 31)]
    run = world.run(items)
    assert run.exit_code is ExitCode.STOPPED
    assert "takes nothing in for an hour" in run.stop
    assert set(run.outcomes) == {"not_attempted"}
    assert HOUR < world.timeline.now - FRIDAY < 1.2 * HOUR
    assert world.sent <= 70 * 10  # each window lets through what had its slot, at most
    world.chance = None
    assert set(world.run(items).outcomes) == {"invoiced"}


def test_f67_an_hour_of_429_under_a_doubtful_key(world: World) -> None:
    """Its age goes on: once it is too old it is asked about, and not sent again."""
    world.troubles = {1: REPLY_LOST}
    world.chance = lambda what: gateway(429, retry_after="3000") if what == "generate" else NONE
    assert world.run([ONE]).exit_code is ExitCode.UNKNOWN
    world.chance = None
    world.pass_time(DAY)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert (len(world.keys(ONE)), world.billed(ONE)) == (1, 1)


@pytest.mark.parametrize("told", [True, False])
def test_f68_a_tenant_that_takes_fewer_than_we_send(make_world: MakeWorld, told: bool) -> None:
    """What replies tell is kept to; untold, a burst is refused once, and then fewer are sent."""
    limits = ServerLimits(concurrency=20)
    config = EmulatorConfig(Path("unused"), modes=UNGUARDED, limits=limits)
    world = make_world(config=config, latency=5.0)
    world.remote.untold = frozenset() if told else AT_ONCE
    world.limits = FAST
    items = [item(number) for number in range(1, 101)]
    run = world.run(items)
    assert set(run.outcomes) == {"invoiced"}
    assert [world.billed(one) for one in items] == [1] * 100
    spans = [(one.arrived_at, one.finished_at) for one in world.exchanges]
    assert max(sum(a <= at < b for a, b in spans) for at, _ in spans) <= (20 if told else 40)
    refused = [one for one in world.exchanges if one.status == 429]
    assert len(refused) <= (0 if told else 5)


@pytest.mark.parametrize("trouble", [gateway(503), gateway(500), REPLY_LOST, LOST_ON_THE_WAY])
def test_f69_an_outage_of_everything_that_bills(world: World, trouble: Trouble) -> None:
    """It is told from bad data, probed each 5 s, and ends the run, nothing failed; then healed.

    Of 50 items 20 must fail for that; what is in flight then may, and ten retries.
    """
    world.chance = lambda what: trouble if what == "generate" else NONE
    items = [item(number) for number in range(1, 51)]
    run = world.run(items)
    assert (run.exit_code, set(run.outcomes)) == (ExitCode.UNKNOWN, {"unknown"})
    assert run.stop == "the tenant is out of order: most calls of any account fail"
    assert world.sent - len({key for one in items for key in world.keys(one)}) <= 10
    world.chance = None
    for _ in range(2):
        world.pass_time(2 * HOUR)
        run = world.run(items)
    assert set(run.outcomes) == {"invoiced"}
    assert [world.billed(one) for one in items] == [1] * 50


def test_f70_a_limit_told_by_a_row_gates_the_run(make_world: MakeWorld) -> None:
    """REQUEST_EXCEEDED_RATE within a 200 holds everybody back, and renews its own item alone."""
    world = make_world(latency=0.1)
    world.limits = FAST
    limited = Mishap(executed=False, code="REQUEST_EXCEEDED_RATE")
    world.faults.switch([Scheduled(limited, at=10)])
    items = [item(number) for number in range(1, 61)]
    assert set(world.run(items).outcomes) == {"invoiced"}
    (told_at,) = (one.finished_at - FRIDAY for one in world.exchanges if "EXCEEDED" in one.note)
    assert [at for at in arrivals(world) if told_at + 0.11 < at < told_at + 1 - 0.05] == []
    assert sorted(len(world.keys(one)) for one in items) == [*[1] * 59, 2]


@pytest.mark.parametrize("doubtful", [False, True])
def test_f71_a_wait_of_more_than_a_day(world: World, doubtful: bool) -> None:
    """It outlasts every key: the run ends at once, and a day later no doubtful key is sent."""
    world.troubles = {1: REPLY_LOST} if doubtful else {}
    world.troubles[2 if doubtful else 1] = gateway(429, retry_after=str(25 * 3600))
    run = world.run([ONE])
    assert run.exit_code is (ExitCode.UNKNOWN if doubtful else ExitCode.STOPPED)
    assert world.timeline.now - FRIDAY < 60
    world.pass_time(25 * HOUR)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert len(world.generates) == 1
    assert world.billed(ONE) == 1
