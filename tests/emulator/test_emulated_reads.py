"""Accounts and invoices that are read one at a time, by ID and by number."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from support.emulator import Driver, account, driving, row
from zbatch.emulator import Modes, ServerLimits, TaxFields
from zbatch.emulator.catalogue import fault
from zbatch.emulator.config import Temporary
from zbatch.emulator.exchange import Answer, Request
from zbatch.emulator.faults import QUERY, Mishap
from zbatch.emulator.schedule import Scheduled
from zbatch.emulator.visit import Pending
from zbatch.model import Rate

A, B, C = account("a1"), account("a2"), account("a3")
LISTED = (
    "account_id,account_number,status,currency,amount,tax\n"
    f"{A},A-1,,EUR,1234.50,\n{B},B 2/3,Canceled,,,\n{C},A-1,,,-0.07,failed\n"
)


def get(driver: Driver, path: str, **headers: str) -> Request:
    """Build a request that reads."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("GET", path, {}, {"authorization": f"Bearer {driver.bearer}", **named}, b"")


def answered(driver: Driver, path: str, **headers: str) -> Answer:
    arrived = driver.arrive(get(driver, path, **headers))
    return arrived if isinstance(arrived, Answer) else driver.finish(arrived)


def read(driver: Driver, path: str) -> Any:
    """Read what a path names, which must be there."""
    answer = answered(driver, path)
    told = json.loads(answer.body)
    assert (answer.status, told["success"]) == (200, True)
    return told


def test_an_account_is_read_by_id_and_by_number() -> None:
    """Its number, status and currency; an ID in any case, and a number as it is written."""
    expected = {
        "basicInfo": {"id": A, "accountNumber": "A-1", "status": "Active"},
        "billingAndPayment": {"currency": "EUR"},
        "success": True,
    }
    with driving(listed=LISTED) as driver:
        assert read(driver, f"/v1/accounts/{A}") == expected
        assert read(driver, f"/v1/accounts/{A.upper()}") == expected
        assert read(driver, "/v1/accounts/A-1") == expected
        other = read(driver, "/v1/accounts/B%202%2F3")
        assert other["basicInfo"] == {"id": B, "accountNumber": "B 2/3", "status": "Canceled"}


def test_where_no_book_lists_accounts_every_id_is_one() -> None:
    """And its number is an A before the ID in capitals."""
    with driving(listed=None) as driver:
        told = read(driver, f"/v1/accounts/A{B.upper()}")
        assert told["basicInfo"] == {
            "id": B,
            "accountNumber": f"A{B.upper()}",
            "status": "Active",
        }
        assert told == read(driver, f"/v1/accounts/{B}")


def test_an_invoice_is_read_by_id_and_by_number() -> None:
    """All that is on record of it; what was paid is off its balance."""
    with driving(listed=LISTED) as driver:
        driver.generate(row("a1", "2026-12-31"), row("a3"))
        first, second = driver.invoices
        driver.now += 60
        driver.store.invoices.set_status(first.id, "Posted", driver.now)
        driver.store.invoices.pay(first.id, 1_000, driver.now)
        told = read(driver, f"/v1/invoices/{first.id}")
        assert told == {
            "id": first.id,
            "accountId": A,
            "invoiceNumber": "INV00000001",
            "invoiceDate": "2026-11-30",
            "targetDate": "2026-12-31",
            "status": "Posted",
            "amount": 1234.5,
            "balance": 1224.5,
            "currency": "EUR",
            "source": "API",
            "taxStatus": "Complete",
            "createdDate": "2026-11-28 04:00:02",
            "updatedDate": "2026-11-28 04:01:02",
            "success": True,
        }
        assert read(driver, "/v1/invoices/INV00000001") == told
        other = read(driver, f"/v1/invoices/{second.id.upper()}")
        assert (other["invoiceNumber"], other["amount"]) == ("INV00000002", -0.07)
        assert (other["taxStatus"], bool(other["taxMessage"])) == ("Error", True)


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/accounts/{'9' * 32}",
        "/v1/accounts/a-1",
        f"/v1/invoices/{'9' * 32}",
        "/v1/invoices/INV1",
        "/v1/invoices/00000001",
        "/v1/invoices/INV00000002",
        f"/v1/invoices/INV{'9' * 40}",
        "/v1/invoices/INV%C2%B2",
        f"/v1/invoices/{A}",
    ],
)
def test_an_unknown_key_is_a_200_at_first_and_a_404_since(path: str) -> None:
    """Zuora's minor version of May 2024 says by the status what the body alone said before."""
    with driving(listed=LISTED) as driver:
        driver.generate(row("a1"))
        for version in ("", "196.0", "2024-05-19", "x"):
            assert answered(driver, path, zuora_version=version).status == 200
        modern = answered(driver, path, zuora_version="2024-05-20")
        told = json.loads(modern.body)
        assert (modern.status, told["success"]) == (404, False)
        assert [reason["code"] for reason in told["reasons"]] == [50000040]
        assert "Cannot find entity by key" in told["reasons"][0]["message"]
        assert len(told["processId"]) == 16


@pytest.mark.parametrize("path", ["/v1/accounts/", "/v1/invoices/a/items", "/v1/orders/a"])
def test_other_paths_are_none(driver: Driver, path: str) -> None:
    """What the emulator does not play is not found, whatever the version."""
    assert answered(driver, path).status == 404


def test_a_read_needs_a_token_and_takes_no_key(driver: Driver) -> None:
    """As any other call: 401 without a token, 400 with an idempotency key."""
    path = f"/v1/accounts/{account('d0')}"
    assert answered(driver, path, authorization="Bearer x").status == 401
    refused = answered(driver, path, idempotency_key="k")
    assert (refused.status, b"'GET' not supported" in refused.body) == (400, True)


def test_reads_count_as_calls_and_are_on_record() -> None:
    """They use up the rate, hold a place while they take time, and stand in the history."""
    limits = ServerLimits(rates=(Rate(3, 60.0),), concurrency=1)
    path = f"/v1/accounts/{account('d0')}"
    with driving(limits=limits, query_latency=1.0) as driver:
        running = driver.arrive(get(driver, path))
        assert isinstance(running, Pending)
        assert answered(driver, path).headers["Retry-After"] == "120"
        first = driver.finish(running)
        assert (first.status, first.headers["ratelimit-remaining"]) == (200, "1")
        assert answered(driver, path).status == 200
        assert answered(driver, path).status == 429
        assert [(one.method, one.path, one.status) for one in driver.history[1:]] == [
            ("GET", path, status) for status in (429, 200, 200, 429)
        ]


def test_a_read_shows_what_is_readable() -> None:
    """Not before the lag is over, and as Generating for a while."""
    with driving(modes=Modes(read_lag=10.0, generating=60.0)) as driver:
        driver.generate(row("d0"))
        path = f"/v1/invoices/{driver.invoices[0].id}"
        assert not json.loads(answered(driver, path).body)["success"]
        driver.now += 10
        assert read(driver, path)["status"] == "Generating"
        driver.now += 50
        assert read(driver, path)["status"] == "Draft"


def test_an_unfinished_invoice_is_found_by_the_number_that_it_has() -> None:
    """While that is a temporary one, its own finds nothing."""
    modes = Modes(generating=60.0, temporary=Temporary.OWN)
    with driving(modes=modes) as driver:
        driver.generate(row("d0"))
        own = "/v1/invoices/INV00000001"
        assert not json.loads(answered(driver, own).body)["success"]
        shown = read(driver, f"/v1/invoices/{driver.invoices[0].id}")
        assert shown["invoiceNumber"].startswith("TMP-INV-")
        driver.now += 60
        assert read(driver, own)["invoiceNumber"] == "INV00000001"


def test_what_the_tenant_does_not_have_is_not_told() -> None:
    """A tenant that tells of no tax tells of none here either."""
    with driving(modes=Modes(tax_fields=TaxFields.ABSENT)) as driver:
        driver.generate(row("d0"))
        told = read(driver, f"/v1/invoices/{driver.invoices[0].id}")
        assert not {"taxStatus", "taxMessage"} & told.keys()


def test_faults_of_queries_happen_to_reads() -> None:
    """Counted with them; those of an account happen to what names it."""
    away, refused = (Mishap(executed=False, status=status) for status in (503, 502))
    faults = (
        Scheduled(away, at=2, action=QUERY),
        Scheduled(refused, every=1, action=QUERY, account=account("d1")),
    )
    with driving(faults=faults) as driver:
        driver.ask("select Id from Invoice")
        paths = [f"/v1/accounts/{account(tail)}" for tail in ("d0", "d0", "d1")]
        assert [answered(driver, path).status for path in paths] == [503, 200, 502]


def test_what_a_fault_hides_is_not_read() -> None:
    """A read lags, or reads as Generating, where a fault has it so."""
    faults = (
        Scheduled(Mishap(lag=60.0), at=1, action=QUERY),
        Scheduled(Mishap(generating=60.0), at=2, action=QUERY),
    )
    with driving(faults=faults) as driver:
        driver.generate(row("d0"))
        path = f"/v1/invoices/{driver.invoices[0].id}"
        told = [json.loads(answered(driver, path).body) for _ in range(3)]
        assert [one.get("status") for one in told] == [None, "Generating", "Draft"]


def test_a_read_may_be_refused_before_it_is_read() -> None:
    """A connection that breaks at once counts among questions, as that of any other does."""
    broken = Scheduled(fault("reset", when="before_read"), at=1, action=QUERY)
    with driving(faults=(broken,)) as driver:
        path = f"/v1/accounts/{account('d0')}"
        assert driver.tenant.meet_unread("POST", path, driver.now) is None
        assert driver.tenant.meet_unread("GET", path, driver.now) is not None
        assert answered(driver, path).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
def test_nothing_is_changed_that_way(driver: Driver, method: str) -> None:
    """An account or an invoice is only read."""
    request = replace(get(driver, f"/v1/accounts/{account('d0')}"), method=method)
    answer = driver.arrive(request)
    assert isinstance(answer, Answer)
    assert answer.status == 404
