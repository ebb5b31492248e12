"""F54 to F62: tokens that expire, are refused or are none, through real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from support.badly import (
    edited,
    http,
    instead,
    parts,
    saying,
    silent_unexecuted,
)
from support.behind import SHORT, Behind
from support.engine import item
from support.proxy import GENERATE, TOKEN, Happening, Passage, in_turn, to
from support.world import HOUR, LIMITS, World
from support.world_net import LOST_ON_THE_WAY, NONE, gateway
from zbatch.emulator import Mishap, Scheduled
from zbatch.model import ExitCode, Rate

Start = Callable[..., Behind]
ONE = item(1)
SIGN_IN = http(
    401, b'{"success":false,"reasons":[{"code":90000011,"message":"please sign in first"}]}'
)
STORED = Mishap(executed=False, status=401, stored=True)


@dataclass
class AllAtOnce:
    """Wait until so many generates are there, and refuse them all in the same moment."""

    count: int
    waiting: int = 0
    here: asyncio.Event = field(default_factory=asyncio.Event)

    async def happen(self, passage: Passage) -> None:
        """Refuse a call when the others have come."""
        await passage.read()
        self.waiting += 1
        if self.waiting == self.count:
            self.here.set()
        await self.here.wait()
        await passage.peer.say(SIGN_IN)


def test_f54_a_token_expires_with_forty_calls_in_flight(behind: Start) -> None:
    """One refresh for all of them, no item lost, and each goes on under its own key."""
    bench = behind(to(GENERATE, AllAtOnce(40).happen, *range(1, 41)))
    told = bench.run(bench.spec(*range(1, 61), limits={"concurrency": 40, "timeout": "20s"}))
    assert told.outcomes == {"invoiced": 60}
    assert bench.proxy.counts[TOKEN] == 2
    assert len(set(bench.proxy.keys())) == 60
    assert sorted(line["attempts"] for line in told.lines) == [1] * 20 + [2] * 40


def test_f55_a_token_that_dies_on_the_way(behind: Start) -> None:
    """Good when it was looked at and refused when it arrived: a fresh one, and the same key."""
    bench = behind(in_turn(instead(SIGN_IN)))
    told = bench.run(bench.spec(1, 2, 3))
    assert told.outcomes == {"invoiced": 3}
    assert bench.proxy.counts[TOKEN] == 2
    assert len(set(bench.proxy.keys())) == 3


def test_f56_a_401_stored_under_a_key_is_renewed_once(world: World) -> None:
    """A fresh token is refused too and is good for others: the key's own answer."""
    world.faults.switch([Scheduled(STORED, at=1)])
    world.limits = replace(LIMITS, concurrency=4, rate=Rate(2, 1.0))  # so that few are ahead
    items = [item(number) for number in range(1, 121)]
    assert set(world.run(items).outcomes) == {"invoiced"}
    assert sorted(len(world.keys(one)) for one in items) == [*[1] * 119, 2]


def test_f56_a_stored_401_of_an_item_alone_is_told_by_its_request_id(world: World) -> None:
    """Nobody is beside it, but the very same answer comes to a fresh token: the next key bills."""
    world.faults.switch([Scheduled(STORED, at=1)])
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert len(world.keys(ONE)) == 2
    assert world.billed(ONE) == 1


def test_f56_a_401_that_is_new_each_time_stops_the_run(world: World) -> None:
    """With nobody beside it that looks like a lost permission: exit 4, and no new key."""
    world.chance = lambda what: gateway(401) if what == "generate" else NONE
    run = world.run([ONE])
    assert (run.outcomes, run.exit_code) == (["not_attempted"], ExitCode.STOPPED)
    world.chance = None
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert len(world.keys(ONE)) == 1


def test_f56_a_stored_401_after_doubt_renews_nothing(world: World) -> None:
    """It says nothing about the send that was lost: exit 3, and after the rest the tenant tells."""
    world.faults.switch([Scheduled(STORED, at=1)])
    world.troubles = {1: LOST_ON_THE_WAY}
    assert world.run([ONE]).exit_code is ExitCode.UNKNOWN
    world.pass_time(2 * HOUR)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert world.billed(ONE) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        instead(http(503, b"<html>")),
        instead(http(429, b"", "Retry-After: 1")),
        silent_unexecuted,
    ],
    ids=["503", "429", "silent"],
)
def test_f57_no_token_no_request(behind: Start, trouble: Happening) -> None:
    """The token endpoint has no time: nothing else leaves meanwhile, and then all is billed."""
    bench = behind(to(TOKEN, trouble, 1))
    told = bench.run(bench.spec(1, 2, 3, limits=SHORT))
    assert told.outcomes == {"invoiced": 3}
    assert bench.proxy.counts[TOKEN] == 2
    assert [request.split(b" ")[1] for request in bench.proxy.requests[:2]] == [TOKEN.encode()] * 2


def test_f57_a_token_endpoint_that_stays_away(behind: Start) -> None:
    """A few requests, far below its limit, then exit 6 with nothing sent."""
    bench = behind(to(TOKEN, instead(http(503))))
    spec = bench.spec(*range(1, 20))
    told = bench.run(spec, patience=2.0)
    assert (told.code, told.result.sent, told.outcomes) == (6, 0, {"not_attempted": 19})
    assert bench.proxy.counts[TOKEN] <= 6
    assert set(bench.proxy.counts) == {TOKEN}
    bench.heal(spec)


def test_f58_a_wrong_secret_is_told_without_it(
    behind: Start, monkeypatch: pytest.MonkeyPatch, secrets: set[str]
) -> None:
    """Said back by the server or not, the secret is in no output; exit 6, one request, no call."""
    wrong = "canary-wrong-8b7d"
    monkeypatch.setenv("ZUORA_CLIENT_SECRET", wrong)
    secrets.add(wrong)
    echo = http(401, json.dumps({"message": f"Invalid client secret {wrong}"}).encode())
    bench = behind(to(TOKEN, instead(echo)))
    told = bench.run(bench.spec(1, 2))
    assert (told.code, told.result.sent, told.outcomes) == (6, 0, {"not_attempted": 2})
    assert bench.proxy.counts == {TOKEN: 1}


@pytest.mark.parametrize("status", [400, 401, 403])
def test_f59_a_client_that_is_revoked_in_the_middle(behind: Start, status: int) -> None:
    """The run stops, what is done is done, and with a new client the same command goes on."""
    revoked = instead(http(status, b'{"message":"Invalid client id"}'))

    def plan(passage: Passage) -> Happening | None:
        if bench.proxy.counts[GENERATE] <= 5:
            return None
        return revoked if passage.path == TOKEN else instead(SIGN_IN)

    bench = behind()
    bench.proxy.plan = plan
    spec = bench.spec(*range(1, 31), limits={"concurrency": 2})
    told = bench.run(spec)
    assert told.code == 4
    assert told.outcomes["invoiced"] == len(bench.billing.executions) == 5
    assert bench.proxy.counts[TOKEN] <= 3
    bench.heal(spec)


@pytest.mark.parametrize("life", ["absent", '"3599.0"', "0", "-5", "1e99", '"NaN"', "null", "[]"])
def test_f60_an_odd_life_of_a_token_is_defaulted(behind: Start, life: str) -> None:
    """Absent, text, nothing, negative, endless: one token is enough for a short run."""

    def edit(reply: bytes) -> bytes:
        said = json.loads(parts(reply)[1])
        del said["expires_in"]
        body = json.dumps(said)
        return saying(
            reply, (body if life == "absent" else f'{body[:-1]}, "expires_in": {life}}}').encode()
        )

    bench = behind(to(TOKEN, edited(edit)))
    assert bench.run(bench.spec(1, 2, 3)).outcomes == {"invoiced": 3}
    assert bench.proxy.counts[TOKEN] == 1


@pytest.mark.parametrize(
    "token",
    ["canary-a\r\nX-Evil: b", "canary-\u00e9", "canary-" + "a" * 1_000_000, "canary \u2028", "", 7],
    ids=["line end", "not ASCII", "1 MB", "separator", "empty", "number"],
)
def test_f61_a_token_that_no_header_takes(behind: Start, secrets: set[str], token: object) -> None:
    """It is refused, not sent and not shown: exit 6."""
    body = json.dumps({"access_token": token, "token_type": "bearer", "expires_in": 3599}).encode()
    bench = behind(to(TOKEN, instead(http(200, body))))
    secrets.add("canary-")
    told = bench.run(bench.spec(1))
    assert (told.code, told.result.sent, told.outcomes) == (6, 0, {"not_attempted": 1})
    assert bench.proxy.counts == {TOKEN: 1}


ENTITY = "11e643f4-a3ee-8bad-b061-0025904c57d6"
OTHER = "22f754a5-b4ff-9cbe-c172-1136a15d68e7"


def scoped(scope: str | None) -> Happening:
    """Let a token say what it is for, or not."""

    def edit(reply: bytes) -> bytes:
        said = {**json.loads(parts(reply)[1]), "scope": scope}
        return saying(reply, json.dumps(said).encode())

    return edited(edit)


@pytest.mark.parametrize(
    ("scope", "admitted"),
    [
        (f"entity.{ENTITY} service.invoice.write tenant.12345", True),
        (f"entity.{OTHER} entity.{ENTITY.upper()}", True),
        (f"entity.{ENTITY.replace('-', '')}", True),
        ("tenant.12345", True),
        ("", True),
        (None, True),
        (f"entity.{OTHER} tenant.12345", False),
        (f"entity.{OTHER} entity.{ENTITY[:-1]}0", False),
    ],
)
def test_f62_a_token_says_which_entity_it_is_for(
    behind: Start, scope: str | None, admitted: bool
) -> None:
    """One for another entity ends the run before a question or call leaves; no scope is no refusal.

    That there is no invoice in an entity that is not ours says nothing, so it is not even asked.
    """
    bench = behind(to(TOKEN, scoped(scope)), entities=(ENTITY,))
    tenants = f"tenants: {{real: {{base_url: '{bench.proxy.url}', entity_id: {ENTITY}}}}}"
    bench.project.tenants(tenants)
    told = bench.run(bench.spec(1))
    if admitted:
        assert told.outcomes == {"invoiced": 1}
    else:
        assert (told.code, told.result.sent, told.outcomes) == (6, 0, {"not_attempted": 1})
        assert "entity_id" in (told.result.stop or "")
        assert bench.proxy.counts == {TOKEN: 1}


def test_f62_a_tenant_that_knows_no_such_entity(behind: Start) -> None:
    """A token without a scope, for another entity: the first question is refused, and exit 6."""
    bench = behind(to(TOKEN, scoped(None)), entities=(OTHER,))
    tenants = f"tenants: {{real: {{base_url: '{bench.proxy.url}', entity_id: {ENTITY}}}}}"
    bench.project.tenants(tenants)
    told = bench.run(bench.spec(1))
    assert (told.code, told.result.sent, told.outcomes) == (6, 0, {"not_attempted": 1})
    assert bench.proxy.counts[GENERATE] == 0
