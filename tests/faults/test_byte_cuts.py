"""F12, F13, F14, F19: a reply cut at every byte of head and body, in every framing.

`CUT_MODES=all` cuts whole runs at every byte as well, in each framing and each mode of the tenant.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle, product
from typing import Any

import pytest

from support.badly import chunked, closed, cut, http, in_steps, late
from support.behind import Behind, converge
from support.hostile import (
    ROWS,
    FixedTokens,
    Peer,
    RawServer,
    call_of,
    endpoint_at,
    request_of,
)
from support.proxy import GENERATE, Happening, Passage, by_account, to
from support.runs import UNGUARDED
from zbatch.emulator import Modes, Scheduled, SecondGenerate
from zbatch.emulator.catalogue import fault
from zbatch.engine.ending import StopReason
from zbatch.engine.kinds import Kind, kind_of
from zbatch.net.sender import Sender
from zbatch.zuora.reply import read_reply
from zbatch.zuora.wire import Fault, Reply

Start = Callable[..., Behind]
Edit = Callable[[bytes], bytes]
ALL = os.environ.get("CUT_MODES") == "all"
FRAMINGS: dict[str, Edit] = {"length": bytes, "chunked": chunked, "closed": closed}
REPLY = http(
    200,
    ROWS,
    "Content-Type: application/json;charset=utf-8",
    "Zuora-Request-Id: 79cb961c7d63a2804ef41b2201cd6ca6",
    f"Zuora-Track-Id: {request_of(call_of()).track_id}",
    "Date: Mon, 30 Nov 2026 12:02:00 GMT",
    "Server: cut",
)
LONGEST = 720  # bytes of a reply of the emulator, in any framing; more than the longest has
OFFSETS = dict(enumerate(range(0, LONGEST, 1 if ALL else 40), 1))  # by the number of the account


def verdicts(whole: bytes) -> list[Kind]:
    """Send a call for each offset, and name what comes of a reply that ends there."""

    async def run() -> list[Reply | Fault]:
        offsets = iter(range(len(whole) + 1))

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.say(whole[: next(offsets)])

        async with (
            RawServer(script) as server,
            Sender(endpoint_at(server.url), FixedTokens()) as sender,
        ):
            answers = []
            for _ in range(len(whole) + 1):
                answers.append(await sender.send(request_of(call_of())))
                await asyncio.sleep(0)  # let the pool see that the server has hung up
            return answers

    answers = asyncio.run(run())
    assert all(answer.sent for answer in answers if isinstance(answer, Fault))
    return [kind_of(a if isinstance(a, Fault) else read_reply(a, 1)) for a in answers]


def test_f12_cut_within_its_length() -> None:
    """At each byte before the last the same verdict, doubt; the whole reply is rows."""
    whole = REPLY
    assert verdicts(whole) == [Kind.LOST] * len(whole) + [Kind.ROWS]


def test_f13_cut_within_its_chunks() -> None:
    """At each byte before the last of the last chunk the same verdict; the whole reply is rows."""
    whole = chunked(REPLY)
    assert verdicts(whole) == [Kind.LOST] * len(whole) + [Kind.ROWS]


def test_f14_cut_where_nothing_says_how_long_it_is() -> None:
    """At each byte the same verdict, and after the last one too: who could tell?"""
    whole = closed(REPLY)
    assert verdicts(whole) == [Kind.LOST] * (len(whole) + 1)


# Whole runs


@dataclass(frozen=True, slots=True)
class Mode:
    """Whether the tenant executes the call whose reply is cut, and keeps its answer.

    What `fails_twice`, for most items, is an outage, over which the run may end; whose lock it was
    is left in doubt.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    reaches_it: bool = True
    fails_twice: bool = False


FORGETFUL = Modes(second_generate=SecondGenerate.NOTHING_TO_BILL, evict_after=1)
LOCKED = tuple(Scheduled(fault("locked"), at=number) for number in OFFSETS)
MODES = {
    "executed, kept": Mode({"modes": UNGUARDED}),
    # nothing but what is there tells the second send that the first has billed
    "executed, forgotten": Mode({"modes": FORGETFUL}),
    "not executed, kept": Mode({"faults": LOCKED}, fails_twice=True),
    "not executed, not kept": Mode(reaches_it=False),
}
CHOSEN = list(product(MODES, FRAMINGS)) if ALL else list(zip(MODES, cycle(FRAMINGS), strict=False))


@pytest.mark.parametrize(("mode", "framing"), CHOSEN)
def test_f19_runs_whose_replies_are_cut(behind: Start, mode: str, framing: str) -> None:
    """Each item's first reply ends at another byte: all are billed, each once."""
    frame, reaches_it = FRAMINGS[framing], MODES[mode].reaches_it

    def ending_at(offset: int) -> Happening:
        async def happen(passage: Passage) -> None:
            reply = await passage.forward() if reaches_it else await _pretended(passage)
            framed = frame(reply)
            assert len(framed) <= LONGEST
            await passage.peer.say(framed[:offset])
            passage.peer.writer.close()

        return happen

    cuts = {number: ending_at(offset) for number, offset in OFFSETS.items()}
    bench = behind(by_account(cuts), **MODES[mode].settings)
    limits = {"concurrency": 40, "timeout": "20s"}
    spec = bench.spec(*OFFSETS, limits=limits, retry={"max_attempts": 12})
    told = bench.run(spec)
    if MODES[mode].fails_twice:
        assert told.code == 3 or told.result.stop_reason is StopReason.OUTAGE
        told = converge(bench.project, spec, bench.billing)
    assert told.outcomes == {"invoiced": len(OFFSETS)}


async def _pretended(passage: Passage) -> bytes:
    """Begin to tell of an invoice that nobody has made, and never come to the last byte."""
    await passage.read()
    return REPLY[:-1]


def test_f19_a_network_that_is_slow_and_uneven(behind: Start) -> None:
    """Latency, little bandwidth, slices, a slow end: every reply counts, at its first send."""
    happenings = {
        1: late(0.2, 0.3),
        2: in_steps(40, 0.01),
        3: in_steps(1, 0.0),
        4: in_steps(7, 0.002, chunked),
        5: in_steps(1000, 0.3),
    }
    bench = behind(by_account(happenings))
    told = bench.run(bench.spec(*happenings, limits={"timeout": "20s"}))
    assert told.outcomes == {"invoiced": 5}
    assert {line["attempts"] for line in told.lines} == {1}


def test_f19_a_limit_on_every_reply(behind: Start) -> None:
    """All replies end after 100 bytes: two sends under one key, unknown, and then healed."""
    bench = behind(to(GENERATE, cut(lambda reply: reply[:100])))
    spec = bench.spec(1, retry={"max_attempts": 2})
    told = bench.run(spec)
    assert (told.code, told.outcomes) == (3, {"unknown": 1})
    assert len(set(bench.proxy.keys())) == 1
    bench.heal(spec)
