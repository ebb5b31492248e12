"""The text of questions for all that a tenant tells of invoices, and how answers are read."""

from __future__ import annotations

import json
from datetime import date

import pytest

from zbatch.model import Invoice, Tenant
from zbatch.model.tenants import Credentials
from zbatch.zuora.details import (
    EVERY_FIELD,
    NEWER_WSDL,
    WHOLE_ACCOUNTS,
    accounts_question,
    dates_question,
    read_details,
    without,
    wsdl_of,
)
from zbatch.zuora.headers import WSDL_VERSION, query_headers
from zbatch.zuora.pages import MissingField, Page
from zbatch.zuora.query import BRANCHES, Wanted, more_ask, query_ask
from zbatch.zuora.reply import Refused, Unreadable
from zbatch.zuora.wire import Reply

DAY = date(2026, 11, 30)
ALL = frozenset(EVERY_FIELD)
A = "2c93808457d787030157e0306be53a75"
RECORD = {"Id": "b" * 32, "AccountId": A, "Status": "Draft", "TargetDate": "2026-11-30"}


def wanted(count: int) -> list[Wanted]:
    """Want some accounts at one date."""
    return [Wanted(f"{n:032x}", DAY) for n in range(count)]


def read(record: dict[str, object]) -> object:
    """Read an answer of one record."""
    body = {"size": 1, "done": True, "records": [{**RECORD, **record}]}
    return read_details(Reply(200, {}, json.dumps(body).encode()))


def test_the_text_of_a_question() -> None:
    """Each branch says both of its conditions, and no more is asked for than is known."""
    head, _, branches = dates_question(wanted(2), ALL).partition(" where ")
    assert head == (
        "select Id, AccountId, InvoiceNumber, InvoiceDate, TargetDate, Status, Amount, Source,"
        " CreatedDate, UpdatedDate, Balance, Currency, TaxStatus, TaxMessage from Invoice"
    )
    assert branches == (
        f"AccountId = '{0:032x}' and TargetDate = '2026-11-30' or"
        f" AccountId = '{1:032x}' and TargetDate = '2026-11-30'"
    )
    whole = accounts_question(wanted(1) * 2, ALL)
    assert whole.endswith(f"from Invoice where AccountId = '{0:032x}'")


def test_the_largest_question_is_within_zuoras_limits() -> None:
    """Two hundred conditions and ten thousand characters."""
    text = dates_question(wanted(BRANCHES), ALL)
    assert text.count(" = ") == 200
    assert len(text) < 10_000


def test_questions_that_cannot_be_asked() -> None:
    """Too many or none, a field that is not known, or without one that is required."""
    for count in (0, BRANCHES + 1):
        with pytest.raises(ValueError, match="branches"):
            dates_question(wanted(count), ALL)
    for count in (0, WHOLE_ACCOUNTS + 1):
        with pytest.raises(ValueError, match="accounts"):
            accounts_question(wanted(count), ALL)
    assert accounts_question(wanted(WHOLE_ACCOUNTS), ALL).count("AccountId = ") == WHOLE_ACCOUNTS
    for fields in (ALL - {"Id"}, ALL | {"Foo"}):
        with pytest.raises(ValueError, match="required"):
            dates_question(wanted(1), fields)


def test_fields_and_versions() -> None:
    """The least version that knows all; without a late one, no field that needs it."""
    assert wsdl_of(ALL) == 147
    assert wsdl_of(without(ALL, "Currency")) == 100
    assert wsdl_of(without(ALL, NEWER_WSDL)) == 0
    assert without(ALL, NEWER_WSDL) == ALL - {"Currency", "TaxStatus", "TaxMessage"}


def test_a_question_names_the_version_that_it_needs() -> None:
    """The tenant's own, unless that is too old for what is asked."""
    tenant = Tenant("t", "https://rest.test", "rest.test", Credentials("ID", "SECRET"))
    assert query_headers(tenant, "t", "b")[WSDL_VERSION] == "79"
    assert query_headers(tenant, "t", "b", 147)[WSDL_VERSION] == "147"
    assert query_headers(tenant, "t", "b", 69)[WSDL_VERSION] == "79"
    assert (query_ask("q", None, 147).wsdl, more_ask("l", None, 147).wsdl) == (147, 147)


def test_every_field_is_read() -> None:
    """Money as the text that came, currency and tax as they are."""
    found = read(
        {"Balance": 1.50, "Currency": "EUR", "TaxStatus": "Error", "TaxMessage": "no\nengine"}
    )
    assert isinstance(found, Page)
    assert found.records == (
        Invoice(
            *("b" * 32, A, "Draft", DAY),
            balance="1.5",
            currency="EUR",
            tax_status="Error",
            tax_message="no engine",
        ),
    )


@pytest.mark.parametrize(
    "record", [{"Currency": "eur"}, {"Currency": 5}, {"Balance": "x"}, {"TaxStatus": 1}]
)
def test_what_cannot_be_read_is_no_answer(record: dict[str, object]) -> None:
    """Nothing is guessed."""
    assert isinstance(read(record), Unreadable)


def test_a_version_that_the_tenant_refuses() -> None:
    """It is missing like a field; any other refusal is one."""
    body = {"FaultCode": "INVALID_VERSION", "FaultMessage": "no such version"}
    reply = Reply(400, {}, json.dumps(body).encode())
    assert read_details(reply) == MissingField(NEWER_WSDL)
    body = {"FaultCode": "INVALID_TYPE", "FaultMessage": "no such type"}
    assert isinstance(read_details(Reply(400, {}, json.dumps(body).encode())), Refused)
