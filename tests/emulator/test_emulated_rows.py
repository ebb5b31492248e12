"""What each row and each body of a generate call comes to."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from support.emulator import Driver, account, driving, errors_of, row, rows_of
from zbatch.emulator import Modes, SecondGenerate
from zbatch.emulator.exchange import Answer, Request
from zbatch.emulator.visit import Pending

NOTHING_DUE = (
    b'[{"Errors":[{"Message":"The invoice will not be generated because there are no charges due '
    b'on this account.","Code":"INVALID_VALUE"}],"Success":false}]'
)
MISSING, INVALID = "MISSING_REQUIRED_VALUE", "INVALID_VALUE"
NONE_AT_ALL = dict.fromkeys(("IncludesOneTime", "IncludesRecurring", "IncludesUsage"), False)


def test_a_success_is_the_row_of_the_page(driver: Driver) -> None:
    """A due account yields a Draft, and the answer is the documented array with its ID."""
    answer = driver.generate(row("d0"))
    [invoice] = driver.invoices
    assert answer.body == b'[{"Success":true,"Id":"%s"}]' % invoice.id.encode()
    assert (invoice.status, invoice.account_id) == ("Draft", account("d0"))
    assert str(invoice.target_date) == "2026-11-30"
    assert len(invoice.id) == 32
    assert set(invoice.id) <= set("0123456789abcdef")


def test_nothing_due_is_the_documented_row(driver: Driver) -> None:
    """An account without charges due answers to the byte as recorded in the wild."""
    assert driver.generate(row("e0")).body == NOTHING_DUE
    assert driver.invoices == []


ROWS: list[tuple[dict[str, Any], str, str]] = [
    (row("c0"), INVALID, "Canceled"),
    (row("ff"), INVALID, "does not exist"),
    ({**row("d0"), "AccountId": "A00000001"}, INVALID, "does not exist"),
    ({**row("d0"), "AccountId": "\ud800"}, INVALID, "does not exist"),
    ({**row("d0"), "AccountId": 5}, INVALID, "AccountId"),
    ({**row("d0"), "AccountId": ""}, MISSING, "AccountId"),
    ({"InvoiceDate": "2026-11-30", "TargetDate": "2026-11-30"}, MISSING, "AccountId"),
    ({**row("d0"), "InvoiceDate": None}, MISSING, "InvoiceDate and TargetDate"),
    ({**row("d0"), "TargetDate": ""}, MISSING, "InvoiceDate and TargetDate"),
    ({**row("d0"), "TargetDate": "2026-02-30"}, INVALID, "TargetDate"),
    ({**row("d0"), "TargetDate": "20261130"}, INVALID, "TargetDate"),
    ({**row("d0"), "InvoiceDate": "2026-11-30T00:00:00Z"}, INVALID, "InvoiceDate"),
    ({**row("d0"), "IncludesUsage": "false"}, INVALID, "IncludesUsage"),
    ({**row("d0"), **NONE_AT_ALL}, INVALID, "no charges due"),
]


@pytest.mark.parametrize(("wanted", "code", "words"), ROWS)
def test_a_row_that_cannot_be_billed(
    driver: Driver, wanted: dict[str, Any], code: str, words: str
) -> None:
    """Each kind of bad row has its code and says what is wrong; nothing is billed."""
    [result] = rows_of(driver.generate(wanted))
    [error] = result["Errors"]
    assert (result["Success"], error["Code"]) == (False, code)
    assert words in error["Message"]
    assert driver.invoices == []


def test_rows_stand_on_their_own(driver: Driver) -> None:
    """A call answers each row in order, and the good ones stand beside the bad."""
    answer = driver.generate(row("d0"), row("c0"), row("e0"), row("d1"))
    assert (answer.status, errors_of(answer)) == (200, ["", INVALID, INVALID, ""])
    assert [result.get("Id") for result in rows_of(answer) if result["Success"]] == [
        invoice.id for invoice in driver.invoices
    ]


def test_only_the_first_of_several_invoices_is_told(driver: Driver) -> None:
    """Subscriptions invoiced separately make several invoices, and one ID returns."""
    [result] = rows_of(driver.generate(row("d3")))
    assert len(driver.invoices) == 3
    assert result["Id"] == driver.invoices[0].id
    assert [invoice.number for invoice in driver.invoices] == [
        "INV00000001",
        "INV00000002",
        "INV00000003",
    ]


SECOND = [
    ("2026-11-30", SecondGenerate.NOTHING_TO_BILL, False),
    ("2026-11-01", SecondGenerate.NOTHING_TO_BILL, False),
    ("2026-12-31", SecondGenerate.NOTHING_TO_BILL, True),
    ("2026-11-30", SecondGenerate.BILLS_AGAIN, True),
    ("2026-11-01", SecondGenerate.BILLS_AGAIN, True),
]


@pytest.mark.parametrize(("target", "mode", "billed"), SECOND)
def test_a_second_generate(target: str, mode: SecondGenerate, billed: bool) -> None:
    """An honest tenant bills once through a date; the unguarded one bills as often as asked."""
    with driving(modes=Modes(second_generate=mode)) as driver:
        driver.generate(row("d0"), key="a")
        again = driver.generate(row("d0", target), key="b")
        assert len(driver.invoices) == (2 if billed else 1)
        assert billed or again.body == NOTHING_DUE


def test_billed_through_is_the_latest_date(driver: Driver) -> None:
    """After a later date nothing up to it is due, whatever was billed first."""
    targets = ("2026-10-31", "2026-12-31", "2026-11-30", "2027-01-31")
    codes = [errors_of(driver.generate(row("d0", target))) for target in targets]
    assert codes == [[""], [""], [INVALID], [""]]


def test_an_account_twice_in_a_call_is_billed_once(driver: Driver) -> None:
    """The rows of one call do not lock each other out; the second finds nothing due."""
    assert errors_of(driver.generate(row("d0"), row("d0"))) == ["", INVALID]
    assert len(driver.invoices) == 1


def test_an_account_id_has_no_case(driver: Driver) -> None:
    """The same ID in capitals is the same account."""
    driver.generate(row("d0"))
    assert errors_of(driver.generate({**row("d0"), "AccountId": account("D0")})) == [INVALID]


@pytest.mark.parametrize(
    ("version", "code"), [(None, "LOCK_COMPETITION"), ("60", "LOCK_COMPETITION"), ("59", INVALID)]
)
def test_an_account_in_execution_is_locked(driver: Driver, version: str | None, code: str) -> None:
    """Two calls for an account at once: the second gets a lock row, and only for that account."""
    headers = {} if version is None else {"x_zuora_wsdl_version": version}
    busy = driver.begin(row("d0"))
    answer = driver.generate(row("d0"), row("d1"), **headers)
    assert errors_of(answer) == [code, ""]
    assert b"lock competition" in answer.body
    driver.finish(busy)
    assert len(driver.invoices) == 2
    assert errors_of(driver.generate(row("d0", "2026-12-31"))) == [""]


def test_an_execution_takes_the_time_of_its_rows(driver: Driver) -> None:
    """Rows are executed one after the other, and a refused one takes no time."""
    pending = driver.begin(row("d0"), row("c0"), row("d1"))
    assert pending.due == driver.now + 2
    assert driver.invoices == []


REFUSED: list[tuple[object, str]] = [
    (b"", "not valid JSON"),
    (b"{", "not valid JSON"),
    (b"\xff\xfe", "not valid JSON"),
    (b"[" * 100_000, "not valid JSON"),
    (b"9" * 5_000, "not valid JSON"),
    ([], "not a JSON object"),
    ({"objects": [row("d0")]}, "INVALID_TYPE"),
    ({"objects": [row("d0")], "type": "Account"}, "INVALID_TYPE"),
    ({"objects": row("d0"), "type": "Invoice"}, "objects must be an array"),
    ({"objects": ["x"], "type": "Invoice"}, "objects must be an array"),
    ({"objects": [], "type": "Invoice"}, "MISSING_REQUIRED_VALUE"),
    ({"objects": [row("d0")] * 51, "type": "Invoice"}, "MAX_RECORDS_EXCEEDED"),
]


@pytest.mark.parametrize(("body", "words"), REFUSED, ids=range(len(REFUSED)))
def test_a_body_that_is_no_call(driver: Driver, body: object, words: str) -> None:
    """What is no generate call fails as a whole with 400, and nothing is processed."""
    answer = driver.arrive(driver.request(body))
    assert isinstance(answer, Answer)
    assert answer.status == 400
    assert words in answer.body.decode()


def test_fifty_objects_are_a_call(driver: Driver) -> None:
    """The documented most is taken, and a reply of that size is compressed when asked for."""
    plain = driver.generate(*[row("e0")] * 50)
    packed = driver.generate(*[row("e0")] * 50, accept_encoding="br, gzip;q=0.8")
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    refusing = driver.generate(*[row("e0")] * 50, accept_encoding="gzip;q=0")
    assert "Content-Encoding" not in refusing.headers


def test_a_small_reply_is_never_compressed(driver: Driver) -> None:
    """Up to 1000 bytes a reply goes out as it is."""
    assert "Content-Encoding" not in driver.generate(row("d0"), accept_encoding="gzip").headers


GOOD = json.dumps({"objects": [row("d0")], "type": "Invoice"}).encode()
ENCODINGS = [
    (gzip.compress(GOOD), "gzip", True),
    (gzip.compress(GOOD), " GZIP ", True),
    (GOOD, "identity", True),
    (GOOD, "gzip", False),
    (gzip.compress(GOOD), "identity", False),
    (gzip.compress(GOOD)[:-4], "gzip", False),
    (gzip.compress(GOOD) + b"x", "gzip", False),
    (gzip.compress(b" " * 9_000_000), "gzip", False),
    (GOOD, "br", False),
]


@pytest.mark.parametrize(("body", "encoding", "taken"), ENCODINGS, ids=range(len(ENCODINGS)))
def test_content_encoding_means_what_it_says(
    driver: Driver, body: bytes, encoding: str, taken: bool
) -> None:
    """gzip is really gzip, whole and nothing else; anything but that is a 400."""
    arrived = driver.arrive(driver.request(body, headers={"content-encoding": encoding}))
    if taken:
        assert isinstance(arrived, Pending)
    else:
        assert isinstance(arrived, Answer)
        assert arrived.status == 400


@pytest.mark.parametrize("where", ["call", "row"])
@pytest.mark.parametrize("strict", ["true", "True", "false", ""])
def test_unknown_fields(driver: Driver, where: str, strict: str) -> None:
    """They fail the call as documented if the caller asks for it, and are ignored otherwise."""
    body: dict[str, Any] = {"objects": [row("d0")], "type": "Invoice"}
    (body if where == "call" else body["objects"][0])["Surprise"] = 1
    arrived = driver.arrive(replace(driver.request(body), query={"rejectUnknownFields": strict}))
    if strict.lower() == "true":
        assert isinstance(arrived, Answer)
        assert (arrived.status, arrived.body) == (400, b'{"message":"Error - unrecognised fields"}')
    else:
        assert isinstance(arrived, Pending)


@pytest.mark.parametrize("version", ["0", "154", "x", "-1", "٧"])
def test_there_is_no_such_version(driver: Driver, version: str) -> None:
    """A WSDL version that does not exist fails the call."""
    answer = driver.refused(row("d0"), x_zuora_wsdl_version=version)
    assert b"INVALID_VERSION" in answer.body


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/action/generate"), ("POST", "/v1/x"), ("GET", "/")]
)
def test_anything_else_is_not_there(driver: Driver, method: str, path: str) -> None:
    """The tenant knows one action and its tokens; the rest is a 404 in lower-case reasons."""
    request = Request(method, path, {}, {"authorization": f"Bearer {driver.bearer}"}, b"")
    answer = driver.arrive(request)
    assert isinstance(answer, Answer)
    assert answer.status == 404
    assert json.loads(answer.body)["reasons"][0]["code"] == 50000040
