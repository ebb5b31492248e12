"""L1 to L22: the ways in which a naive client loses or misreports, each shown not to be ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from support.emulator import PROMISED
from support.engine import TENANT, item
from support.plans import a_record
from support.world import HOUR, LIMITS, UNGUARDED, World
from support.world_net import NONE, REPLY_CUT, REPLY_LOST, SILENCE, Trouble, gateway
from zbatch.emulator import Conflict, EmulatorConfig, Mishap, Scheduled, SecondGenerate
from zbatch.emulator.book import BookAccount
from zbatch.emulator.catalogue import fault
from zbatch.engine.kinds import Kind, kind_of
from zbatch.model import ExitCode, Outcome, Problem
from zbatch.net.connection import Flight
from zbatch.net.faults import fault_of
from zbatch.report.files import write_all
from zbatch.report.lines import to_line
from zbatch.report.writer import ReportWriter
from zbatch.spec import check_spec
from zbatch.zuora.headers import GENERATE_QUERY, request_headers
from zbatch.zuora.request import make_call
from zbatch.zuora.wire import Fault, FaultKind, Reply

MakeWorld = Callable[..., World]
ONE = item(1)
ACCOUNT = ONE.identity.account_id
HEAD = "version: 1\nname: nov\ntenant: emulator\ndates: [{target_date: 2026-11-30}]\n"


def instead(rows: object, status: int = 200) -> Trouble:
    """Let something else answer in place of the tenant, which never sees the call."""
    return Trouble(arrives=False, instead=Reply(status, {}, json.dumps(rows).encode()))


def test_l01_success_false_in_a_200_is_no_success(world: World) -> None:
    """The status of a reply says nothing about its rows."""
    error = {"Code": "INVALID_VALUE", "Message": "the account is not active"}
    world.troubles = {1: instead([{"Success": False, "Errors": [error]}])}
    run = world.run([ONE])
    assert (run.outcomes, run.exit_code) == (["failed"], ExitCode.FAILURES)


@pytest.mark.parametrize("told", ["false", "true", "False", 1, None])
def test_l02_success_is_the_json_true_and_nothing_like_it(world: World, told: object) -> None:
    """Text, a number or nothing in the place of true settles nothing."""
    row = {"Success": told, "Id": "e" * 32}
    world.troubles = {1: instead([row]), 2: instead([row])}
    assert world.run([ONE]).outcomes == ["unknown"]


@pytest.mark.parametrize("missing", [{}, {"Id": ""}, {"Id": None}])
def test_l02_success_without_an_id_is_no_success(world: World, missing: dict[str, object]) -> None:
    """There is no invoice without an ID from the server."""
    world.troubles = dict.fromkeys((1, 2), instead([{"Success": True, **missing}]))
    assert world.run([ONE]).outcomes == ["unknown"]


def test_l03_a_redirect_to_a_login_page_is_no_answer(world: World) -> None:
    """302 stops the run; and a login page with 200 is unreadable, never a success."""
    world.troubles = {1: gateway(302)}
    run = world.run([ONE])
    assert run.stop.startswith("HTTP 3")
    page = Trouble(arrives=False, instead=Reply(200, {}, b"<html>sign in</html>"))
    world.troubles = {2: page, 3: page}
    assert world.run([item(2)]).outcomes == ["unknown"]


@pytest.mark.parametrize(
    "stored",
    [
        Mishap(executed=False, status=429, stored=True),
        Mishap(executed=False, status=500, stored=True),
        Mishap(executed=False, code="LOCK_COMPETITION"),
        Mishap(executed=False, code="TEMPORARY_ERROR"),
        Mishap(executed=False, code="REQUEST_EXCEEDED_RATE"),
    ],
)
def test_l04_a_stored_failure_does_not_trap_an_item(world: World, stored: Mishap) -> None:
    """Replayed for a day under its key; the item gets through under the next, once settled."""
    world.faults.switch([Scheduled(stored, at=1)])
    run = world.run([ONE, item(2)])
    if run.exit_code is not ExitCode.OK:
        world.pass_time(2 * HOUR)
        run = world.run([ONE, item(2)])
    assert run.outcomes == ["invoiced"] * 2
    assert len(world.keys(ONE)) == 2


def test_l05_nothing_to_bill_after_doubt_is_asked_about(make_world: MakeWorld) -> None:
    """The first send billed and was forgotten: the second finds nothing to bill, and no wonder."""
    modes = replace(
        UNGUARDED, evict_after=1, second_generate=SecondGenerate.NOTHING_TO_BILL, read_lag=0.0
    )
    world = make_world(modes=modes)
    world.troubles = {1: REPLY_LOST}
    run = world.run([ONE])
    assert run.outcomes == ["invoiced"]
    assert run.records[ONE.identity].invoice_id == world.invoices[0].id


def test_l05_nothing_to_bill_at_once_needs_no_question(make_world: MakeWorld) -> None:
    """Under a clean key it is what the row says."""
    world = make_world(book={ACCOUNT: BookAccount(charges_due=False)})
    assert world.run([ONE]).outcomes == ["nothing_to_bill"]
    assert world.billed(ONE) == 0


@pytest.mark.parametrize("conflict", PROMISED)
def test_l06_a_409_is_neither_failure_nor_success(
    make_world: MakeWorld, conflict: Conflict
) -> None:
    """In progress, or carrying the first answer's rows: either way the item gets its own ID."""
    slow = {ACCOUNT: BookAccount(latency=60.0)}
    world = make_world(modes=replace(UNGUARDED, conflict=conflict), book=slow)
    world.limits = replace(LIMITS, timeout=20.0)
    run = world.run([ONE])
    assert run.outcomes == ["invoiced"]
    assert run.records[ONE.identity].invoice_id == world.invoices[0].id
    assert len(set(world.generates)) == 1


@pytest.mark.parametrize("lost", [REPLY_LOST, REPLY_CUT, SILENCE])
def test_l07_a_lost_reply_is_no_failure(world: World, lost: Trouble) -> None:
    """With no attempt left the item is unknown, and later it is what it is."""
    world.max_attempts = 1
    world.troubles = {1: lost}
    run = world.run([ONE])
    assert (run.outcomes, run.exit_code) == (["unknown"], ExitCode.UNKNOWN)
    world.pass_time(2 * HOUR)
    world.run([ONE])
    world.pass_time(2 * HOUR)
    assert world.run([ONE]).outcomes == ["invoiced"]


def test_l08_a_crash_between_outcome_and_report_loses_no_line(make_world: MakeWorld) -> None:
    """The outcome is durable, its line is not written: the next run's report has one line each."""
    items = [item(number) for number in range(1, 4)]
    edges = make_world().run(items).edges
    last = max(at for at, edge in enumerate(edges, 1) if edge == "finish durable, untold")
    world = make_world()
    dead = world.run(items, die_at=last)
    assert dead.died
    assert (len(world.invoices), dead.records) == (3, {})
    run = world.run(items)
    assert sorted(run.records) == [one.identity for one in items]


def test_l09_the_id_told_is_that_of_an_invoice_that_exists(make_world: MakeWorld) -> None:
    """Of three invoices the server names the first; that one is reported, and no second call made.

    The other IDs are for `verify` to list: no reply holds them.
    """
    world = make_world(book={ACCOUNT: BookAccount(invoices=3)})
    record = world.run([ONE]).records[ONE.identity]
    assert record.invoice_id == world.invoices[0].id
    assert len(world.invoices) == 3


def test_l10_a_full_disk_is_told_by_the_very_write(tmp_path: Path) -> None:
    """Lines go to the system unbuffered: the write that did not fit raises, not the close."""
    with pytest.raises(OSError, match="No space left"), open("/dev/full", "wb", 0) as full:
        write_all(full.fileno(), b"{}\n")
    writer = ReportWriter.create(tmp_path / "r" / "report.jsonl")
    writer.write(b"{}\n")
    assert (tmp_path / "r" / "report.jsonl").read_bytes() == b"{}\n"
    writer.close()


def test_l11_no_torn_line_is_appended_to(tmp_path: Path) -> None:
    """A report belongs to one run: what a dead one left is never opened again."""
    path = tmp_path / "r" / "report.jsonl"
    path.parent.mkdir()
    path.write_bytes(b'{"torn')
    with pytest.raises(Exception, match="report"):
        ReportWriter.create(path)
    assert path.read_bytes() == b'{"torn'


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085", "\x0b", "\x1c", "\r", "\n"])
def test_l12_no_character_of_a_message_cuts_a_line(separator: str) -> None:
    """However a reader splits lines, a record is one."""
    record = a_record(ONE, Outcome.FAILED, error=Problem("X", f"before{separator}after"))
    line = to_line(record, "20261130T120000Z-0000")
    assert len(line.decode().splitlines()) == 1
    assert separator in json.loads(line)["error"]["message"]


def test_l13_what_the_http_parser_refuses_is_no_400(world: World) -> None:
    """A reply that is not HTTP is a lost answer: doubt, then the same key."""
    garbled = Fault(FaultKind.GARBLED, True, "the reply is not HTTP")
    assert kind_of(garbled) is Kind.LOST
    world.troubles = {1: REPLY_CUT}
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert [key.sends for key in world.keys(ONE)] == [2]


def test_l14_exit_0_means_that_nothing_is_in_doubt(world: World) -> None:
    """One unknown among many, or one that the spec does not list: exit 3."""
    world.max_attempts = 1
    world.troubles = {1: REPLY_LOST}
    assert world.run([item(number) for number in range(1, 6)]).exit_code is ExitCode.UNKNOWN
    assert world.run([item(7)]).exit_code is ExitCode.UNKNOWN


def test_l15_a_key_twice_in_a_spec_is_refused(tmp_path: Path) -> None:
    """Of two lists of accounts none is silently dropped."""
    path = tmp_path / "spec.yaml"
    path.write_text(f'{HEAD}accounts: ["{ACCOUNT}"]\naccounts: ["{ACCOUNT[:-1]}2"]\n')
    spec, findings = check_spec(path)
    assert spec is None
    assert any("twice" in str(finding) or "already" in str(finding) for finding in findings)


@pytest.mark.parametrize("written", ["00012345", "0123", "12:30:45", "no", "1e5", "~"])
def test_l16_an_account_is_never_read_as_something_else(tmp_path: Path, written: str) -> None:
    """Plain text stays text, and text that is no account ID is refused as it was written."""
    path = tmp_path / "spec.yaml"
    path.write_text(f"{HEAD}accounts: [{written}]\n")
    spec, findings = check_spec(path)
    assert spec is None
    assert findings


def test_l16_digits_alone_are_an_account_id(tmp_path: Path) -> None:
    """32 digits without quotes are the ID that they look like, leading zeros and all."""
    path = tmp_path / "spec.yaml"
    path.write_text(f"{HEAD}accounts: [{ACCOUNT}]\n")
    spec, _ = check_spec(path)
    assert spec
    assert [account.account_id for account in spec.accounts] == [ACCOUNT]


def test_l17_one_items_bug_does_not_cancel_its_siblings(world: World) -> None:
    """A sender that raises for one call leaves it in doubt, and the others their invoices."""
    calls = 0

    def bug(what: str) -> Trouble:
        nonlocal calls
        calls += what == "generate"
        if what == "generate" and calls == 2:
            raise ZeroDivisionError
        return NONE

    world.chance = bug
    items = [item(number) for number in range(1, 6)]
    assert world.run(items).outcomes == ["invoiced"] * 5
    assert sorted(key.sends for one in items for key in world.keys(one)) == [1, 1, 1, 1, 2]


def test_l18_a_timeout_is_not_taken_for_a_disk_error(world: World) -> None:
    """TimeoutError is an OSError; here it is a fault of the network, and the run goes on."""
    assert issubclass(TimeoutError, OSError)
    flight = Flight()
    flight.sent = True
    assert fault_of(TimeoutError(), flight).kind is FaultKind.TIMEOUT
    world.troubles = {1: SILENCE}
    run = world.run([ONE])
    assert not run.stop
    assert run.outcomes == ["invoiced"]


def test_l19_the_entity_is_in_the_header_and_in_the_key() -> None:
    """F82: a call for one entity is neither answered by nor deduplicated with another's."""
    first = replace(TENANT, entity_id="11111111-1111-1111-1111-111111111111")
    second = replace(TENANT, entity_id="22222222-2222-2222-2222-222222222222")
    keys = {make_call(tenant, [ONE], 0).key for tenant in (TENANT, first, second)}
    assert len(keys) == 3
    headers = request_headers(first, "k", "t", "b")
    assert headers["Zuora-Entity-Ids"] == first.entity_id


def test_l19_a_missing_entity_fails_and_bills_nothing(make_world: MakeWorld) -> None:
    """A tenant of several entities refuses a call that names none."""
    entity = "11111111-1111-1111-1111-111111111111"
    world = make_world(config=EmulatorConfig(Path("unused"), modes=UNGUARDED, entities=(entity,)))
    run = world.run([ONE])
    assert not run.records[ONE.identity].outcome.success
    assert run.exit_code is not ExitCode.OK
    assert world.executions == []


def test_l20_a_mistyped_field_would_be_refused(world: World) -> None:
    """Each call asks the server to reject what it does not know, instead of ignoring it."""
    assert GENERATE_QUERY == "rejectUnknownFields=true"
    unknown = Trouble(
        arrives=False,
        instead=Reply(400, {}, b'{"message":"Error - unrecognised fields"}'),
    )
    world.troubles = {1: unknown}
    run = world.run([ONE])
    assert run.outcomes == ["failed"]
    error = run.records[ONE.identity].error
    assert error
    assert "unrecognised fields" in error.message


def test_l21_a_replay_of_an_invoice_deleted_since_is_measured(world: World) -> None:
    """Stated: an invoice deleted between a lost reply and its replay is reported by its old ID.

    It was created by our call and deleted by a person; nothing is billed again, and `verify`
    finds that it is gone.
    """

    async def delete_it(_: object) -> None:
        await asyncio.sleep(1.2)
        world.delete(world.invoices[0].id)

    world.troubles = {1: REPLY_LOST}
    run = world.run([ONE], during=delete_it)
    assert run.outcomes == ["invoiced"]
    assert world.billed(ONE) == 1
    assert world.invoices == []


def test_l22_a_body_that_ends_early_is_no_answer(world: World) -> None:
    """Cut short, with or without a length: doubt, and the same key again.

    At which byte makes no difference here; F19 cuts at each of them, over a socket.
    """
    world.faults.switch([Scheduled(fault("truncated"), at=1)])
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert [key.sends for key in world.keys(ONE)] == [2]


@pytest.mark.parametrize("length", range(0, 47, 5))
def test_l22_a_cut_body_that_looks_whole_is_read_as_json_or_not_at_all(
    world: World, length: int
) -> None:
    """A clean 200 whose body is a prefix of rows settles nothing."""
    body = json.dumps([{"Success": True, "Id": "e" * 32}]).encode()[:length]
    cut = Trouble(arrives=False, instead=Reply(200, {}, body))
    world.troubles = {1: cut, 2: cut}
    assert world.run([ONE]).outcomes == ["unknown"]


@pytest.mark.parametrize("bodies", [(b"[]", b"{}"), (b"", b"null"), (b'{"Success":true}', b"[1]")])
def test_l22_shapes_that_are_no_rows_settle_nothing(world: World, bodies: Sequence[bytes]) -> None:
    """A 200 of any other shape is doubt, then the question."""
    world.troubles = {
        number: Trouble(arrives=False, instead=Reply(200, {}, body))
        for number, body in enumerate(bodies, 1)
    }
    assert world.run([ONE]).outcomes == ["unknown"]
    world.pass_time(2 * HOUR)
    assert world.run([ONE]).outcomes == ["invoiced"]
