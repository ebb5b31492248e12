"""The query call: what it shows of the invoices, when, and in which pages."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from support.emulator import Driver, account, driving, row
from zbatch.emulator import Modes, ServerLimits, SourceField
from zbatch.emulator.exchange import Answer
from zbatch.emulator.invoices import Order
from zbatch.emulator.keys import REPLAYED
from zbatch.emulator.visit import Pending
from zbatch.model import Rate

DAY = date(2026, 11, 30)
ALL = (
    "select Id, AccountId, InvoiceNumber, InvoiceDate, TargetDate, Status, Amount, Source,"
    " CreatedDate, UpdatedDate, Balance from Invoice"
)
STATUS = "select Status from Invoice"
IDS = "select Id from Invoice"


def of(tail: str, target: str = "2026-11-30") -> str:
    """Ask for an account's invoices of a target date."""
    return f"{IDS} where AccountId='{account(tail)}' and TargetDate='{target}'"


def test_every_field_of_an_invoice(driver: Driver) -> None:
    """A record has each field asked for; amounts have two decimals, times the tenant's zone."""
    driver.generate(row("d0"))
    body = driver.refuse_query(ALL).body.decode()
    [invoice] = driver.invoices
    amount = f"{invoice.cents // 100}.{invoice.cents % 100:02}"
    assert body == (
        f'{{"size":1,"records":[{{"Id":"{invoice.id}","AccountId":"{account("d0")}",'
        '"InvoiceNumber":"INV00000001","InvoiceDate":"2026-11-30","TargetDate":"2026-11-30",'
        f'"Status":"Draft","Amount":{amount},"Source":"API",'
        '"CreatedDate":"2026-11-28T04:00:01.000-08:00",'
        f'"UpdatedDate":"2026-11-28T04:00:01.000-08:00","Balance":{amount}}}],"done":true}}'
    )


def test_a_field_without_value_is_left_out(driver: Driver) -> None:
    """Where the tenant does not tell who made an invoice, Source is no key of its record."""
    driver.store.invoices.create(Order(account("d0"), DAY, DAY, source=None), 1, driver.now)
    assert "Source" not in driver.ask(ALL)["records"][0]


def test_no_match_has_no_records(driver: Driver) -> None:
    """Nothing found is a size of 0 and no records at all."""
    assert driver.ask(of("d0")) == {"size": 0, "done": True}


def test_branches_find_their_own(driver: Driver) -> None:
    """A question about several accounts finds each for its own date and nothing else."""
    for tail, target in (("d0", "2026-11-30"), ("d1", "2026-12-31"), ("d2", "2026-11-30")):
        driver.generate(row(tail, target))
    query = f"{of('d0')} or {of('d1').partition(' where ')[2]}"
    assert driver.ask(query)["records"] == [{"Id": driver.invoices[0].id}]


def test_every_invoice_of_an_account_is_found(driver: Driver) -> None:
    """Where a generate made three and told one, the query tells all."""
    driver.generate(row("d3"))
    assert driver.ask(of("d3"))["size"] == 3


def test_pages() -> None:
    """A long answer comes in pages, and what arises meanwhile is in none of them."""
    with driving(page=2) as driver:
        driver.generate(row("d3"))
        first = driver.ask(IDS)
        assert (first["size"], len(first["records"]), first["done"]) == (3, 2, False)
        driver.generate(row("d0"))
        last = driver.ask_more(first["queryLocator"])
        assert (last["size"], len(last["records"]), last["done"]) == (3, 1, True)
        assert "queryLocator" not in last
        told = [record["Id"] for record in first["records"] + last["records"]]
        assert told == [invoice.id for invoice in driver.invoices[:3]]


def test_a_page_that_is_just_full_is_the_last() -> None:
    """As many records as a page holds are all there is: done, and no locator."""
    with driving(page=3) as driver:
        driver.generate(row("d3"))
        answer = driver.ask(IDS)
        assert (len(answer["records"]), answer["done"]) == (3, True)
        assert "queryLocator" not in answer


def test_two_thousand_records_are_a_page(driver: Driver) -> None:
    """The documented most is what a page holds; the rest is found by its locator."""
    order = Order(account("d0"), DAY, DAY)
    driver.store.invoices.create(order, 2001, driver.now)
    first = driver.ask(IDS)
    assert len(first["records"]) == 2000
    assert len(driver.ask_more(first["queryLocator"])["records"]) == 1


@pytest.mark.parametrize("age", [432_000.0, 431_999.0])
def test_a_locator_is_kept_five_days(age: float) -> None:
    """It outlives a restart, and is refused afterwards like one that never was."""
    with driving(page=1, limits=ServerLimits(token_life=1e9)) as driver:
        driver.generate(row("d3"))
        locator = driver.ask(IDS)["queryLocator"]
        driver.restart()
        driver.now += age
        if age < 432_000:
            assert driver.ask_more(locator)["size"] == 3
        for bad in (locator, "x", "-1", f"{locator}x", "x-٣") if age == 432_000 else ():
            request = driver.request({"queryLocator": bad})
            answer = driver.arrive(replace(request, path="/v1/action/queryMore"))
            assert isinstance(answer, Answer)
            assert (answer.status, b"queryLocator" in answer.body) == (400, True)


def test_an_invoice_is_readable_after_the_lag() -> None:
    """Until the lag is over no query shows it, though it exists."""
    with driving(modes=Modes(read_lag=600.0)) as driver:
        driver.generate(row("d0"))
        driver.now += 599.9
        assert driver.ask(of("d0"))["size"] == 0
        assert len(driver.invoices) == 1
        driver.now += 0.1
        assert driver.ask(of("d0"))["size"] == 1


def test_an_invoice_is_generating_at_first() -> None:
    """For a while its status reads Generating, then Draft; what is posted is not generating."""
    with driving(modes=Modes(generating=60.0)) as driver:
        driver.generate(row("d0"))
        driver.generate(row("d1"))
        driver.store.invoices.set_status(driver.invoices[1].id, "Posted", driver.now)
        statuses = [record["Status"] for record in driver.ask(STATUS)["records"]]
        assert statuses == ["Generating", "Posted"]
        assert driver.ask(f"{STATUS} where Status='Generating'")["size"] == 1
        driver.now += 60
        assert driver.ask(f"{STATUS} where Status='Draft'")["size"] == 1


def test_a_tenant_without_the_source_field() -> None:
    """Source is of controlled release: where it is absent, asking for it is a fault."""
    with driving(modes=Modes(source_field=SourceField.ABSENT)) as driver:
        refused = driver.refuse_query(ALL)
        assert (refused.status, json.loads(refused.body)) == (
            400,
            {
                "FaultCode": "INVALID_FIELD",
                "FaultMessage": "invalid field for query: Invoice.Source",
            },
        )


def test_a_key_on_a_query_replays_what_was_true_once() -> None:
    """A query takes a key as any POST does, and then never tells of later invoices."""
    with driving() as driver:
        assert driver.ask(of("d0"), key="k")["size"] == 0
        driver.generate(row("d0"))
        assert driver.ask(of("d0"), key="k")["size"] == 0
        assert driver.history[-1].note == REPLAYED
        assert driver.ask(of("d0"))["size"] == 1


@pytest.mark.parametrize(
    ("path", "method", "status", "words"),
    [
        ("/v1/action/query1", "POST", 400, b"Invalid action 'query1'"),
        ("/v1/action/querymore", "POST", 400, b"ClientError"),
        ("/v1/action/Generate", "POST", 400, b"ClientError"),
        ("/v1/action/query", "GET", 404, b"50000040"),
    ],
)
def test_an_action_is_known_by_its_exact_name(
    driver: Driver, path: str, method: str, status: int, words: bytes
) -> None:
    """Another spelling of an action is no action."""
    answer = driver.arrive(replace(driver.request({}), path=path, method=method))
    assert isinstance(answer, Answer)
    assert answer.status == status
    assert words in answer.body


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"queryString":5}', b"[" * 100_000])
def test_a_body_that_is_no_query(driver: Driver, body: bytes) -> None:
    """What holds no query string is a 400."""
    answer = driver.arrive(replace(driver.request(body), path="/v1/action/query"))
    assert isinstance(answer, Answer)
    assert answer.status == 400


def test_queries_count_as_calls() -> None:
    """A query uses up the rate, and holds a place for as long as it takes."""
    limits = ServerLimits(rates=(Rate(3, 60.0),), concurrency=1)
    with driving(limits=limits, query_latency=1.0) as driver:
        request = replace(driver.request({"queryString": IDS}), path="/v1/action/query")
        running = driver.arrive(request)
        assert isinstance(running, Pending)
        assert driver.refused(row("d0")).headers["Retry-After"] == "120"
        assert driver.finish(running).status == 200
        driver.ask(IDS)
        assert driver.refuse_query(IDS).status == 429


def test_a_query_shows_what_was_there_when_it_arrived() -> None:
    """An invoice that arises while a query runs is not in its answer."""
    with driving(query_latency=5.0) as driver:
        request = driver.request({"queryString": IDS})
        running = driver.arrive(replace(request, path="/v1/action/query"))
        assert isinstance(running, Pending)
        driver.generate(row("d0"))
        assert json.loads(driver.finish(running).body)["size"] == 0


# Accounts

NUMBERS = "select Id, AccountNumber, Status from Account"
A, B, C = account("a1"), account("a2"), account("a3")
NUMBERED = f"account_id,account_number,status\n{B},B-2,Canceled\n{A},A-1,\n{C},A-1,\n"


def test_accounts_are_found_by_number() -> None:
    """A number is compared with its case, and several accounts may have one."""
    with driving(listed=NUMBERED) as driver:
        named = f"{NUMBERS} where AccountNumber = 'A-1' or AccountNumber = 'b-2'"
        assert driver.ask(named)["records"] == [
            {"Id": A, "AccountNumber": "A-1", "Status": "Active"},
            {"Id": C, "AccountNumber": "A-1", "Status": "Active"},
        ]
        (one,) = driver.ask(f"{NUMBERS} where Id = '{B}'")["records"]
        assert one == {"Id": B, "AccountNumber": "B-2", "Status": "Canceled"}
        assert driver.ask("select Id from Account where AccountNumber = 'B-2'")["records"] == [
            {"Id": B}
        ]
        assert driver.ask(NUMBERS)["size"] == 3
        assert driver.ask(f"{NUMBERS} where Status = 'Canceled'")["size"] == 1
        unknown = driver.ask(f"{NUMBERS} where AccountNumber = 'X'")
        assert unknown == {"size": 0, "done": True}


@pytest.mark.parametrize("listed", [None, f"account_id\n{A}\n"])
def test_a_number_that_no_book_names_is_derived_from_the_id(listed: str | None) -> None:
    """An A before the ID in capitals, whether accounts are listed or all exist."""
    asked = f"{NUMBERS} where AccountNumber = 'A{A.upper()}' or AccountNumber = 'B'"
    with driving(listed=listed) as driver:
        expected = {"Id": A, "AccountNumber": f"A{A.upper()}", "Status": "Active"}
        assert driver.ask(asked)["records"] == [expected]


def test_accounts_come_in_pages_too() -> None:
    """A locator stands for accounts or for invoices, and never for the others."""
    ids = [account(f"a{n}") for n in range(5)]
    with driving(listed="account_id\n" + "\n".join(ids), page=2) as driver:
        first = driver.ask(NUMBERS)
        second = driver.ask_more(first["queryLocator"])
        third = driver.ask_more(second["queryLocator"])
        pages = (first, second, third)
        assert [one["Id"] for page in pages for one in page["records"]] == ids
        assert [page["done"] for page in pages] == [False, False, True]


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("select Source from Account", "INVALID_FIELD", "invalid field for query: Account.Source"),
        ("select AccountNumber from Invoice", "INVALID_FIELD", "query: Invoice.AccountNumber"),
        ("select Id from Subscription", "INVALID_TYPE", "invalid type for query: Subscription"),
    ],
)
def test_an_object_has_its_own_fields(driver: Driver, text: str, code: str, message: str) -> None:
    """What an object does not have is refused by its name."""
    fault = json.loads(driver.refuse_query(text).body)
    assert fault["FaultCode"] == code
    assert message in fault["FaultMessage"]
