"""F37 to F53: what Zuora's protocol allows a tenant to say, and what it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from support.badly import edited, http, instead, parts, reset_executed, saying
from support.behind import Behind, bodies, settle_each
from support.emulator import PROMISED
from support.engine import item
from support.proxy import Happening, by_account, in_turn
from support.runs import Project
from support.world import HOUR, LIMITS, UNGUARDED, World
from support.world_net import LOST_ON_THE_WAY, REPLY_LOST, Trouble
from zbatch.emulator import Conflict, Mishap, Modes, OtherBody, Scheduled, SecondGenerate
from zbatch.emulator.book import BookAccount
from zbatch.emulator.catalogue import fault
from zbatch.model import ExitCode
from zbatch.zuora.wire import Reply

Start = Callable[..., Behind]
MakeWorld = Callable[..., World]
Rows = list[dict[str, Any]]
ONE = item(1)
ACCOUNT = ONE.identity.account_id
ID = "e" * 32


def rows_edited(edit: Callable[[Rows], object]) -> Happening:
    """Pass on the tenant's answer with other rows."""
    return edited(
        lambda reply: saying(reply, json.dumps(edit(json.loads(parts(reply)[1]))).encode())
    )


def row(**fields: object) -> bytes:
    """Build the body of one row."""
    return json.dumps([fields]).encode()


def test_f37_a_success_without_an_id_is_doubt(behind: Start) -> None:
    """No invoice is reported that has no ID: the same key again, whose rows have one."""
    ids: tuple[object, ...] = (None, "", 0, 7, [], {}, " ", "a b", "é", "x" * 999)
    said = [row(Success=True)] + [row(Success=True, Id=one) for one in ids]
    settle_each(behind, bodies(*said))


def test_f38_success_is_the_json_true_alone(behind: Start) -> None:
    """A text, a number, nothing: neither success nor failure."""
    told: tuple[object, ...] = ("true", "false", "True", 1, 0, None, [], {}, [True])
    said = [row(Success=one, Id=ID) for one in told] + [row(Id=ID), row(success=True, id=ID)]
    settle_each(behind, bodies(*said))


@pytest.mark.parametrize("count", [2, 3, 7, 25, 50])
@pytest.mark.parametrize(
    "edit",
    [
        lambda rows: rows[:-1],
        lambda rows: rows[1:],
        lambda rows: [*rows, rows[0]],
        lambda rows: rows * 2,
        lambda rows: [],
        lambda rows: rows[0],
        lambda rows: [rows],
        lambda rows: {"results": rows},
        lambda rows: [*rows[:-1], None],
    ],
)
def test_f39_rows_that_do_not_fit_their_call_are_nobodys(
    make_world: MakeWorld, count: int, edit: Callable[[Rows], object]
) -> None:
    """Whatever of the call was billed: all of it in doubt, then the same bytes and true rows."""
    world = make_world(latency=0.01)
    world.limits = replace(LIMITS, objects_per_call=count)
    items = [item(number) for number in range(1, count + 1)]
    made: Rows = [{"Success": True, "Id": f"{number:032x}"} for number in range(count)]
    body = json.dumps(edit(made)).encode()
    world.troubles = {1: Trouble(instead=Reply(200, {}, body))}
    run = world.run(items)
    assert run.outcomes == ["invoiced"] * count
    assert len(set(world.generates)) == 1
    told = {record.invoice_id for record in run.records.values()}
    assert told == {invoice.id for invoice in world.invoices}


# Whole answers that are no rows: status, body, what a clean key comes to, and after how many sends.
REASONS = {"success": False, "processId": "9E8786DEB80E2331"}
SHAPES: list[tuple[int, object, str, int]] = [
    (
        200,
        {**REASONS, "reasons": [{"code": 50000040, "message": "Cannot find entity"}]},
        "invoiced",
        2,
    ),
    (400, {**REASONS, "reasons": [{"code": 53100020, "message": "no"}]}, "failed", 1),
    (401, {**REASONS, "reasons": [{"code": 90000011, "message": "sign in"}]}, "invoiced", 2),
    (200, {**REASONS, "reasons": [{"code": "90000011", "message": "sign in"}]}, "invoiced", 2),
    (400, {"message": "No bearer token"}, "invoiced", 2),
    (200, {"message": "Authentication error"}, "invoiced", 2),
    (400, {"FaultCode": "INVALID_TYPE", "FaultMessage": "no"}, "failed", 1),
    (200, {"FaultCode": "INVALID_TYPE", "FaultMessage": "no"}, "invoiced", 2),
    (500, {"FaultCode": "UNKNOWN_ERROR", "FaultMessage": "no"}, "invoiced", 2),
    (400, {"faultcode": "fns:INVALID_SESSION", "faultstring": "expired"}, "invoiced", 2),
    (400, {"faults": [{"faultCode": "INVALID_VALUE", "faultMessage": "no"}]}, "failed", 1),
    (400, {"code": "ClientError", "message": "Invalid action"}, "failed", 1),
    (400, {"Errors": [{"Code": "INVALID_VALUE", "Message": "no"}], "Success": False}, "failed", 1),
    (
        200,
        {"Errors": [{"Code": "LOCK_COMPETITION", "Message": "no"}], "Success": False},
        "invoiced",
        2,
    ),
    (429, {"reasons": [{"code": 70, "message": "API Rate limit exceeded"}]}, "invoiced", 2),
    (200, {"message": "request exceeded limit"}, "invoiced", 2),
    (413, "Payload Too Large", "failed", 1),
    (400, {"reasons": "odd", "errors": {"a": [1]}, "faults": [[]], "message": ["x"]}, "failed", 1),
]


def test_f40_every_shape_of_a_refusal_is_understood(behind: Start) -> None:
    """An object, a fault, a bare message in place of rows: classified, and nothing crashes."""
    replies = {n: http(s, json.dumps(body).encode()) for n, (s, body, _, _) in enumerate(SHAPES, 1)}
    bench = behind(by_account({number: instead(reply) for number, reply in replies.items()}))
    told = bench.run(bench.spec(*replies, limits={"concurrency": 40}))
    came = {n: (told.line(n)["outcome"], told.line(n)["attempts"]) for n in replies}
    assert came == {n: (outcome, sends) for n, (_, _, outcome, sends) in enumerate(SHAPES, 1)}
    assert told.code == 1


@pytest.mark.parametrize("count", [1, 3])
def test_f40_a_refusal_of_a_doubtful_call_settles_nothing(world: World, count: int) -> None:
    """After a lost send the same shapes prove nothing, for one object or for several."""
    items = [item(number) for number in range(1, count + 1)]
    world.limits = replace(LIMITS, objects_per_call=count)
    for status, body, outcome, _ in SHAPES:
        if outcome == "failed" and "Errors" not in str(body):
            first, second = world.sent + 1, world.sent + 2
            refused = Reply(status, {}, json.dumps(body).encode())
            world.troubles = {first: REPLY_LOST, second: Trouble(arrives=False, instead=refused)}
            assert set(world.run(items).outcomes) == {"unknown"}, body
            world.pass_time(2 * HOUR)
            assert set(world.run(items).outcomes) == {"invoiced"}, body
            items = [item(int(one.identity.account_id, 16) + count) for one in items]


def test_f41_three_invoices_of_an_account_whose_answer_is_lost(
    behind: Start, project: Project
) -> None:
    """One success with the ID that the row names, from its replay: no generate fishes for more."""
    project.book(a1="Active,due,3,0s")
    bench = behind(in_turn(reset_executed), book=project.root / "book.csv")
    told = bench.run(bench.spec(1))
    assert told.outcomes == {"invoiced": 1}
    assert told.line(1)["invoice_id"] == bench.billing.of(1)[0]
    assert len(bench.billing.of(1)) == 3
    assert len(set(bench.proxy.keys())) == 1


@pytest.mark.parametrize("conflict", PROMISED)
def test_f42_409_for_nine_minutes_and_then_rows(make_world: MakeWorld, conflict: Conflict) -> None:
    """The run waits, at most a minute at a time, under the same key, and spends no attempt."""
    book = {ACCOUNT: BookAccount(latency=540.0)}
    world = make_world(modes=replace(UNGUARDED, conflict=conflict), book=book)
    world.limits = replace(LIMITS, timeout=20.0)
    run = world.run([ONE])
    assert run.outcomes == ["invoiced"]
    assert len(set(world.generates)) == 1
    assert 10 <= len(world.generates) <= 20


@pytest.mark.parametrize(
    ("mishap", "outcome", "keys"),
    [
        (Mishap(), "invoiced", 1),
        (fault("locked"), "invoiced", 2),
        (Mishap(executed=False, code="ACCOUNTING_PERIOD_CLOSED"), "failed", 1),
    ],
)
def test_f43_a_409_with_rows_is_its_rows(
    make_world: MakeWorld, mishap: Mishap, outcome: str, keys: int
) -> None:
    """Success, lock or refusal: the original result counts, whatever the status around it.

    What is no success is asked about after a rest, as under any other status.
    """
    world = make_world(modes=replace(UNGUARDED, conflict=Conflict.ROWS))
    world.faults.switch([Scheduled(mishap, at=1)])
    world.troubles = {1: REPLY_LOST}
    succeeds = mishap == Mishap()
    assert world.run([ONE]).outcomes == [outcome if succeeds else "unknown"]
    if not succeeds:
        world.pass_time(2 * HOUR)
        assert world.run([ONE]).outcomes == [outcome]
    assert len(world.keys(ONE)) == keys
    assert world.billed(ONE) == (outcome == "invoiced")


def test_f44_409_for_hours(make_world: MakeWorld) -> None:
    """Ten minutes a run, then unknown with exit 3; never a second key, and claimed in the end."""
    world = make_world(latency=4 * HOUR)
    runs = 0
    while runs < 8:
        began = world.timeline.now
        run = world.run([ONE])
        if run.exit_code is ExitCode.OK:
            break
        assert (run.outcomes, run.exit_code) == (["unknown"], ExitCode.UNKNOWN)
        assert world.timeline.now - began < 1000
        world.pass_time(0.75 * HOUR)
        runs += 1
    assert run.outcomes == ["invoiced"]
    assert len(world.keys(ONE)) == 1
    assert world.billed(ONE) == 1
    assert len(world.generates) < 20 * runs


def test_f45_a_422_stops_the_run(behind: Start) -> None:
    """Our bug, or the wrong tenant: nothing more leaves, nothing is tried again, exit 4."""
    bench = behind(faults=(Scheduled(Mishap(executed=False, status=422), at=1),))
    spec = bench.spec(1, 2, 3, limits={"concurrency": 1})
    told = bench.run(spec)
    assert (told.code, told.result.sent, told.outcomes) == (4, 1, {"not_attempted": 3})
    bench.heal(spec)


def test_f45_a_422_after_doubt_leaves_the_item_unknown(behind: Start) -> None:
    """Exit 3: the first send may have billed, and has; a later run finds that out."""
    bench = behind(in_turn(reset_executed, instead(http(422))))
    spec = bench.spec(1)
    told = bench.run(spec)
    assert (told.code, told.result.sent, told.outcomes) == (3, 2, {"unknown": 1})
    bench.heal(spec)


@pytest.mark.parametrize("doubtful", [False, True])
def test_f46_a_stored_429_does_not_keep_an_item_for_a_day(world: World, doubtful: bool) -> None:
    """Seen to be a replay: renewed under a clean key, and left to the question under a doubtful."""
    world.troubles = {1: LOST_ON_THE_WAY} if doubtful else {}
    stored = fault("throttled", stored=True, retry_after="5")
    world.faults.switch([Scheduled(stored, at=1)])
    run = world.run([ONE])
    assert run.outcomes == ["unknown" if doubtful else "invoiced"]
    assert world.keys(ONE)[0].sends == (5 if doubtful else 2)
    world.pass_time(2 * HOUR)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert len(world.keys(ONE)) == 2
    assert world.billed(ONE) == 1


@pytest.mark.parametrize("executed", [True, False])
def test_f47_a_stored_5xx_is_left_to_the_question(world: World, executed: bool) -> None:
    """The replay proves that no further send can tell more: an invoice is claimed, or none made."""
    stored = Mishap(executed=executed, status=500, stored=True)
    world.faults.switch([Scheduled(stored, at=1)])
    assert world.run([ONE]).outcomes == ["unknown"]
    assert len(world.generates) == 2
    world.pass_time(2 * HOUR)
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert len(world.keys(ONE)) == (1 if executed else 2)
    assert world.billed(ONE) == 1


@pytest.mark.parametrize("reply_lost", [False, True])
def test_f48_a_stored_row_failure_is_got_past_by_the_next_key(
    world: World, reply_lost: bool
) -> None:
    """The row of a lock is replayed for a day under its key: renewed at once, or after its rest.

    Whose lock it was only the tenant can tell where the first answer was lost.
    """
    world.troubles = {1: REPLY_LOST} if reply_lost else {}
    world.faults.switch([Scheduled(fault("locked"), at=1)])
    assert world.run([ONE]).outcomes == ["unknown" if reply_lost else "invoiced"]
    if reply_lost:
        world.pass_time(2 * HOUR)
        assert world.run([ONE]).outcomes == ["invoiced"]
    first, second = world.keys(ONE)
    assert (first.sends, second.sends) == (3 if reply_lost else 1, 1)
    assert world.billed(ONE) == 1


def test_f49_another_payload_has_another_key(behind: Start) -> None:
    """An edited spec never sends other bytes under a key that the tenant has seen."""
    closed_period = Mishap(executed=False, code="ACCOUNTING_PERIOD_CLOSED")
    modes = Modes(second_generate=SecondGenerate.BILLS_AGAIN, other_body=OtherBody.REFUSE)
    bench = behind(modes=modes, faults=(Scheduled(closed_period, at=1),))
    assert bench.run(bench.spec(1)).outcomes == {"failed": 1}
    pair = {"invoice_date": "2026-12-01", "target_date": "2026-11-30"}
    assert bench.run(bench.spec(1, dates=[pair])).outcomes == {"invoiced": 1}
    keys = bench.proxy.keys()
    assert len(keys) == len(set(keys)) == 2


def test_f50_the_replay_of_an_invoice_that_was_deleted_is_told_as_it_was(world: World) -> None:
    """What can be shown before `verify` is there: the item is invoiced by its old ID, once.

    The process dies before it reads the answer, a person deletes the invoice, and the next run
    finds nothing and sends the same key: nothing is billed again, and nothing says that it is gone.
    """
    assert world.run([ONE], die_at="generate executed, unread").died
    (made,) = world.invoices
    world.delete(made.id)
    world.pass_time(60)
    run = world.run([ONE])
    assert run.outcomes == ["invoiced"]
    assert run.records[ONE.identity].invoice_id == made.id
    assert (world.billed(ONE), world.invoices) == (1, [])


def test_f51_unrecognised_fields_fail_their_items_alone(behind: Start) -> None:
    """A 400 is the item's own failure: one send each, exit 1, and the others are billed."""
    refused = instead(http(400, b'{"message":"Error - unrecognised fields"}'))
    bench = behind(by_account(dict.fromkeys(range(1, 26), refused)))
    told = bench.run(bench.spec(*range(1, 31)))
    assert (told.code, told.outcomes) == (1, {"failed": 25, "invoiced": 5})
    assert told.result.sent == 30
    assert "unrecognised fields" in told.line(1)["error"]["message"]


def named(invoice_id: str) -> Happening:
    """Let the tenant's answer name its invoice so."""
    return rows_edited(lambda rows: [{**rows[0], "Id": invoice_id}])


def test_f52_ids_of_another_length_are_taken(behind: Start) -> None:
    """The format of an ID may change: any visible word of at most 255 characters is one."""
    ids = {length: ("0123456789abcdef-" * 16)[:length] for length in (1, 36, 64, 255)}
    bench = behind(
        by_account({length: named(one) for length, one in ids.items()}),
        unjudged="the tenant holds none of these IDs: the proxy has written them into its answers",
    )
    told = bench.project.run(bench.spec(*ids), read_back=0.0)
    assert {length: told.line(length)["invoice_id"] for length in ids} == ids
    assert {line["attempts"] for line in told.lines} == {1}


def test_f52_what_is_not_printable_is_no_id(behind: Start) -> None:
    """Doubt, and the same key brings the true one."""
    odd = ("a\u202eb", "a\tb", "a\x1b[31mb", "a\u2028b", "-\x00", "0" * 256)
    settle_each(behind, {ascii(one): named(one) for one in odd})


@pytest.mark.parametrize("shown", [True, False], ids=["shown at once", "shown late"])
@pytest.mark.parametrize("die_at", ["generate executed, unread", "generate answered, unjudged"])
def test_f53_a_call_of_fifty_with_a_lock_in_it_and_a_crash(
    make_world: MakeWorld, die_at: str, shown: bool
) -> None:
    """Rows 1 to 20 billed, 21 locked, then death: the same bytes again, and 21 alone goes on.

    It rests before that: the first send may have held the lock. Where the invoices are shown
    before the second, the whole call rests, and is not sent again.
    """
    world = make_world(modes=replace(UNGUARDED, read_lag=0.0 if shown else 600.0), latency=0.01)
    world.limits = replace(LIMITS, objects_per_call=50)
    locked_row = Mishap(executed=False, code="LOCK_COMPETITION", rows=(20,))
    world.faults.switch([Scheduled(locked_row, at=1)])
    items = [item(number) for number in range(1, 51)]
    assert world.run(items, die_at=die_at).died
    world.pass_time(60)
    run = world.run(items)
    assert run.exit_code is ExitCode.UNKNOWN
    assert run.outcomes.count("unknown") == (50 if shown else 1)
    world.pass_time(2 * HOUR)
    run = world.run(items)
    assert run.outcomes == ["invoiced"] * 50
    assert [len(world.keys(one)) for one in items] == [1] * 20 + [2] + [1] * 29
    assert len(world.generates) == (2 if shown else 3)
    assert [world.billed(one) for one in items] == [1] * 50
