"""A plan and records to report on, and hypothesis strategies for any of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import strategies as st

from zbatch.model import (
    Account,
    Charges,
    Credentials,
    DatePair,
    Identity,
    Item,
    ItemRecord,
    Limits,
    Outcome,
    Plan,
    Problem,
    Rate,
    Source,
    Spec,
    Tenant,
)

END_OF_MONTH = date(2026, 11, 30)
START = datetime(2026, 11, 30, 20, 15, 2, 118_400, tzinfo=UTC)

TEXT = st.text(max_size=40)
NAMES = st.text(min_size=1, max_size=40)
MOMENTS = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone itself
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone itself
    timezones=st.just(UTC),
)


def an_item(suffix: str = "01", number: str | None = None) -> Item:
    identity = Identity(f"2c93808457d787030157e0306be53a{suffix}", END_OF_MONTH)
    source = Source("specs/month-end.yaml", 12)
    return Item(identity, END_OF_MONTH, Charges(), source, None, number)


def a_record(outcome: Outcome, suffix: str = "01", **fields: object) -> ItemRecord:
    known: dict[str, object] = {
        "attempts": 1,
        "http_status": 200,
        "started_at": START,
        "finished_at": START + timedelta(milliseconds=313),
        "run_id": "20261130T201502Z-7f3a",
    }
    if outcome.success:
        known |= {"invoice_id": "f" * 32, "invoice_ids": ("f" * 32,)}
    elif outcome is not Outcome.NOTHING_TO_BILL:
        known |= {"error": Problem("INVALID_VALUE", "The account is not active.")}
    return ItemRecord(an_item(suffix), outcome, **{**known, **fields})  # type: ignore[arg-type] # named by the caller


@st.composite
def records(draw: st.DrawFn) -> ItemRecord:
    outcome = draw(st.sampled_from(Outcome))
    invoice_id = draw(NAMES if outcome.success else st.none() | NAMES)
    return ItemRecord(
        item=Item(
            Identity(
                draw(st.from_regex(r"[0-9a-f]{32}", fullmatch=True)),
                draw(st.dates()),
                draw(st.integers(1, 99)),
            ),
            draw(st.dates()),
            Charges(),
            Source(draw(NAMES), draw(st.integers(1, 10**6))),
            draw(st.none() | TEXT),
            draw(st.none() | NAMES),
        ),
        outcome=outcome,
        invoice_id=invoice_id,
        invoice_ids=tuple(draw(st.lists(NAMES, max_size=3))),
        error=draw(st.none() | st.builds(Problem, NAMES, TEXT)),
        http_status=draw(st.none() | st.integers(100, 999)),
        attempts=draw(st.integers(0, 20)),
        idempotency_key=draw(st.none() | NAMES),
        track_id=draw(st.none() | NAMES),
        request_id=draw(st.none() | NAMES),
        started_at=draw(st.none() | MOMENTS),
        finished_at=draw(st.none() | MOMENTS),
        run_id=draw(st.none() | NAMES),
    )


def a_plan(*items: Item) -> Plan:
    limits = Limits(10, Rate(600, 60.0), 1, 150.0)
    dates = (DatePair(END_OF_MONTH, END_OF_MONTH),)
    accounts = tuple(Account(item.identity.account_id, item.source) for item in items)
    spec = Spec(
        name="month-end-2026-11",
        tenant="production",
        accounts=accounts,
        dates=dates,
        charges=Charges(),
        limits=limits,
        max_attempts=6,
        file="specs/month-end.yaml",
        digest="a" * 64,
    )
    credentials = Credentials("ZUORA_CLIENT_ID", "ZUORA_CLIENT_SECRET")
    tenant = Tenant("production", "https://rest.na.zuora.com", "rest.na.zuora.com", credentials)
    groups = tuple((position,) for position in range(len(items)))
    return Plan(spec, tenant, items, groups, "b" * 64)


@pytest.fixture(scope="session")
def any_records() -> st.SearchStrategy[ItemRecord]:
    return records()


@pytest.fixture(scope="session")
def make_record() -> Callable[..., ItemRecord]:
    return a_record


@pytest.fixture(scope="session")
def plan() -> Plan:
    return a_plan(an_item("01"), an_item("02"))
