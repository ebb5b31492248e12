"""What proves nothing: the answer to another question, or one that leaves the effect open."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from support.crashes import MakeWorld
from support.engine import item
from support.world import HOUR, LIMITS, UNGUARDED, Job, World
from support.world_net import Trouble, gateway
from zbatch.app.outstanding import Wish
from zbatch.emulator import Mishap, Scheduled
from zbatch.emulator.catalogue.misleading import MISLEADING
from zbatch.emulator.faults import GENERATE, QUERY
from zbatch.model import ExitCode
from zbatch.zuora.wire import Reply

ONE, TWO = PAIR = item(1), item(2)
ACCOUNT = ONE.identity.account_id
STRANGER = "f" * 32

Shown = dict[str, object]


def shown(number: int, account: object = ACCOUNT, **fields: object) -> Shown:
    """Make an invoice as a question shows it."""
    return {
        "Id": f"{number:032x}",
        "AccountId": account,
        "InvoiceNumber": f"INV{number}",
        "TargetDate": "2026-11-30",
        "Status": "Posted",
        "Amount": 10.0,
        "Source": "API",
        "CreatedDate": "2026-11-20T00:00:00.000+00:00",
        "UpdatedDate": "2026-11-20T00:00:00.000+00:00",
    } | fields


def instead(document: object, status: int = 200, *, arrives: bool = False) -> Trouble:
    """Answer with a body of our own, whether or not the request has arrived."""
    return Trouble(arrives=arrives, instead=Reply(status, {}, json.dumps(document).encode(), 1))


def page(*records: Shown, size: int, locator: str | None = None) -> Trouble:
    more = {"queryLocator": locator} if locator else {}
    return instead({"size": size, "done": locator is None, "records": records} | more)


_UNDATED = {name: value for name, value in shown(7).items() if name != "TargetDate"}
_DRAFT: Shown = {"TargetDate": "2026-10-31", "Status": "Draft"}


@pytest.mark.parametrize(
    "records",
    [
        [shown(7, STRANGER)],
        [_UNDATED],
        [shown(7, TargetDate="2026-11-29")],
        [shown(7, **_DRAFT)] * 2,
    ],
    ids=["of a stranger", "without a date", "of the day before", "one twice, another missing"],
)
def test_what_was_not_asked_for_is_no_answer(world: World, records: list[Shown]) -> None:
    """R8: an invoice is there, and the answer holds something else. It is asked for again."""
    world.bill_by_hand(ONE)
    world.query_troubles = {1: page(*records, size=len(records))}
    assert world.run([ONE]).outcomes == ["already_invoiced"]
    assert world.sent == 0


def test_an_invoice_that_comes_twice_is_not_counted_for_another(world: World) -> None:
    """R8: a page that repeats what was on the one before may have pushed another out."""
    world.bill_by_hand(TWO)
    first, again = (shown(number, **_DRAFT) for number in (7, 8))
    world.query_troubles = {
        1: page(first, again, size=3, locator="L-2"),
        2: page(again, size=3),
    }
    assert world.run(PAIR).outcomes == ["invoiced", "already_invoiced"]


def test_doubt_is_not_settled_by_the_answer_to_another_question(world: World) -> None:
    """R9b: nothing of the account is in it, and that is no proof that nothing is there."""
    world.max_attempts = 4
    world.troubles = {1: gateway(502, arrives=True)} | {n: gateway(502) for n in (2, 3, 4)}
    assert world.run([ONE]).outcomes == ["unknown"]
    world.pass_time(2 * HOUR)
    asked = world.asked
    world.query_troubles = {asked + n: page(shown(7, STRANGER), size=1) for n in (1, 2)}
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert world.billed(ONE) == 1


OPEN = [
    "LOCK_COMPETITION",
    "SERVER_UNAVAILABLE",
    "TRANSACTION_TERMINATED",
    "TRANSACTION_TIMEOUT",
    "UNKNOWN_ERROR",
]


@pytest.mark.parametrize("code", OPEN)
@pytest.mark.parametrize("status", [400, 403])
def test_a_code_that_leaves_the_effect_open_is_no_refusal(
    world: World, status: int, code: str
) -> None:
    """R4: executed, and answered by a status that alone would say that nothing was."""
    fault = {"FaultCode": f"fns:{code}", "FaultMessage": "no"}
    world.troubles = {1: instead(fault, status, arrives=True)}
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert world.billed(ONE) == 1


@pytest.mark.parametrize("code", OPEN)
def test_one_answer_for_all_objects_of_a_call_refuses_none_of_them(world: World, code: str) -> None:
    """R12: the same where it does not even speak of each."""
    world.limits = replace(LIMITS, objects_per_call=2)
    row = {"Success": False, "Errors": [{"Code": code, "Message": "no"}]}
    world.troubles = {1: instead(row, 400, arrives=True)}
    assert world.run(PAIR).outcomes == ["invoiced"] * 2
    assert [world.billed(one) for one in PAIR] == [1, 1]


def test_what_was_left_open_is_not_tried_again_as_a_failure(make_world: MakeWorld) -> None:
    """R10: on a tenant that shows its invoices late, a retry would bill again, and end well."""
    world = make_world(modes=replace(UNGUARDED, read_lag=600.0))
    fault = {"FaultCode": "fns:TRANSACTION_TIMEOUT", "FaultMessage": "no"}
    world.troubles = {1: instead(fault, 400, arrives=True)}
    world.run([ONE])
    world.play(Job(world.plan((ONE,)), wish=Wish(retry_failed=True)))
    assert world.billed(ONE) == 1


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_leaves_open_whether_its_call_was_executed(
    make_world: MakeWorld, status: int, lost: bool
) -> None:
    """R3: "see other" comes after the deed. The run stops, with doubt; then the same key goes."""
    world = make_world(modes=replace(UNGUARDED, read_lag=600.0))
    world.troubles = {1: gateway(status, arrives=True)}
    if lost:
        world.troubles = {1: gateway(502), 2: gateway(status, arrives=True)}
    run = world.run([ONE])
    assert (run.outcomes, run.exit_code) == (["unknown"], ExitCode.UNKNOWN)
    assert run.stop.startswith(f"HTTP {status}")
    world.troubles = {}
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert len(world.keys(ONE)) == 1
    assert world.billed(ONE) == 1


def test_a_redirect_of_a_call_is_not_forgotten(make_world: MakeWorld) -> None:
    """R6: a day later its key is not sent again: the tenant is asked, as of any in doubt."""
    world = make_world()
    world.troubles = {1: gateway(303, arrives=True)}
    world.run([ONE])
    world.troubles = {}
    world.pass_time(25 * HOUR)
    sent = world.sent
    assert world.run([ONE]).outcomes == ["invoiced"]
    assert world.sent == sent
    assert world.billed(ONE) == 1


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
@pytest.mark.parametrize("code", ["LOCK_COMPETITION", "REQUEST_EXCEEDED_LIMIT", "TEMPORARY_ERROR"])
def test_a_row_that_says_try_again_proves_nothing_under_a_status_that_leaves_it_open(
    make_world: MakeWorld, status: int, code: str
) -> None:
    """R4: the same key is sent again, where under 200 the next one would be."""
    world = make_world(modes=replace(UNGUARDED, read_lag=600.0))
    row = {"Success": False, "Errors": [{"Code": code, "Message": "no"}]}
    world.troubles = {1: instead(row, status, arrives=True)}
    world.run([ONE])
    assert world.billed(ONE) == 1


def catalogued(action: str) -> list[Mishap]:
    """Give what the emulator's catalogue has of answers that prove nothing."""
    known = [one for one in MISLEADING if action in one.actions]
    return [one.make(settings) for one in known for settings in one.random]


@pytest.mark.parametrize("mishap", catalogued(QUERY), ids=lambda one: one.name)
def test_a_question_that_is_answered_misleadingly_is_asked_again(
    world: World, mishap: Mishap
) -> None:
    """R8: both items have an invoice, of which the answer hides at least one."""
    for one in PAIR:
        world.bill_by_hand(one)
    world.faults.switch([Scheduled(mishap, at=1, action=QUERY)])
    assert world.run(PAIR).outcomes == ["already_invoiced"] * 2
    assert (world.sent, world.asked) == (0, 3)  # the last one reads the invoices


@pytest.mark.parametrize("mishap", catalogued(GENERATE), ids=lambda one: one.note)
def test_a_call_that_is_answered_misleadingly_bills_once(
    make_world: MakeWorld, mishap: Mishap
) -> None:
    """R4, R12: executed or not, kept under the key or not, for both objects of a call."""
    world = make_world(modes=replace(UNGUARDED, read_lag=600.0))
    world.limits = replace(LIMITS, objects_per_call=2)
    world.faults.switch([Scheduled(mishap, at=1)])
    assert {"invoiced", "unknown"} >= set(world.run(PAIR).outcomes)
    for _ in range(2):
        world.pass_time(2 * HOUR)
        last = world.run(PAIR)
    assert last.outcomes == ["invoiced"] * 2
    assert [world.billed(one) for one in PAIR] == [1, 1]
