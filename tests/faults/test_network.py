"""F1 to F18: what a network does to a call; the tenant bills again on every second execution."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import trustme

from support.badly import (
    chunked,
    closed,
    cut,
    end_executed,
    in_steps,
    reset_executed,
    reset_unexecuted,
    reset_unread,
    silent_executed,
    silent_unexecuted,
    twice,
)
from support.behind import SHORT, Behind, settle_each
from support.beside import beside
from support.emulator import PROMISED
from support.engine import item
from support.hostile import (
    FixedTokens,
    RawServer,
    always,
    call_of,
    endpoint_at,
    reply_bytes,
    request_of,
)
from support.mishaps import DROP_AFTER
from support.proxy import GENERATE, Happening, by_account, first, to
from support.runs import IMPATIENT, UNGUARDED, Project, away
from support.world import FRIDAY, HOUR, World
from support.world_net import NONE, SILENCE, UNSENT, Trouble
from zbatch.emulator import Conflict, Modes, Scheduled
from zbatch.model import ExitCode
from zbatch.net.sender import Sender
from zbatch.zuora.wire import Fault, FaultKind, Reply

Start = Callable[..., Behind]
ONE = item(1)


def doubted_once(behind: Start, happening: Happening, **limits: str) -> None:
    """Let something happen to the first call; it is settled by the same key within the run."""
    bench = behind(first(happening))
    told = bench.run(bench.spec(1, limits=limits))
    assert (told.code, told.outcomes) == (0, {"invoiced": 1})
    assert told.line(1)["attempts"] >= 2
    assert {one.key for one in bench.billing.exchanges()} == {told.line(1)["idempotency_key"]}
    assert len(bench.billing.executions) == 1


def test_f1_nobody_listens_for_half_a_minute(world: World) -> None:
    """Refused connections leave the key clean and spend none of a single attempt; then all goes."""
    refusals = 0

    def refused(what: str) -> Trouble:
        nonlocal refusals
        unheard = what == "generate" and world.timeline.now < FRIDAY + 30
        refusals += unheard
        return UNSENT if unheard else NONE

    world.max_attempts = 1
    world.chance = refused
    items = [item(number) for number in range(1, 21)]
    run = world.run(items)
    assert (run.exit_code, set(run.outcomes)) == (ExitCode.OK, {"invoiced"})
    assert [len(world.keys(one)) for one in items] == [1] * 20
    assert sum(key.sends for one in items for key in world.keys(one)) == 20
    assert refusals > 5
    assert world.timeline.now < FRIDAY + 100


def test_f1_a_host_that_comes_back_is_billed_by_the_next_run(
    project: Project, tmp_path: Path
) -> None:
    """Nobody listens: exit 6, nothing sent, no doubt; then the very first send is taken in."""
    spec = project.spec(1, 2, tenant="real")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        project.tenants(real=f"http://127.0.0.1:{port}")
        told = project.run(spec, patience=IMPATIENT)
    assert (told.code, told.result.sent, told.outcomes) == (6, 0, {"not_attempted": 2})
    named = {name: os.environ[f"ZUORA_{name.upper()}"] for name in ("client_id", "client_secret")}
    with away(tmp_path / "tenant", port=port, **named) as tenant:
        told = project.run(spec)
        assert (told.code, told.result.sent, told.outcomes) == (0, 2, {"invoiced": 2})
        assert len(tenant.billing.executions) == 2


def test_f2_a_name_without_an_address_stops_the_run(project: Project) -> None:
    """No DNS: every item is not_attempted, in the report too, and exit 6."""
    project.tenants(real="https://zuora.invalid")
    told = project.run(project.spec(1, 2, 3, tenant="real"), patience=IMPATIENT)
    assert (told.code, told.result.sent, told.outcomes) == (6, 0, {"not_attempted": 3})
    assert "host name" in (told.result.stop or "")


@contextmanager
def blackhole() -> Iterator[str]:
    """Listen with a queue that is full: who connects gets no answer at all."""
    with socket.socket() as server, ExitStack() as stack:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_f3_a_connection_that_is_never_answered_is_no_doubt() -> None:
    """Where the handshake itself gets no answer, nothing was sent."""

    async def run(url: str) -> Reply | Fault:
        async with Sender(endpoint_at(url, 0.3), FixedTokens()) as sender:
            return await sender.send(request_of(call_of()))

    with blackhole() as url:
        met = asyncio.run(run(url))
    assert isinstance(met, Fault)
    assert (met.kind, met.sent) == (FaultKind.CONNECT, False)
    assert "in time" in met.detail  # nobody has refused it


def test_f3_a_tenant_in_a_black_hole_stops_the_run(project: Project) -> None:
    """Exit 6, and no item is in doubt."""
    with blackhole() as url:
        project.tenants(real=url)
        spec = project.spec(1, tenant="real", limits={"timeout": "1s"})
        told = project.run(spec, patience=IMPATIENT)
    assert (told.code, told.result.sent, told.outcomes) == (6, 0, {"not_attempted": 1})


@pytest.mark.parametrize("name", ["localhost", "rest.zuora.com"])
def test_f4_a_host_without_proof_gets_neither_call_nor_credentials(
    project: Project, name: str
) -> None:
    """A certificate of an unknown authority stops the run before a byte of HTTP; no way around."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(name).configure_cert(context)
    with beside(lambda: RawServer(always(reply_bytes()), context)) as server:
        project.tenants(real=server.url)
        told = project.run(project.spec(1, 2, tenant="real"))
    assert (told.code, told.result.sent, told.outcomes) == (6, 0, {"not_attempted": 2})
    assert "could not prove who it is" in (told.result.stop or "")
    assert server.requests == []


def test_f5_a_reset_before_the_request_is_read(behind: Start) -> None:
    """The first byte has left: doubt, the same key, one invoice."""
    doubted_once(behind, reset_unread)


def test_f6_a_reset_after_the_request_is_read_and_not_executed(behind: Start) -> None:
    """Doubt, and the same key is executed."""
    doubted_once(behind, reset_unexecuted)


def test_f7_a_reset_after_the_execution(behind: Start) -> None:
    """Doubt, and the same key brings back the first answer."""
    doubted_once(behind, reset_executed)


def test_f8_an_end_in_order_after_the_execution(behind: Start) -> None:
    """A FIN in place of a reply is no other matter than a reset."""
    doubted_once(behind, end_executed)


@pytest.mark.parametrize("end", [reset_unread, end_executed])
def test_f9_an_idle_connection_ends_as_it_is_used_again(behind: Start, end: Happening) -> None:
    """One POST, in doubt, and its own key again: no layer below repeats it unseen."""
    bench = behind(to(GENERATE, end, 2))
    told = bench.run(bench.spec(1, 2, 3, limits={"concurrency": 1}))
    assert told.outcomes == {"invoiced": 3}
    assert sorted(line["attempts"] for line in told.lines) == [1, 1, 2]
    assert bench.proxy.counts[GENERATE] == 4


def test_f9_a_server_that_ends_every_connection(behind: Start) -> None:
    """Whoever wins the race between FIN and next request, each item is billed once."""
    bench = behind(to(GENERATE, cut(bytes)))
    told = bench.run(bench.spec(*range(1, 13), limits={"concurrency": 4}))
    assert told.outcomes == {"invoiced": 12}


@pytest.mark.parametrize("conflict", PROMISED)
def test_f10_an_execution_longer_than_the_timeout(behind: Start, conflict: Conflict) -> None:
    """Silent past the deadline: the same key meets 409, then the rows."""
    modes = Modes(second_generate=UNGUARDED.second_generate, conflict=conflict)
    bench = behind(latency=2.1, modes=modes)
    told = bench.run(bench.spec(1, limits=SHORT))
    assert told.outcomes == {"invoiced": 1}
    said = [one.status for one in bench.billing.exchanges()]
    assert 409 in said
    assert len({one.key for one in bench.billing.exchanges()}) == 1


def test_f10_silence_after_the_execution(behind: Start) -> None:
    """The tenant has billed and its answer never comes: the same key brings it."""
    doubted_once(behind, silent_executed, **SHORT)


def test_f11_a_reply_of_one_byte_at_a_time(behind: Start) -> None:
    """No single read is late, and the deadline of the whole exchange ends it all the same."""
    doubted_once(behind, in_steps(1, 0.03), **SHORT)


def test_f12_f13_f14_a_reply_cut_short_in_each_framing(behind: Start) -> None:
    """Doubt, however whole it looks; also where nothing says that the last byte was the last."""
    happenings = {
        "f12": cut(lambda reply: reply[:-1]),
        "f13": cut(lambda reply: chunked(reply).removesuffix(b"0\r\n\r\n")),
        "f14": cut(lambda reply: closed(reply)[:-1]),
        "f14, whole": cut(closed),
    }
    settle_each(behind, happenings)


def test_f14_a_close_delimited_reply_is_left_to_the_question(behind: Start) -> None:
    """Where no attempt is left the item is unknown, never failed."""
    bench = behind(first(cut(closed)))
    spec = bench.spec(1, retry={"max_attempts": 1})
    assert bench.run(spec).outcomes == {"unknown": 1}
    bench.heal(spec)


def test_f15_every_third_call_is_lost(behind: Start) -> None:
    """All is billed within the attempts that an item has."""
    bench = behind(faults=(Scheduled(DROP_AFTER, every=3),))
    told = bench.run(bench.spec(*range(1, 13)))
    assert told.outcomes == {"invoiced": 12}
    assert max(line["attempts"] for line in told.lines) <= 6


@pytest.mark.parametrize("k", [2, 3, 7])
def test_f15_every_kth_request_fails_calls_and_questions_alike(world: World, k: int) -> None:
    """Lost before or after the tenant, in turn: a few runs at most, one key an item."""
    count = 0

    def every_kth(what: str) -> Trouble:
        nonlocal count
        count += 1
        return NONE if count % k else (SILENCE if count % (2 * k) else UNSENT)

    world.chance = every_kth
    items = [item(number) for number in range(1, 31)]
    for _ in range(3):
        run = world.run(items)
        if run.exit_code is ExitCode.OK:
            break
        world.pass_time(2 * HOUR)
    assert set(run.outcomes) == {"invoiced"}
    assert [len(world.keys(one)) for one in items] == [1] * 30


def test_f16_ten_minutes_without_a_network(world: World) -> None:
    """All calls in flight fall silent and nobody can be reached: doubt is kept, then settled."""

    def parted(what: str) -> Trouble:
        since = world.timeline.now - FRIDAY
        if not 0.5 < since < 600:
            return NONE
        return SILENCE if since < 2 else UNSENT

    world.chance = parted
    items = [item(number) for number in range(1, 41)]
    run = world.run(items)
    assert run.exit_code is ExitCode.UNKNOWN
    assert {"invoiced", "unknown", "not_attempted"} == set(run.outcomes)
    world.pass_time(600)
    world.run(items)  # what was executed in silence is found, and rests
    world.pass_time(2 * HOUR)
    assert set(world.run(items).outcomes) == {"invoiced"}
    assert [len(world.keys(one)) for one in items] == [1] * 40
    assert [world.billed(one) for one in items] == [1] * 40


def test_f16_every_call_under_way_falls_silent(behind: Start) -> None:
    """On real connections, half of them executed: each is in doubt, and none is billed again."""
    silent: dict[int, Happening] = {
        n: silent_executed if n % 2 else silent_unexecuted for n in range(1, 6)
    }
    bench = behind(by_account(silent))
    spec = bench.spec(*silent, limits={"concurrency": 5, **SHORT}, retry={"max_attempts": 1})
    told = bench.run(spec)
    assert (told.code, told.result.sent, told.outcomes) == (3, 5, {"unknown": 5})
    assert len(bench.billing.executions) == 3
    bench.heal(spec)


def test_f17_a_peer_that_is_gone_without_a_word(behind: Start) -> None:
    """Its connection is given up at the deadline, and the only slot goes on to the next item."""
    bench = behind(by_account({1: silent_unexecuted}))
    told = bench.run(bench.spec(1, 2, 3, limits={"concurrency": 1, **SHORT}))
    assert told.outcomes == {"invoiced": 3}
    assert [told.line(number)["attempts"] for number in (1, 2, 3)] == [2, 1, 1]


@pytest.mark.parametrize("conflict", PROMISED)
@pytest.mark.parametrize("latency", [0.0, 0.1])
def test_f18_a_proxy_that_delivers_twice(behind: Start, conflict: Conflict, latency: float) -> None:
    """The tenant sees the call twice and bills it once, also where we are told 409."""
    modes = Modes(second_generate=UNGUARDED.second_generate, conflict=conflict)
    bench = behind(first(twice), modes=modes, latency=latency)
    told = bench.run(bench.spec(1))
    assert told.outcomes == {"invoiced": 1}
    assert len(bench.billing.exchanges()) >= 2
