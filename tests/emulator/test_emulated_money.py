"""What an invoice tells beside its dates: items, amounts, currency, tax, and while unfinished."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from support.emulator import NOON, Driver, account, driving, errors_of, row
from zbatch.emulator import (
    CurrencyField,
    Drafts,
    Modes,
    Order,
    Scheduled,
    TaxFields,
    Temporary,
    Terms,
    bill_by_hand,
    charge_by_hand,
    delete_invoice,
    invoices,
    items,
    pay_by_hand,
)
from zbatch.emulator.catalogue import fault
from zbatch.emulator.exchange import Answer
from zbatch.emulator.files import open_store
from zbatch.emulator.invoices import TAX_FAILED
from zbatch.emulator.schema import VERSION

DAY = date(2026, 11, 30)
MONEY = "select Amount, Balance, Currency, TaxStatus, TaxMessage from Invoice"
CURRENCY = "select Currency from Account"
ITEMS = "select InvoiceId, ChargeName, ChargeAmount from InvoiceItem"
LISTED = f"""\
account_id,currency,amount,tax
{account("d0")},EUR,0.00,
{account("d1")},JPY,1234.00,failed
{account("d2")},,-5.10,complete
"""
FORMAT_3 = Path(__file__).with_name("format_3.sql")


def of_invoices(name: str) -> str:
    """Ask for one field of all invoices."""
    return " ".join(("select", name, "from Invoice"))


def ask(driver: Driver, text: str, wsdl: str = "147") -> Any:
    """Ask as a client of a WSDL version."""
    answer = refused(driver, text, wsdl)
    assert answer.status == 200, answer.body
    return json.loads(answer.body).get("records", [])


def refused(driver: Driver, text: str, wsdl: str) -> Answer:
    """Ask as a client of a WSDL version, whatever the answer."""
    request = driver.request({"queryString": text}, headers={"x-zuora-wsdl-version": wsdl})
    answer = driver.arrive(replace(request, path="/v1/action/query"))
    assert isinstance(answer, Answer)
    return answer


def test_an_account_has_its_currency_amount_and_tax() -> None:
    """The book says how much its invoices come to, in what, and whether their tax fails."""
    with driving(listed=LISTED) as driver:
        for tail in ("d0", "d1", "d2"):
            assert errors_of(driver.generate(row(tail))) == [""]
        assert ask(driver, MONEY) == [
            {"Amount": 0, "Balance": 0, "Currency": "EUR", "TaxStatus": "Complete"},
            {
                "Amount": 1234,
                "Balance": 1234,
                "Currency": "JPY",
                "TaxStatus": "Error",
                "TaxMessage": TAX_FAILED,
            },
            {"Amount": -5.1, "Balance": -5.1, "Currency": "USD", "TaxStatus": "Complete"},
        ]
        assert ask(driver, f"{CURRENCY} where Id = '{account('d1')}'") == [{"Currency": "JPY"}]


def test_the_items_add_up() -> None:
    """What a query shows of an invoice's items comes to its amount, however it was raised."""
    with driving(modes=Modes(drafts=Drafts.APPENDED)) as driver:
        driver.generate(row("d0"))
        driver.generate(row("d0", "2026-12-31"))
        driver.generate(row("d3"))
        amounts = {one.id: one.cents for one in driver.invoices}
        assert len(amounts) == 4
        found: dict[str, int] = dict.fromkeys(amounts, 0)
        for one in ask(driver, ITEMS):
            found[one["InvoiceId"]] += round(one["ChargeAmount"] * 100)
        assert found == amounts
        first = driver.invoices[0].id
        names = [one["ChargeName"] for one in ask(driver, f"{ITEMS} where InvoiceId = '{first}'")]
        assert names == ["Subscription", "Usage"] * 2


def test_items_come_in_pages() -> None:
    """A locator stands for items as it does for invoices."""
    with driving(page=3) as driver:
        driver.generate(row("d3"))
        first = driver.ask(ITEMS)
        second = driver.ask_more(first["queryLocator"])
        assert (len(first["records"]), len(second["records"]), second["done"]) == (3, 3, True)


@pytest.mark.parametrize(
    ("name", "since"), [("Currency", 147), ("TaxStatus", 100), ("TaxMessage", 100)]
)
def test_a_field_is_there_from_its_version_on(driver: Driver, name: str, since: int) -> None:
    """An older WSDL does not know it, and a version that there is not is refused as a whole."""
    driver.generate(row("d0"))
    text = of_invoices(name)
    assert ask(driver, text, str(since))
    answer = refused(driver, text, str(since - 1))
    assert answer.status == 400
    assert f"invalid field for query: Invoice.{name}".encode() in answer.body
    assert b"INVALID_FIELD" in driver.refuse_query(text).body  # version 79, by default
    assert b"INVALID_VERSION" in refused(driver, text, "999").body


def test_a_tenant_without_these_fields() -> None:
    """Whatever the version, a tenant may not have them; of an account it tells the currency."""
    modes = Modes(currency_field=CurrencyField.ABSENT, tax_fields=TaxFields.ABSENT)
    with driving(modes=modes) as driver:
        for name in ("Currency", "TaxStatus", "TaxMessage"):
            assert refused(driver, of_invoices(name), "153").status == 400
        assert ask(driver, f"{CURRENCY} where Id = '{account('d0')}'")


def test_a_tax_that_fails_now_and_then() -> None:
    """The row succeeds, and the invoice says that its tax is in error."""
    with driving(faults=(Scheduled(fault("tax_failed"), at=2),)) as driver:
        for tail in ("d0", "d1", "d2"):
            assert errors_of(driver.generate(row(tail))) == [""]
        assert [one.tax_status for one in driver.invoices] == ["Complete", "Error", "Complete"]


def seen(driver: Driver) -> list[tuple[str, str, str]]:
    """Tell ID, number and status of all that is shown."""
    records = driver.ask("select Id, InvoiceNumber, Status from Invoice")["records"]
    return [(one["Id"], one["InvoiceNumber"], one["Status"]) for one in records]


def test_an_unfinished_invoice_has_a_temporary_number() -> None:
    """In one reading it has a number that begins with TMP-, until it gets its own."""
    with driving(modes=Modes(generating=60.0, temporary=Temporary.OWN)) as driver:
        driver.generate(row("d0"))
        (invoice,) = driver.invoices
        number = f"TMP-INV-A{account('d0').upper()}"
        assert seen(driver) == [(invoice.id, number, "Generating")]
        driver.now += 60
        assert seen(driver) == [(invoice.id, "INV00000001", "Draft")]


def test_a_temporary_invoice_stands_beside_an_unfinished_one() -> None:
    """In the other reading there are two for a while, under two IDs, and pages show both."""
    with driving(modes=Modes(generating=60.0, temporary=Temporary.BESIDE), page=1) as driver:
        driver.generate(row("d0"))
        (invoice,) = driver.invoices
        first = driver.ask("select Id, InvoiceNumber from Invoice")
        assert (first["size"], first["records"][0]["Id"]) == (2, invoice.id)
        (temporary,) = driver.ask_more(first["queryLocator"])["records"]
        assert temporary["InvoiceNumber"].startswith("TMP-")
        assert temporary["Id"] != invoice.id
        driver.now += 60
        assert "records" not in driver.ask_more(first["queryLocator"])
        assert [one[1] for one in seen(driver)] == ["INV00000001"]


def test_what_people_do_with_an_invoice(tmp_path: Path) -> None:
    """They add to it, pay it and delete it, with its items; there must be one."""
    with open_store(tmp_path, 0):
        order = Order(account("d0"), DAY, DAY, source="BillRun", terms=Terms("CHF", 1000))
        one, other = (bill_by_hand(tmp_path, order, NOON) for _ in range(2))
        charge_by_hand(tmp_path, one, 250, NOON + 1)
        pay_by_hand(tmp_path, one, 300, NOON + 2)
        delete_invoice(tmp_path, other)
        (left,) = invoices(tmp_path)
        assert (left.id, left.cents, left.paid, left.currency) == (one, 1250, 300, "CHF")
        assert left.updated_at.timestamp() == NOON + 2
        assert {item.invoice_id for item in items(tmp_path)} == {one}
        assert sum(item.cents for item in items(tmp_path)) == 1250
        for act in (charge_by_hand, pay_by_hand):
            with pytest.raises(LookupError):
                act(tmp_path, other, 1, NOON)


def test_a_file_of_format_3_is_brought_up_to_date(tmp_path: Path) -> None:
    """What an older release billed has a currency, no word of its tax, and items that add up."""
    path = tmp_path / "emulator.sqlite3"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(FORMAT_3.read_text())
    with open_store(tmp_path, 0):
        pass
    found = invoices(tmp_path)
    assert len(found) == 4
    assert {(one.currency, one.tax_status, one.paid) for one in found} == {("USD", None, 0)}
    sums = dict.fromkeys((one.id for one in found), 0)
    for item in items(tmp_path):
        sums[item.invoice_id] += item.cents
    assert sums == {one.id: one.cents for one in found}
    with closing(sqlite3.connect(path)) as new:
        assert new.execute("pragma user_version").fetchone() == (VERSION,)
