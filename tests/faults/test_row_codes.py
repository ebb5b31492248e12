"""F35, F36: each code that a row may carry, told to a clean key and to a doubtful one."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest

from support.engine import item
from support.world import HOUR, LIMITS, World
from support.world_net import LOST_ON_THE_WAY, REPLY_LOST, Trouble
from zbatch.emulator import Mishap, Scheduled
from zbatch.model import ExitCode, Rate
from zbatch.zuora.wire import Reply

ONE = item(1)


@dataclass(frozen=True, slots=True)
class Way:
    """What an item comes to in the run, and hours later; and how many keys that took."""

    told: str
    later: str
    keys: int


AT_ONCE = Way("invoiced", "invoiced", 2)  # rolled back: the next key, in the same run
ASKED = Way("unknown", "invoiced", 2)  # the question finds nothing, and lets the next key go
ASKED_LAST = Way("unknown", "failed", 1)  # the question finds nothing, and that is the end
FAILED = Way("failed", "failed", 1)

# The codes of the page "Errors", and those that clients have met: clean key, doubtful key.
CODES: dict[str, tuple[Way, Way]] = {
    # told to a doubtful key it says nothing of its first send, which may hold that very lock
    "LOCK_COMPETITION": (AT_ONCE, ASKED),
    # perhaps said before the key was looked at: no proof of what an earlier send has done; so is
    # whatever speaks of the tenant, its user or the request below
    "TEMPORARY_ERROR": (AT_ONCE, ASKED),
    "REQUEST_EXCEEDED_LIMIT": (AT_ONCE, ASKED),
    "REQUEST_EXCEEDED_RATE": (AT_ONCE, ASKED),
    "UNKNOWN_ERROR": (ASKED, ASKED),
    "TRANSACTION_TIMEOUT": (ASKED, ASKED),
    "TRANSACTION_FAILED": (ASKED, ASKED),
    "SERVER_UNAVAILABLE": (ASKED, ASKED),
    "UNEXPECTED_ERROR": (ASKED, ASKED),
    "BATCH_FAIL_ERROR": (ASKED, ASKED),
    "REQUEST_REJECTED": (ASKED, ASKED),
    "TRANSACTION_TERMINATED": (ASKED_LAST, ASKED_LAST),
    "API_DISABLED": (FAILED, ASKED),
    "CANNOT_DELETE": (FAILED, ASKED_LAST),
    "DUPLICATE_VALUE": (FAILED, ASKED_LAST),
    "INVALID_FIELD": (FAILED, ASKED),
    "INVALID_ID": (FAILED, ASKED_LAST),
    "INVALID_TYPE": (FAILED, ASKED),
    "INVALID_VALUE": (FAILED, ASKED_LAST),
    "INVALID_VERSION": (FAILED, ASKED),
    "MALFORMED_QUERY": (FAILED, ASKED),
    "MAX_RECORDS_EXCEEDED": (FAILED, ASKED),
    "MISSING_REQUIRED_VALUE": (FAILED, ASKED_LAST),
    "ACCOUNTING_PERIOD_CLOSED": (FAILED, ASKED_LAST),
    "NO_PERMISSION": (FAILED, ASKED),
    # the list may grow without notice
    "QUOTA_OF_TOMORROW": (ASKED, ASKED),
    "50000070": (ASKED, ASKED),
}
UNSURE = [code for code, (clean, _) in CODES.items() if clean in (ASKED, ASKED_LAST)]


def goes(world: World, way: Way) -> None:
    """Run now and two hours later, and hold the way that the item goes."""
    run = world.run([ONE])
    assert run.outcomes == [way.told]
    assert (
        run.exit_code
        is {"invoiced": ExitCode.OK, "failed": ExitCode.FAILURES, "unknown": ExitCode.UNKNOWN}[
            way.told
        ]
    )
    world.pass_time(2 * HOUR)
    assert world.run([ONE]).outcomes == [way.later]
    assert len(world.keys(ONE)) == way.keys
    assert world.billed(ONE) == (way.later == "invoiced")


@pytest.mark.parametrize("code", CODES)
def test_f35_a_code_told_to_a_clean_key(world: World, code: str) -> None:
    """Renewed, asked about or failed, as the table says; billed once at most."""
    world.faults.switch([Scheduled(Mishap(executed=False, code=code), at=1)])
    goes(world, CODES[code][0])


@pytest.mark.parametrize("code", CODES)
def test_f35_a_code_told_to_a_doubtful_key(world: World, code: str) -> None:
    """The first send was lost on its way; what the row says of the key still counts."""
    world.troubles = {1: LOST_ON_THE_WAY}
    world.faults.switch([Scheduled(Mishap(executed=False, code=code), at=1)])
    goes(world, CODES[code][1])


@pytest.mark.parametrize("doubtful", [False, True])
@pytest.mark.parametrize("code", UNSURE)
def test_f35_a_code_that_lies_about_an_invoice(world: World, code: str, doubtful: bool) -> None:
    """The row says that it failed, and an invoice was made: the question claims it, under one key.

    With doubt the first answer, which said so, is lost as well.
    """
    world.troubles = {1: REPLY_LOST} if doubtful else {}
    world.faults.switch([Scheduled(Mishap(executed=True, code=code), at=1)])
    goes(world, Way("unknown", "invoiced", 1))


@pytest.mark.parametrize("code", ["INVALID_SESSION", "INVALID_LOGIN", "90000011"])
def test_f35_a_row_about_the_token_says_nothing_of_the_item(world: World, code: str) -> None:
    """A fresh token is refused too, while others get through by it: it is the key's own answer."""
    world.faults.switch([Scheduled(Mishap(executed=False, code=code), at=1)])
    world.limits = replace(LIMITS, concurrency=4, rate=Rate(2, 1.0))  # so that few are ahead
    items = [item(number) for number in range(1, 121)]
    assert set(world.run(items).outcomes) == {"invoiced"}
    assert sorted(len(world.keys(one)) for one in items) == [*[1] * 119, 2]


ODD_ERRORS: tuple[object, ...] = (
    [],
    None,
    {},
    "LOCK_COMPETITION",
    [None],
    [{}],
    [{"Code": 7}],
    [{"Code": ""}],
    [[]],
)


@pytest.mark.parametrize("executed", [True, False])
@pytest.mark.parametrize("errors", ODD_ERRORS, ids=repr)
def test_f36_a_failure_that_does_not_say_why(world: World, errors: object, executed: bool) -> None:
    """No reason, or none that we can read: left to the question, which finds or does not find."""
    row = b'[{"Success":false,"Errors":%s}]' % json.dumps(errors).encode()
    world.troubles = {1: Trouble(arrives=executed, instead=Reply(200, {}, row))}
    goes(world, Way("unknown", "invoiced", 1 if executed else 2))


@pytest.mark.parametrize("executed", [True, False])
def test_f36_a_failure_without_errors(world: World, executed: bool) -> None:
    """The member is not even there."""
    world.troubles = {1: Trouble(arrives=executed, instead=Reply(200, {}, b'[{"Success":false}]'))}
    goes(world, Way("unknown", "invoiced", 1 if executed else 2))
