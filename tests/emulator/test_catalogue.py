"""Every fault of the catalogue, as a client sees it that reads bytes from a socket."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from itertools import count
from pathlib import Path
from time import sleep, time
from typing import Any

import pytest

from support.accounts import account
from support.raw import Heard, RawClient, listen, rows_in
from support.runs import Away, away
from zbatch.emulator import Scheduled, arrivals, history
from zbatch.emulator.catalogue import CATALOGUE, ELSEWHERE, fault
from zbatch.emulator.schedule import CONNECTION
from zbatch.emulator.shapes import BOMB_MEGABYTES, LONG_INTEGER

HOUR = 3600.0
TWO = 2  # accounts of a call here, so that its rows can be counted and reordered
ROWS = b'"Success":true,"Id":"'
SELECT = "select Id, AccountId, TargetDate, Status from Invoice where AccountId = '{}'"


@dataclass(frozen=True)
class Case:
    """A fault with its settings, and what a caller must see of it.

    `status` None is no readable first line. `holds` are in what came, `lacks` are not. `billed`
    tells whether the call was executed, `again` whether the same key gives rows afterwards.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    action: str = "generate"
    status: int | None = 200
    end: str = "open"
    holds: tuple[bytes, ...] = ()
    lacks: tuple[bytes, ...] = ()
    billed: bool = True
    again: bool = True
    more: Callable[[Heard], bool] = lambda _: True
    quiet: float = 0.1
    most: int = 1 << 30

    def __str__(self) -> str:
        values = "-".join(str(value) for value in self.settings.values())
        name = f"{self.name}-{values}-{self.action}" if values else f"{self.name}-{self.action}"
        return re.sub(r"[^a-zA-Z0-9_-]", ".", name[:60])


def lost(name: str, end: str, **settings: str) -> Case:
    """Nothing comes at all."""
    executed = settings.get("when") == "after_execution"
    return Case(name, dict(settings), status=None, end=end, billed=executed, lacks=(b"HTTP",))


def whole(name: str, **more: Any) -> Case:
    """A good reply with its rows."""
    return Case(name, holds=(ROWS,), **more)


def bent(name: str, *holds: bytes, **more: Any) -> Case:
    """A reply whose body is not what the tenant decided."""
    return Case(name, holds=holds, **more)


def refused(name: str, status: int, *holds: bytes, **more: Any) -> Case:
    """A reply in place of the true one, and nothing executed."""
    return Case(name, status=status, holds=holds, lacks=(ROWS,), billed=False, **more)


def token(name: str, *holds: bytes, **more: Any) -> Case:
    """A token reply."""
    return Case(name, action="token", holds=holds, billed=False, **more)


def asked(name: str, *holds: bytes, **more: Any) -> Case:
    """A query's reply."""
    return Case(name, action="query", holds=holds, billed=False, **more)


def _unpacks(heard: Heard) -> int:
    unzip, size = zlib.decompressobj(wbits=31), 0
    rest = heard.body
    while rest:
        size += len(unzip.decompress(rest, 1 << 24))
        rest = unzip.unconsumed_tail
    assert unzip.eof
    return size


def _records(heard: Heard) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(heard.body)["records"]
    return found


def _age(heard: Heard) -> float:
    (told,) = heard.headers("date")
    return time() - parsedate_to_datetime(told).timestamp()


def _corrupt(heard: Heard) -> bool:
    with pytest.raises((zlib.error, EOFError, gzip.BadGzipFile)):
        gzip.decompress(heard.body)
    return True


WHENS = ("before_read", "before_execution", "after_execution")
CUTS = [
    Case(
        "truncated",
        {"offset": at, "framing": framing},
        end="fin",
        more=lambda heard, at=at: at < 0 or len(heard.data) == at,  # type: ignore[misc] # a default is no argument of its type
        status=200 if at > 12 or at < 0 else None,
    )
    for at in (0, 5, 60, -1)
    for framing in ("length", "chunked", "close")
]
CASES = [
    *(lost("reset", "reset", when=when) for when in WHENS),
    *(lost("fin", "fin", when=when) for when in WHENS),
    *(lost("silence", "open", when=when) for when in WHENS),
    Case("half_open", {"offset": 40}, more=lambda h: len(h.data) == 40),
    whole("slow_bytes", settings={"size": 200, "pause": "30ms"}, more=lambda h: h.seconds > 0.06),
    *CUTS,
    Case("broken_chunks", end="fin", holds=(b"\r\nzz\r\n", ROWS)),
    Case("endless_chunks", {"size": 4000, "pause": "0s"}, most=10_000_000, holds=(ROWS,)),
    Case("garbage_status_line", status=None, end="fin", holds=(b"HTTP/1.1 abc def\r\n", ROWS)),
    Case("huge_header", end="fin", more=lambda h: len(h.head) > 100_000),
    Case("informational", status=102, holds=(ROWS,), more=lambda h: h.data.count(b" 102 ") == 3),
    Case("endless_informational", {"pause": "0s"}, status=102, most=1_000_000, lacks=(ROWS,)),
    whole("extra_response", more=lambda h: h.data.count(b"HTTP/1.1 200 OK") == 2),
    whole(
        "slow_close",
        settings={"pause": "300ms"},
        quiet=1.0,
        end="fin",
        more=lambda h: h.headers("connection") == ["close"] and h.seconds > 0.3,
    ),
    whole("idle_close", end="fin", more=lambda h: h.headers("connection") == []),
    whole("old_protocol", end="fin", more=lambda h: h.data.startswith(b"HTTP/1.0 200 ")),
    whole("connection_close", end="fin", more=lambda h: h.headers("connection") == ["close"]),
    whole("cookie_storm", more=lambda h: len(h.headers("set-cookie")) == 50),
    whole(
        "delay",
        settings={"latency": "200ms", "jitter": "50ms"},
        quiet=0.5,
        more=lambda h: h.seconds > 0.2,
    ),
    *(
        Case("status", {"status": s, "executed": x, "stored": k}, status=s, billed=x, again=not k)
        for s in (500, 502, 503, 504, 429, 401)
        for x in (True, False)
        for k in (True, False)
    ),
    refused(
        "status",
        503,
        settings={"retry_after": "7"},
        more=lambda h: h.headers("retry-after") == ["7"],
    ),
    *(
        refused(
            "redirect",
            status,
            settings={"status": status, "location": "http://127.0.0.1:9/"},
            more=lambda h: h.headers("location") == ["http://127.0.0.1:9/"],
        )
        for status in (301, 302, 303, 307, 308)
    ),
    Case("conflict", status=409, lacks=(ROWS,)),
    refused("conflict", 409, settings={"executed": False}),
    Case("conflict_rows", status=409, holds=(ROWS,)),
    refused("unprocessable", 422),
    refused("unrecognised_fields", 400, b"unrecognised fields"),
    whole("other_track_id", more=lambda h: h.headers("zuora-track-id") == ["zb1-of-another-item"]),
    whole("wrong_content_type", more=lambda h: h.headers("content-type") == ["text/html"]),
    bent("login_page", b"<html>", lacks=(ROWS,)),
    bent("empty", more=lambda h: h.body == b""),
    Case("no_content", status=204, more=lambda h: h.body == b""),
    bent("null", more=lambda h: h.body == b"null"),
    bent("empty_object", more=lambda h: h.body == b"{}"),
    bent("invalid_json", b",]"),
    bent("nan", b":NaN", ROWS),
    bent("duplicate_keys", b'"Success":false,"Success":true'),
    bent("deep", b"[" * 100_000),
    bent("long_integer", LONG_INTEGER),
    bent("lone_surrogate", b'"\\ud800"'),
    bent("bom", b"\xef\xbb\xbf["),
    bent("latin_1", b"caf\xe9"),
    bent("gzip_bomb", quiet=1.0, more=lambda h: _unpacks(h) == BOMB_MEGABYTES << 20),
    bent("corrupt_gzip", more=_corrupt),
    bent("errors_empty", b'"Errors":[]'),
    bent("errors_missing", lacks=(b"Errors",), more=lambda h: not rows_in(h)[0]["Success"]),
    bent("id_missing", lacks=(b'"Id"',)),
    bent("id_null", b'"Id":null'),
    bent("id_empty", b'"Id":""'),
    bent("id_36", more=lambda h: len(rows_in(h)[0]["Id"]) == 36),
    bent("id_64", more=lambda h: len(rows_in(h)[0]["Id"]) == 64),
    bent("success_false_text", b'"Success":"false"'),
    bent("success_true_text", b'"Success":"true"'),
    bent("success_one", b'"Success":1'),
    bent("rows_fewer", more=lambda h: len(rows_in(h)) == TWO - 1),
    bent("rows_more", more=lambda h: len(rows_in(h)) == TWO + 1),
    bent("rows_reordered", ROWS, more=lambda h: len(rows_in(h)) == TWO),
    bent("object_row", more=lambda h: json.loads(h.body)["Success"]),
    bent("object_reasons", b'"reasons"'),
    bent("object_fault", b'"FaultCode"'),
    bent("object_faults", b'"faults"'),
    bent("object_message", b'{"message"'),
    Case("row_error", {"code": "X"}, holds=(b'"Code":"X"',), billed=False, again=False),
    Case(
        "row_error",
        {"code": "UNKNOWN_ERROR", "executed": True, "message": "m"},
        holds=(b'"Message":"m"',),
        again=False,
    ),
    Case("locked", holds=(b"LOCK_COMPETITION",), billed=False, again=False),
    Case("account_canceled", holds=(b"status is Canceled",), billed=False, again=False),
    Case("nothing_to_bill", holds=(b"no charges due",), billed=False, again=False),
    refused("unauthorized", 401, b"90000011"),
    token("wrong_secret", status=401),
    token("client_revoked", status=403),
    token("expires_missing", lacks=(b"expires_in",)),
    token("expires_text", b'"expires_in":"3599.0"'),
    token("expires_zero", b'"expires_in":0,'),
    token("expires_negative", b'"expires_in":-1,'),
    token("expires_huge", b'"expires_in":1e+99,'),
    token("expires_nan", b'"expires_in":NaN,'),
    token("token_missing", lacks=(b"access_token",)),
    token("token_crlf", b"\\r\\nX-Injected"),
    token("token_non_ascii", b"\\u00e9"),
    token("token_huge", more=lambda h: len(h.body) > 1 << 20),
    token("scope_other", b"tenant.666"),
    token("scope_missing", lacks=(b"scope",)),
    token("status", settings={"status": 503}, status=503),
    token("reset", settings={"when": "before_execution"}, status=None, end="reset"),
    token("silence", settings={"when": "before_execution"}, status=None),
    token("throttled", status=429),
    *(
        refused(
            "throttled",
            429,
            b"50000070",
            settings={"retry_after": text},
            more=lambda h, text=text: h.headers("retry-after") == [text],
        )
        for text in ("120", "0", "-1", "1e9", "NaN", "90000")
    ),
    refused(
        "throttled_until_date", 429, more=lambda h: h.headers("retry-after")[0].endswith("GMT")
    ),
    refused("throttled_two_headers", 429, more=lambda h: h.headers("retry-after") == ["1", "2"]),
    refused(
        "throttled_reset_only",
        429,
        b'"code":70',
        more=lambda h: (h.headers("retry-after"), h.headers("ratelimit-reset")) == ([], ["5"]),
    ),
    whole("concurrency_left", more=lambda h: h.headers("concurrency-limit-remaining") == ["0"]),
    asked("stale_replica", b'"size":0'),
    asked("generating", b'"Status":"Generating"'),
    asked("query_fault", b'"FaultCode":"UNKNOWN_ERROR"', status=400),
    asked("paging_loop", b'"done":false', b'"queryLocator":"loop-'),
    asked("truncated", settings={"offset": -1}, end="fin"),
    asked("stored_answer", b'"size":0', more=lambda h: 3 * HOUR - 1 < _age(h) < 6 * HOUR + 60),
    asked(
        "stored_answer",
        b'"size":0',
        settings={"by": "5m", "told_by": "age"},
        more=lambda h: 300 <= int(h.headers("age")[0]) <= 600 and _age(h) < 60,
    ),
    asked("crossed_answer", b'"size":1', b'"AccountId":"d'),
    asked("record_twice", b'"size":2', more=lambda h: _records(h)[0] == _records(h)[1]),
    asked("record_undated", b'"Status":"Posted"', lacks=(b"TargetDate",)),
    asked("record_misdated", b'"Status":"Posted"', b'"TargetDate":"2026-11-29"'),
    *(
        Case(
            "open_refusal",
            {"status": s, "code": "UNKNOWN_ERROR", "executed": x, "stored": k},
            status=s,
            holds=(b'"FaultCode":"UNKNOWN_ERROR"',),
            billed=x,
            again=not k,
        )
        for s in (400, 403, 404, 413)
        for x in (True, False)
        for k in (True, False)
    ),
    *(
        Case(
            "rows_try_again",
            {"status": s, "code": "REQUEST_EXCEEDED_LIMIT", "executed": x, "stored": k},
            status=s,
            more=lambda h: len(rows_in(h)) == TWO,
            holds=(b'"Code":"REQUEST_EXCEEDED_LIMIT"',),
            lacks=(ROWS,),
            billed=x,
            again=not k,
        )
        for s in (408, 500, 502, 504)
        for x in (True, False)
        for k in (True, False)
    ),
]
# Those whose effect is in the tenant, or between two connections, have tests of their own below.
ALONE = {
    "tokens_revoked",
    "delivered_twice",
    "billed_by_others",
    "invoice_deleted",
    "key_evicted",
    "tax_failed",
}

_numbers = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Away]:
    """Run one emulator for all cases: each takes accounts and keys of its own."""
    with away(tmp_path_factory.mktemp("emulator")) as running:
        yield running


@pytest.fixture(scope="module")
def bearer(server: Away) -> str:
    """Log in once."""
    return RawClient(server.emulator).log_in()


@pytest.fixture
def client(server: Away, bearer: str) -> RawClient:
    """Give a client that is logged in, while nothing goes wrong."""
    server.faults.switch()
    return RawClient(server.emulator, bearer)


def test_each_fault_has_a_case() -> None:
    """No fault of the catalogue is untested, and no case tests what there is not."""
    assert {case.name for case in CASES} | ALONE == set(CATALOGUE)


def test_each_number_is_covered() -> None:
    """Each fault of the list, from F1 to F82, is in the catalogue or says where else it is."""
    covered = {number for known in CATALOGUE.values() for number in known.covers}
    assert covered | ELSEWHERE.keys() == {f"F{number}" for number in range(1, 83)}
    assert not covered & ELSEWHERE.keys()


def test_each_fault_says_what_happens() -> None:
    """Each has a sentence, and what chance may draw of it can be built."""
    for known in CATALOGUE.values():
        assert re.fullmatch(r"[A-Z].*\.", known.sentence), known.name
        assert all(known.make(settings).name == known.name for settings in known.random)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_a_client_sees(case: Case, server: Away, client: RawClient) -> None:
    """The bytes, the end of the connection, what was executed, and what the key then gives."""
    number = next(_numbers)
    mine = [account(1000 + 2 * number), account(1001 + 2 * number)]
    request = {
        "generate": client.generate(*mine, key=f"k{number}"),
        "query": client.query(SELECT.format(mine[0])),
        "token": client.token_request(),
    }[case.action]
    if case.action == "query":
        client.say(client.generate(*mine, key=f"k{number}"))
    server.faults.switch(
        [Scheduled(fault(case.name, **case.settings), every=1, action=case.action)]
    )
    before = len(server.billing.executions)
    heard = client.overhear(request, case.quiet, case.most)
    assert (heard.status, heard.end) == (case.status, case.end), heard.data[:300]
    assert all(text in heard.data for text in case.holds), heard.data[:500]
    assert not any(text in heard.data for text in case.lacks), heard.data[:500]
    assert case.more(heard), heard.data[:500]
    assert len(server.billing.executions) - before == TWO * case.billed
    server.faults.switch()
    if case.action == "generate":
        again = client.say(client.generate(*mine, key=f"k{number}"))
        assert (again.status == 200 and ROWS in again.data) is case.again
        assert len(server.billing.executions) - before in (0, TWO)


def test_a_cut_that_ends_in_a_reset(server: Away, client: RawClient) -> None:
    """What was read before the break is the first bytes of the reply, or none."""
    cut = fault("truncated", offset=50, end="reset")
    server.faults.switch([Scheduled(cut, every=1)])
    heard = client.say(client.generate(account(900), key="cut"))
    assert heard.end == "reset"
    assert b"HTTP/1.1 200 OK".startswith(heard.data[:15])


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_reply_can_be_cut_at_every_offset(framing: str, server: Away, client: RawClient) -> None:
    """Each cut gives a longer beginning of the same reply, to its last byte."""
    request = client.generate(account(901), key=f"offsets-{framing}")
    whole = fault("truncated", offset=1 << 20, framing=framing)
    server.faults.switch([Scheduled(whole, every=1)])
    client.say(request)
    heard = client.overhear(request)
    full, body = heard.data, heard.body
    mark = {"length": b"Content-Length", "chunked": b"chunked", "close": b"Connection: close"}
    assert mark[framing] in full
    fixed = re.sub(rb"Date: [^\r]+", b"", full)
    for at in range(0, len(full), 7):
        server.faults.switch([Scheduled(fault("truncated", offset=at, framing=framing), every=1)])
        heard = client.say(request)
        assert (len(heard.data), heard.end) == (at, "fin")
        assert fixed.startswith(re.sub(rb"Date: [^\r]+", b"", heard.data[:40]))
        assert body.startswith(heard.body)


@pytest.mark.parametrize(("reply", "status"), [("first", 200), ("second", 409)])
def test_a_call_that_is_delivered_twice(reply: str, status: int, tmp_path: Path) -> None:
    """Both deliveries are in the history, one is executed, and the caller sees one reply."""
    twice = Scheduled(fault("delivered_twice", reply=reply), every=1)
    with away(tmp_path / "emulator", latency=0.1, faults=(twice,)) as server:
        client = RawClient(server.emulator)
        client.log_in()
        heard = client.say(client.generate(account(1), key="twice"))
        assert heard.status == status
        assert len(server.billing.executions) == 1
        came = [one for one in arrivals(server.billing.folder) if one.key == "twice"]
        assert len(came) == 2
        assert len({one.body_hash for one in came}) == 1
        notes = [one.note for one in history(server.billing.folder) if one.key == "twice"]
        assert sum("delivered again" in note for note in notes) == 1


def test_a_store_gives_the_same_answer_again(server: Away, client: RawClient) -> None:
    """Its date does not go on; a refusal is the tenant's own, and bears none of then."""
    server.faults.switch([Scheduled(fault("stored_answer", by="3000h"), every=1, action="query")])
    heard = []
    for _ in range(2):
        heard.append(client.say(client.query(SELECT.format(account(919)))))
        sleep(1.1)
    assert heard[0].headers("date") == heard[1].headers("date")
    assert _age(client.say(client.query("select nothing"))) < 60


def test_a_bill_run_in_between(server: Away, client: RawClient) -> None:
    """Somebody else's invoice is there before the call's own, or right after it."""
    for number, turn, sources in (
        (910, "before", ["BillRun", "API"]),
        (911, "after", ["API", "BillRun"]),
    ):
        server.faults.switch([Scheduled(fault("billed_by_others", turn=turn), every=1)])
        client.say(client.generate(account(number), key=f"others-{turn}"))
        mine = [one for one in server.billing.executions if one.account_id == account(number)]
        assert [one.source for one in mine] == sources


def test_an_invoice_deleted_before_the_replay(server: Away, client: RawClient) -> None:
    """The replay names an invoice that is no more."""
    request = client.generate(account(912), key="deleted")
    first = rows_in(client.say(request))
    server.faults.switch([Scheduled(fault("invoice_deleted"), every=1)])
    assert rows_in(client.say(request)) == first
    assert server.billing.of(912) == []


def test_tokens_that_end(tmp_path: Path) -> None:
    """The call and all that follow meet 401 until there is a new token."""
    with away(tmp_path / "emulator") as server:
        client = RawClient(server.emulator)
        client.log_in()
        server.faults.switch([Scheduled(fault("tokens_revoked"), at=1)])
        assert client.say(client.generate(account(1))).status == 401
        assert client.say(client.generate(account(1))).status == 401
        client.log_in()
        assert client.say(client.generate(account(1))).status == 200


def test_a_key_that_is_forgotten(server: Away, client: RawClient) -> None:
    """The second use of the key is executed again."""
    request = client.generate(account(913), key="forgotten")
    client.say(request)
    server.faults.switch([Scheduled(fault("key_evicted"), every=1)])
    client.say(request)
    assert len(server.billing.of(913)) == 2


def test_a_tax_that_fails(server: Away, client: RawClient) -> None:
    """The rows succeed, and the tenant holds an invoice whose tax is in error."""
    server.faults.switch([Scheduled(fault("tax_failed"), every=1)])
    assert rows_in(client.say(client.generate(account(914))))[0]["Success"]
    mine = [one for one in server.billing.invoices if one.account_id == account(914)]
    assert [one.tax_status for one in mine] == ["Error"]


@pytest.mark.parametrize(("name", "end"), [("reset", "reset"), ("fin", "fin"), ("silence", "open")])
def test_a_connection_that_meets_its_end_first(
    name: str, end: str, server: Away, client: RawClient
) -> None:
    """Nothing is read of what comes over it, and the next connection is a good one."""
    server.faults.switch([Scheduled(fault(name), every=1, times=1, action=CONNECTION)])
    request = client.generate(account(914), key="at the door")
    before = len(arrivals(server.billing.folder))
    heard = client.overhear(request)
    assert (heard.data, heard.end in (end, "reset")) == (b"", True)
    assert len(arrivals(server.billing.folder)) == before
    assert client.say(request).status == 200


def test_a_reply_after_which_the_connection_is_good(server: Away, client: RawClient) -> None:
    """What comes by other hands leaves the connection fit for the next request."""
    server.faults.switch([Scheduled(fault("informational"), at=1)])
    with closing(client.connect()) as connection:
        for number in (915, 916):
            connection.sendall(client.generate(account(number), key=f"kept-{number}"))
            assert ROWS in listen(connection, 0.2).data


def test_what_is_stored_in_another_shape(server: Away, client: RawClient) -> None:
    """A bent body that is stored is what the key gives from then on."""
    server.faults.switch([Scheduled(fault("rows_fewer", stored=True), every=1)])
    request = client.generate(account(917), account(918), key="bent")
    assert len(rows_in(client.say(request))) == 1
    server.faults.switch()
    assert len(rows_in(client.say(request))) == 1


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("no_such", {}, "no fault 'no_such'"),
        ("reset", {"when": "never"}, "`when` is none of before_read"),
        ("reset", {"at": 1}, "reset has no setting `at`; it has when"),
        ("delay", {}, "delay needs `latency`"),
        ("delay", {"latency": "soon"}, "`latency` is not a duration"),
        ("status", {"status": "503"}, "`status` is not a whole number"),
        ("status", {"executed": 1}, "`executed` is not true or false"),
        ("status", {"status": 799}, "799 is not a status"),
        ("locked", {"rows": [True]}, "`rows` is not a list of whole numbers"),
        ("row_error", {"code": 1}, "`code` is not a text"),
    ],
)
def test_a_fault_that_there_is_not(name: str, settings: dict[str, Any], words: str) -> None:
    """What the catalogue does not know is refused with what it knows."""
    with pytest.raises(ValueError, match=re.escape(words)):
        fault(name, **settings)
