"""What goes wrong with a call: whether it was executed, what its key keeps, what gets through."""

from __future__ import annotations

import pytest

from support.emulator import Driver, driving, errors_of, row, rows_of
from support.mishaps import DROP_AFTER, DROP_BEFORE, UNKNOWN_EXECUTED, UNKNOWN_UNEXECUTED
from zbatch.emulator import Delivery, Faults, Mishap, Modes, Scheduled, SecondGenerate
from zbatch.emulator.catalogue import fault
from zbatch.emulator.exchange import Answer
from zbatch.emulator.faults import QUERY
from zbatch.emulator.visit import Pending

UNGUARDED = Modes(second_generate=SecondGenerate.BILLS_AGAIN)


def first(mishap: Mishap) -> dict[str, object]:
    """Return the settings of an unguarded tenant where this happens to the first generate."""
    return {"modes": UNGUARDED, "faults": (Scheduled(mishap, at=1),)}


def send(driver: Driver, *rows: dict[str, object], key: str = "k") -> Answer:
    """Send a generate and let it finish if it begins."""
    body = {"objects": list(rows or (row("d0"),)), "type": "Invoice"}
    arrived = driver.arrive(driver.request(body, key))
    return driver.finish(arrived) if isinstance(arrived, Pending) else arrived


def test_a_call_dropped_before_its_execution() -> None:
    """Nothing is billed, the key is free, and the history tells of the call."""
    with driving(**first(DROP_BEFORE)) as driver:
        assert send(driver).delivery is Delivery.RESET
        assert (driver.invoices, driver.history[-1].status) == ([], 0)
        assert driver.history[-1].note == "reset: not executed, reset"
        assert errors_of(send(driver)) == [""]
        assert len(driver.executions) == 1


@pytest.mark.parametrize("mishap", [DROP_AFTER, fault("silence"), fault("truncated")])
def test_an_answer_that_does_not_get_through(mishap: Mishap) -> None:
    """The call is executed, and its key gives the whole answer when asked again."""
    with driving(**first(mishap)) as driver:
        lost = send(driver)
        assert lost.delivery is mishap.what_becomes
        assert driver.history[-1].note == f"{mishap.name}: {mishap.what_becomes.value}"
        again = send(driver)
        assert (again.delivery, again.body) == (Delivery.WHOLE, lost.body)
        assert len(driver.executions) == 1


def test_what_happens_to_the_calls_for_one_account() -> None:
    """It is found in the content of a call, and passes over all others."""
    mine, other = row("d0"), row("d1")
    scheduled = Scheduled(DROP_BEFORE, every=1, account=str(mine["AccountId"]))
    with driving(modes=UNGUARDED, faults=(scheduled,)) as driver:
        found = [send(driver, one, key=f"k{n}") for n, one in enumerate((other, mine, other))]
        assert [one.delivery is Delivery.RESET for one in found] == [False, True, False]
        assert len(driver.executions) == 2


STATUSES = [500, 502, 503, 504]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("executed", [True, False])
@pytest.mark.parametrize("stored", [True, False])
def test_a_status_instead_of_rows(status: int, executed: bool, stored: bool) -> None:
    """Before or after the execution, and kept under the key or not: each of the 16 cases."""
    mishap = fault("status", status=status, executed=executed, stored=stored, retry_after="7")
    with driving(**first(mishap)) as driver:
        broken = send(driver)
        assert (broken.status, broken.headers["Retry-After"]) == (status, "7")
        assert b"Success" not in broken.body
        assert len(driver.executions) == executed
        again = send(driver)
        assert again.status == (status if stored else 200)
        same = again.headers["Zuora-Request-Id"] == broken.headers["Zuora-Request-Id"]
        assert same is (stored or executed)
        assert len(driver.executions) == (executed or not stored)


@pytest.mark.parametrize(
    ("mishap", "code", "billed"),
    [
        (fault("locked"), "LOCK_COMPETITION", 0),
        (UNKNOWN_UNEXECUTED, "UNKNOWN_ERROR", 0),
        (UNKNOWN_EXECUTED, "UNKNOWN_ERROR", 1),
    ],
)
def test_error_rows_are_kept_like_any_rows(mishap: Mishap, code: str, billed: int) -> None:
    """The key replays the error whatever was done; only a new key bills what was not."""
    with driving(**first(mishap)) as driver:
        assert errors_of(send(driver)) == [code]
        assert errors_of(send(driver)) == [code]
        assert len(driver.executions) == billed
        assert errors_of(send(driver, key="other")) == [""]
        assert len(driver.executions) == billed + 1


def test_one_row_of_several_goes_wrong() -> None:
    """The named position alone has the error, and the rows beside it stand."""
    lock = Mishap(executed=False, code="LOCK_COMPETITION", rows=(1,), delivery=Delivery.RESET)
    with driving(**first(lock)) as driver:
        assert send(driver, row("d0"), row("d1"), row("d2")).delivery is Delivery.RESET
        again = send(driver, row("d0"), row("d1"), row("d2"))
        assert errors_of(again) == ["", "LOCK_COMPETITION", ""]
        assert [r["Id"] for r in rows_of(again) if r["Success"]] == [
            invoice.id for invoice in driver.invoices
        ]


def test_what_is_stored_never_replaces_what_a_key_holds() -> None:
    """A status at the second use of a key, in progress or over, leaves the key its rows."""
    mishap = Mishap(executed=False, status=502, stored=True)
    schedule = (Scheduled(mishap, at=2), Scheduled(mishap, at=3))
    with driving(modes=UNGUARDED, faults=schedule) as driver:
        pending = driver.begin(row("d0"), key="k")
        assert send(driver).status == 502
        driver.finish(pending)
        assert send(driver).status == 502
        assert errors_of(send(driver)) == [""]
        assert len(driver.executions) == 1


def test_a_replay_can_get_lost_too() -> None:
    """A mishap happens to the arrival with its number, whatever that comes to."""
    with driving(modes=UNGUARDED, faults=(Scheduled(DROP_AFTER, at=2),)) as driver:
        send(driver)
        assert send(driver).delivery is Delivery.RESET
        assert driver.history[-1].note == "replayed; reset: reset"
        assert send(driver).delivery is Delivery.WHOLE


def test_queries_have_their_own_count() -> None:
    """A mishap of queries leaves the generates alone, and theirs the queries."""
    schedule = (
        Scheduled(Mishap(executed=False, status=503), at=1, action=QUERY),
        Scheduled(DROP_AFTER, at=2),
    )
    with driving(faults=schedule) as driver:
        assert send(driver, key="a").status == 200
        assert driver.refuse_query("select Id from Invoice").status == 503
        assert driver.ask("select Id from Invoice")["size"] == 1
        assert send(driver, key="b").delivery is Delivery.RESET


def test_the_first_that_hits_happens() -> None:
    """Every k-th call or one alone, in the order of the schedule, until it is switched."""
    one, all_even = fault("silence"), fault("locked")
    faults = Faults([Scheduled(one, at=4), Scheduled(all_even, every=2)])
    found = [faults.next("generate") for _ in range(6)]
    assert found == [None, all_even, None, one, None, all_even]
    faults.switch([Scheduled(one, at=8)])
    assert [faults.next("generate") for _ in range(2)] == [None, one]
    faults.switch()
    assert [faults.next("generate") for _ in range(8)] == [None] * 8
    assert faults.arrived() == 16
