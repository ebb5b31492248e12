"""F22 to F34: replies that HTTP allows, or forbids, through real sockets to a tenant that bills."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Callable

import pytest

from support.badly import (
    edited,
    endlessly,
    headed,
    http,
    in_steps,
    instead,
    parts,
    saying,
)
from support.behind import Behind, bodies, settle_each
from support.beside import beside
from support.engine import item
from support.hostile import RawServer, always, reply_bytes
from support.proxy import GENERATE, Happening, Passage, by_account, to
from support.world import HOUR, World
from zbatch.emulator import Mishap, Scheduled

Start = Callable[..., Behind]
ONE = item(1)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GZIPPED = "Content-Encoding: gzip"
ONE_IN_DOUBT = {"unknown": 1, "not_attempted": 1}


@pytest.mark.parametrize("status", [301, 302, 303])
def test_f22_a_redirect_of_a_call_stops_the_run(behind: Start, status: int) -> None:
    """No GET follows, nothing is taken for an answer, and once it is gone all is billed."""
    bench = behind(to(GENERATE, instead(http(status, b"", "Location: /login"))))
    spec = bench.spec(1, 2, limits={"concurrency": 1})
    told = bench.run(spec)
    assert (told.code, told.result.sent, told.outcomes) == (3, 1, ONE_IN_DOUBT)
    assert set(bench.proxy.counts) == {"/oauth/token", "/v1/action/query", GENERATE}
    bench.heal(spec)


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("path", ["", "/v1/action/generate"])
def test_f23_a_redirect_that_keeps_the_post_is_not_followed(
    behind: Start, status: int, path: str
) -> None:
    """Neither on the same host nor to a foreign one, which sees no connection and no header."""
    with beside(lambda: RawServer(always(reply_bytes()))) as foreign:
        place = f"{foreign.url}{path}" if path else "/v1/action/generate2"
        bench = behind(to(GENERATE, instead(http(status, b"", f"Location: {place}"))))
        spec = bench.spec(1, 2, limits={"concurrency": 1})
        told = bench.run(spec)
        assert (told.code, told.result.sent, told.outcomes) == (3, 1, ONE_IN_DOUBT)
        assert foreign.connections == 0
    assert bench.proxy.counts[GENERATE] == 1
    bench.heal(spec)


NO_ANSWERS = (b"<html><title>Sign in</title></html>", b"", b"null", b"{}", b"true", b'"ok"', b"[]")


def test_f24_a_200_without_an_answer_is_doubt(behind: Start) -> None:
    """A login page, nothing, null: the same key once more, and its rows settle the item."""
    happenings = bodies(*NO_ANSWERS)
    happenings["204"] = instead(b"HTTP/1.1 204 No Content\r\n\r\n", executed=True)
    settle_each(behind, happenings)


def test_f24_an_unanswering_200_again_is_left_to_the_question(behind: Start) -> None:
    """Twice no answer burns the key: unknown, and two hours later the tenant's data decide."""
    page = http(200, NO_ANSWERS[0])
    plan = {1: instead(page, executed=True), 2: instead(page), 3: instead(http(200, b"{}"))}
    bench = behind(by_account(plan, times=9))
    spec = bench.spec(1, 2, 3, 4)
    told = bench.run(spec)
    assert (told.code, told.outcomes) == (3, {"unknown": 3, "invoiced": 1})
    bench.proxy.plan = lambda passage: None
    bench.project.let_pass(told.result, bench.billing, 2)
    healed = bench.heal(spec)
    assert healed.line(1)["invoice_id"] == bench.billing.of(1)[0]


NOT_ONE_JSON = (
    b'[{"Success":true',
    b'[{"Success":true,"Id":NaN}]',
    b'[{"Success":true,"Success":false,"Id":"e"}]',
    b"[" * 100_000,
    b'[{"Success":true,"Id":"e","N":' + b"9" * 5000 + b"}]",
    b'[{"Success":true,"Id":"e","N":"\\ud800"}]',
    b'\xef\xbb\xbf[{"Success":true,"Id":"e"}]',
    '[{"Success":true,"Id":"e","N":"é"}]'.encode("latin-1"),
    b'[{"Success":true,"Id":"e"}]'.decode().encode("utf-16"),
    b'[{"Success":true,"Id":"e"}]\x00',
    b'[{"Success":true,"Id":"e"}][]',
)


def test_f25_json_with_no_or_with_two_meanings_is_doubt(behind: Start) -> None:
    """Broken, too deep, too long, in another encoding: no traceback, and the same key again."""
    settle_each(behind, bodies(*NOT_ONE_JSON))


def test_f26_rows_count_under_any_content_type(behind: Start) -> None:
    """What the header says of the body is not what the body says."""

    def typed(kind: str) -> Happening:
        return edited(lambda r: headed(r, f"Content-Type: {kind}", without="Content-Type"))

    kinds = ("text/html", "text/plain; charset=utf-16", "image/png", "nonsense", "")
    happenings = {kind: typed(kind) for kind in kinds}
    happenings["none"] = edited(lambda reply: headed(reply, without="Content-Type"))
    settle_each(behind, happenings, attempts=1)


def test_f27_what_the_parser_refuses_is_doubt(behind: Start) -> None:
    """Too long a header, a status line that is none: no 400, whatever the library calls it."""
    happenings = {
        "100 KB header": edited(lambda reply: headed(reply, "X-Long: " + "x" * 100_000)),
        "9,000 headers": edited(lambda reply: headed(reply, *["X-Many: y"] * 9000)),
        "status line": edited(lambda reply: b"HTTP/1.1 OK 200\r\n" + reply.partition(b"\n")[2]),
        "no HTTP": edited(lambda reply: b"220 smtp.example.com ESMTP\r\n\r\n"),
        "TLS": edited(lambda reply: b"\x15\x03\x01\x00\x02\x02\x46"),
        "two lengths": edited(lambda reply: headed(reply, "Content-Length: 3")),
        "NUL in a header": edited(lambda reply: headed(reply, "X-Nul: a\x00b")),
    }
    settle_each(behind, happenings)


def test_f27_interim_replies_are_no_answers(behind: Start) -> None:
    """Three 1xx, and then the reply: normal."""
    interim = b"HTTP/1.1 102 Processing\r\n\r\n"
    settle_each(behind, {"three": edited(lambda reply: interim * 3 + reply)}, attempts=1)


def test_f27_interim_replies_without_end_meet_the_deadline(behind: Start) -> None:
    """Announcing a reply for ever is no reply: doubt."""
    endless = endlessly(b"", b"HTTP/1.1 102 Processing\r\n\r\n", 0.02)
    settle_each(behind, {"endless": endless}, timeout="1s")


def test_f28_a_reply_that_inflates_is_doubt(behind: Start) -> None:
    """The very rows, and 30 MB of blanks in a small reply: past the cap of 4 MB, so no answer."""

    def inflating(reply: bytes) -> bytes:
        rows = parts(reply)[1] + b" " * 30_000_000
        return saying(reply, gzip.compress(rows, compresslevel=1), GZIPPED)

    settle_each(behind, {"bomb": edited(inflating)})


def test_f29_a_body_without_end_is_doubt(behind: Start) -> None:
    """It ends at the cap, whatever it says of its length."""
    block = b"40000\r\n" + b" " * 0x40000 + b"\r\n"
    happenings = {
        "chunks": endlessly(CHUNKED, block),
        "no chunks": endlessly(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", b" " * 9999),
        # it has an end, and all that is before the blanks is true
        "rows": edited(lambda reply: saying(reply, parts(reply)[1] + b" " * 5_000_000)),
    }
    settle_each(behind, happenings)


def test_f29_a_slow_body_without_end_meets_the_deadline(behind: Start) -> None:
    """A byte now and then, for ever: it ends with the exchange."""
    slow = endlessly(CHUNKED, b"1\r\n \r\n", 0.02)
    settle_each(behind, {"slow": slow}, timeout="1s")


def test_f30_gzip_that_is_none_is_doubt(behind: Start) -> None:
    """Wrong checksum, cut short, followed by more, another coding: nothing of it is believed."""

    def packed(change: Callable[[bytes], bytes], coding: str = "gzip") -> Happening:
        def edit(reply: bytes) -> bytes:
            body = change(gzip.compress(parts(reply)[1]))
            return saying(reply, body, f"Content-Encoding: {coding}")

        return edited(edit)

    happenings = {
        "checksum": packed(lambda body: body[:-8] + b"abcd" + body[-4:]),
        "short": packed(lambda body: body[:-1]),
        "long": packed(lambda body: body + b"x"),
        "two members": packed(lambda body: body + body),
        "a flipped bit": packed(lambda body: body[:20] + bytes([body[20] ^ 1]) + body[21:]),
        "plain": edited(lambda reply: headed(reply, GZIPPED)),
        "brotli": packed(bytes, "br"),
    }
    settle_each(behind, happenings)


FOREIGN = http(200, json.dumps([{"Success": True, "Id": "e" * 32}]).encode())


async def followed_later(passage: Passage) -> None:
    """Pass on the tenant's reply, and while the connection is idle one that nobody asked for."""
    await passage.relay()
    await asyncio.sleep(0.02)
    await passage.peer.say(FOREIGN)


@pytest.mark.parametrize(
    "extra", [edited(lambda reply: reply + FOREIGN), followed_later], ids=["at once", "later"]
)
def test_f31_a_reply_that_nobody_asked_for_answers_nobody(behind: Start, extra: Happening) -> None:
    """Behind each reply comes another one, of somebody else: nobody takes it for its own."""
    bench = behind(to(GENERATE, extra))
    told = bench.run(bench.spec(*range(1, 7), limits={"concurrency": 1, "rate": "6/s"}))
    assert told.outcomes == {"invoiced": 6}
    for number in range(1, 7):
        assert bench.billing.of(number) == [told.line(number)["invoice_id"]]


def test_f32_a_reply_with_the_track_id_of_another_item_is_refused(behind: Start) -> None:
    """Rows of somebody else are not taken, and the connection is not used again."""
    kept: list[bytes] = []

    async def crossed(passage: Passage) -> None:
        kept.append(await passage.forward())
        await passage.peer.say(kept[0] if len(kept) == 2 else kept[-1])

    bench = behind(to(GENERATE, crossed))
    told = bench.run(bench.spec(1, 2, 3, limits={"concurrency": 1}))
    assert told.outcomes == {"invoiced": 3}
    assert sorted(line["attempts"] for line in told.lines) == [1, 1, 2]
    for number in (1, 2, 3):
        assert bench.billing.of(number) == [told.line(number)["invoice_id"]]


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "not stored"])
@pytest.mark.parametrize("executed", [True, False], ids=["executed", "not executed"])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_f33_each_5xx_executed_or_not_stored_or_not(
    world: World, status: int, executed: bool, stored: bool
) -> None:
    """A 5xx settles nothing: what is not stored is got over by the same key within the run.

    What is stored is replayed, burnt at once and left to the question: an invoice is claimed,
    none lets the next key go.
    """
    mishap = Mishap(executed=executed, status=status, stored=stored)
    world.faults.switch([Scheduled(mishap, at=1)])
    run = world.run([ONE])
    assert run.outcomes == ["unknown" if stored else "invoiced"]
    assert len(world.generates) == 2
    world.pass_time(2 * HOUR)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert len(world.keys(ONE)) == (2 if stored and not executed else 1)
    assert world.billed(ONE) == 1


@pytest.mark.parametrize("executed", [True, False], ids=["executed", "not executed"])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_f33_a_5xx_without_end(world: World, status: int, executed: bool) -> None:
    """Four sends in all, then the question; whatever comes of it is billed once."""
    mishap = Mishap(executed=executed, status=status)
    world.faults.switch([Scheduled(mishap, every=1)])
    assert world.run([ONE]).outcomes == ["unknown"]
    assert len(world.generates) == 4
    assert len(world.keys(ONE)) == 1
    world.faults.switch()
    world.pass_time(2 * HOUR)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert world.billed(ONE) == 1


def test_f34_old_and_odd_servers_are_served(behind: Start) -> None:
    """HTTP/1.0, a connection for each reply, a storm of cookies: each reply counts at once."""
    cookies = [f"Set-Cookie: c{number}=v{number}; Path=/" for number in range(100)]
    happenings = {
        "HTTP/1.0": edited(lambda reply: reply.replace(b"HTTP/1.1", b"HTTP/1.0", 1)),
        "close": edited(lambda reply: headed(reply, "Connection: close")),
        "cookies": edited(lambda reply: headed(reply, *cookies)),
        "slow close": in_steps(10_000, 0.3, lambda reply: headed(reply, "Connection: close")),
    }
    settle_each(behind, happenings, attempts=1)


def test_f34_no_cookie_is_sent_back(behind: Start) -> None:
    """What a server asks us to remember is not remembered."""
    bench = behind(lambda passage: edited(lambda r: headed(r, "Set-Cookie: a=b")))
    assert bench.run(bench.spec(1, 2, 3, limits={"concurrency": 1})).outcomes == {"invoiced": 3}
    assert not any(b"\r\ncookie:" in request.lower() for request in bench.proxy.requests)
