"""What was billed: by calls, into older drafts, by hand; and what is on record of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import aiohttp
import pytest

from support.emulator import NOON, Driver, account, driving, errors_of, row, rows_of
from zbatch.emulator import (
    Drafts,
    EmulatorConfig,
    Execution,
    Modes,
    Order,
    SecondGenerate,
    bill_by_hand,
    delete_invoice,
    executions,
    invoices,
    running,
    set_status,
)

DAY = date(2026, 11, 30)
LATER = date(2026, 12, 31)
ORDER = Order(account("d0"), DAY, DAY, source="BillRun")
APPENDED = Modes(second_generate=SecondGenerate.BILLS_AGAIN, drafts=Drafts.APPENDED)


def test_an_execution_is_on_record(driver: Driver) -> None:
    """Each time an account is billed is one row, however many invoices arise."""
    driver.generate(row("d3"), row("e0"), key="k")
    [execution] = driver.executions
    assert execution == Execution(
        at=datetime.fromtimestamp(driver.now, UTC),
        key="k",
        account_id=account("d3"),
        target_date=DAY,
        invoice_id=driver.invoices[0].id,
        source="API",
        appended=False,
        arrival=driver.arrivals[-1].number,
    )
    assert len(driver.invoices) == 3


def test_a_further_generate_raises_the_open_draft() -> None:
    """The old ID returns, amount and update time change, and both executions are on record."""
    with driving(modes=APPENDED) as driver:
        [first] = rows_of(driver.generate(row("d0"), key="a"))
        [before] = driver.invoices
        [second] = rows_of(driver.generate(row("d0", "2026-12-31"), key="b"))
        [after] = driver.invoices
        assert first["Id"] == second["Id"]
        assert after.cents > before.cents
        assert (before.updated_at, after.updated_at) == (
            before.created_at,
            datetime.fromtimestamp(driver.now, UTC),
        )
        assert (after.created_at, after.target_date) == (before.created_at, DAY)
        told = [(e.key, e.target_date, e.appended) for e in driver.executions]
        assert told == [("a", DAY, False), ("b", LATER, True)]


@pytest.mark.parametrize(
    ("status", "first", "second"),
    [("Draft", "2026-12-31", "2026-11-30"), ("Posted", "2026-11-30", "2026-11-30")],
)
def test_what_is_not_open_is_not_raised(status: str, first: str, second: str) -> None:
    """A draft of a later date, and an invoice that is no draft any more, stay as they are."""
    with driving(modes=APPENDED) as driver:
        driver.generate(row("d0", first))
        driver.store.invoices.set_status(driver.invoices[0].id, status, driver.now)
        driver.generate(row("d0", second))
        assert len(driver.invoices) == 2
        assert not any(execution.appended for execution in driver.executions)


def test_a_raised_draft_reads_as_before_until_the_lag_is_over() -> None:
    """A query that lags behind shows the amount and the update time of that time."""
    modes = replace(APPENDED, read_lag=60.0)
    query = "select Amount, UpdatedDate from Invoice"
    with driving(modes=modes) as driver:
        driver.generate(row("d0"))
        driver.now += 60
        before = driver.ask(query)
        driver.generate(row("d0", "2026-12-31"))
        driver.now += 59
        assert driver.ask(query) == before
        driver.now += 1
        assert driver.ask(query) != before


def test_an_honest_tenant_appends_only_what_is_due() -> None:
    """Where nothing is due through a date already billed, nothing is appended either."""
    with driving(modes=Modes(drafts=Drafts.APPENDED)) as driver:
        codes = [
            errors_of(driver.generate(row("d0", target)))
            for target in ("2026-11-30", "2026-12-31", "2026-12-31")
        ]
        assert codes == [[""], [""], ["INVALID_VALUE"]]
        assert len(driver.executions) == 2


@pytest.mark.parametrize("status", ["Canceled", "Error"])
def test_what_is_undone_is_due_again(driver: Driver, status: str) -> None:
    """After a cancelled invoice the account can be billed for the date once more."""
    driver.generate(row("d0"))
    driver.store.invoices.set_status(driver.invoices[0].id, status, driver.now)
    assert errors_of(driver.generate(row("d0"))) == [""]


def test_a_deleted_invoice_is_gone_and_its_id_never_given_again(driver: Driver) -> None:
    """Its execution stays on record, and what it billed is due again."""
    driver.generate(row("d0"))
    [deleted] = driver.invoices
    driver.store.invoices.delete(deleted.id)
    assert errors_of(driver.generate(row("d0"))) == [""]
    [fresh] = driver.invoices
    assert (fresh.id != deleted.id, fresh.number) == (True, "INV00000002")
    assert len(driver.executions) == 2


def test_billed_by_hand_before_any_emulator_ran(tmp_path: Path) -> None:
    """What people billed is there, as a Draft of their own making, without a key."""
    folder = tmp_path / "emulator"
    invoice_id = bill_by_hand(folder, ORDER, NOON)
    [invoice] = invoices(folder)
    assert (invoice.id, invoice.status, invoice.source) == (invoice_id, "Draft", "BillRun")
    assert (invoice.key, invoice.created_at.timestamp()) == (None, NOON)
    [execution] = executions(folder)
    assert (execution.key, execution.source) == (None, "BillRun")


def test_people_s_work_while_an_emulator_runs(tmp_path: Path) -> None:
    """Billing, posting and deleting from another process are seen by the emulator at once."""
    script = """
import sys
from datetime import date
from pathlib import Path
from zbatch.emulator import Order, bill_by_hand, delete_invoice, set_status
folder, day = Path(sys.argv[1]), date(2026, 11, 30)
ids = [bill_by_hand(folder, Order(f"{n:032x}", day, day, source=None), 5.0) for n in range(2)]
set_status(folder, ids[0], "Posted", 7.0)
delete_invoice(folder, ids[1])
"""

    async def staged() -> str:
        async with running(EmulatorConfig(tmp_path)) as emulator, aiohttp.ClientSession() as web:
            form = {
                "client_id": emulator.client_id,
                "client_secret": emulator.client_secret,
                "grant_type": "client_credentials",
            }
            async with web.post(f"{emulator.base_url}/oauth/token", data=form) as reply:
                bearer = (await reply.json())["access_token"]
            command = [sys.executable, "-c", script, str(tmp_path)]
            await asyncio.to_thread(subprocess.run, command, check=True, timeout=20)
            query = {"queryString": "select Status, Source from Invoice"}
            headers = {"Authorization": f"Bearer {bearer}"}
            url = f"{emulator.base_url}/v1/action/query"
            async with web.post(url, json=query, headers=headers) as reply:
                return await reply.text()

    answer = asyncio.run(staged())
    assert answer == '{"size":1,"records":[{"Status":"Posted"}],"done":true}'
    assert [invoice.updated_at.timestamp() for invoice in invoices(tmp_path)] == [7.0]


def test_an_invoice_that_is_not_there(tmp_path: Path) -> None:
    """Neither status nor deletion is accepted for an unknown ID, and nothing is changed."""
    bill_by_hand(tmp_path, ORDER, NOON)
    with pytest.raises(LookupError):
        set_status(tmp_path, "x", "Posted", NOON)
    with pytest.raises(LookupError):
        delete_invoice(tmp_path, "x")
    assert len(invoices(tmp_path)) == 1
