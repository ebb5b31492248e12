"""From a spec to a plan: order, calls and digest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zbatch.model import (
    Account,
    Charges,
    Credentials,
    DatePair,
    Identity,
    Limits,
    Rate,
    Settling,
    Source,
    Spec,
    Tenant,
)  # fmt: skip
from zbatch.spec import blank_spec, find_project, load_spec, make_plan, resolve_tenant

Write = Callable[[str | bytes], Path]
TENANT = Tenant("emulator", "http://127.0.0.1", "emulator", Credentials("I", "S"))
GOLDEN = {
    "everything": "b4ee3f1607d2f163c3c1831f16098f5e10da7eba76cb9293af838c64e9ad8734",
    "revision": "fe4dbccceb6bc614169af7d7f1bd9a6de7a1985c9e524e7eef6fdfc1804ee445",
}


def _pair(day: int) -> DatePair:
    return DatePair(date(2026, 11, day), date(2026, 11, day))


def _spec(accounts: tuple[Account, ...], size: int = 1) -> Spec:
    limits = Limits(10, Rate(600, 60.0), size, 150.0)
    return Spec("n", "emulator", accounts, (_pair(30),), Charges(), limits, 6, "x.yaml", "00")


def _account(number: int, *days: int) -> Account:
    dates = tuple(_pair(day) for day in days) or None
    return Account(f"{number:032x}", Source("x.yaml", number), dates)


def test_items_keep_the_order_of_accounts_and_dates_ascend() -> None:
    """Accounts stand as in the spec, each with all its dates, earliest first."""
    spec = _spec((_account(2), _account(1, 20, 10), _account(2, 5)))
    told = [
        (int(i.identity.account_id, 16), i.identity.target_date.day)
        for i in make_plan(spec, TENANT).items
    ]
    assert told == [(2, 5), (2, 30), (1, 10), (1, 20)]


def test_item_carries_what_the_spec_says(write: Write, head: str) -> None:
    """An item knows its dates, charges, reason and where the spec says so."""
    path = write(
        head + "charges: {usage: false}\naccounts:\n"
        f'  - {{id: "{"AB" * 16}", reason: early, dates: '
        "[{target_date: 2026-11-15, invoice_date: 2026-12-01}]}\n"
    )
    (item,) = make_plan(load_spec(path), TENANT).items
    assert item.identity == Identity("ab" * 16, date(2026, 11, 15))
    assert item.invoice_date == date(2026, 12, 1)
    assert item.charges == Charges(usage=False)
    assert item.reason == "early"
    assert item.source == Source(str(path), 7, 5)


def test_revision_is_part_of_the_identity(write: Write, head: str) -> None:
    """A revision holds for all target dates of its account, and is 1 where the spec is silent."""
    other = f'{{id: "{"b" * 32}", revision: 2, reason: draft cancelled}}'
    path = write(head + f'accounts:\n  - "{"a" * 32}"\n  - {other}\n')
    first, second = make_plan(load_spec(path), TENANT).items
    assert first.identity == Identity("a" * 32, date(2026, 11, 30), 1)
    assert second.identity == Identity("b" * 32, date(2026, 11, 30), 2)
    assert second.reason == "draft cancelled"


@pytest.mark.parametrize(
    ("text", "settling"),
    [
        ("", Settling(3600.0, 0.0)),
        ("reconcile: {}\n", Settling(3600.0, 0.0)),
        ("reconcile: {settle: 0s}\n", Settling(0.0, 0.0)),
        ("reconcile: {settle: 500ms, wait: 3h}\n", Settling(0.5, 10800.0)),
    ],
)
def test_settling_is_in_seconds(text: str, settling: Settling, write: Write, head: str) -> None:
    """How doubt is settled comes from the spec, and what it leaves out from the schema."""
    spec = load_spec(write(f'{head}{text}accounts: ["{"a" * 32}"]\n'))
    assert spec.settling == settling


def test_blank_spec_has_the_defaults(write: Write, head: str) -> None:
    """A spec without a file is held to what a spec that sets nothing is held to."""
    spec = load_spec(write(f'{head}accounts: ["{"a" * 32}"]\n'))
    blank = blank_spec("n", "emulator")
    assert (blank.limits, blank.settling, blank.max_attempts, blank.charges) == (
        spec.limits,
        spec.settling,
        spec.max_attempts,
        spec.charges,
    )
    assert (blank.name, blank.tenant, blank.accounts, blank.dates) == ("n", "emulator", (), ())
    assert make_plan(blank, TENANT).items == ()


def test_invoice_date_is_the_target_date_unless_given(write: Write, head: str) -> None:
    """Without an invoice date the target date holds."""
    path = write(head + f'accounts: ["{"a" * 32}"]\n')
    (item,) = make_plan(load_spec(path), TENANT).items
    assert item.invoice_date == item.identity.target_date == date(2026, 11, 30)


def test_one_object_a_call() -> None:
    """By default each item is a call of its own, in the order of the plan."""
    plan = make_plan(_spec((_account(1, 1, 2), _account(2))), TENANT)
    assert plan.groups == ((0,), (1,), (2,))


def test_waves_are_cut_into_calls() -> None:
    """The first dates of all accounts come in the first calls, the second dates after them."""
    accounts = (_account(1, 1, 2), _account(2), _account(3, 1, 2, 3))
    plan = make_plan(_spec(accounts, size=2), TENANT)
    assert plan.groups == ((0, 2), (3,), (1, 4), (5,))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sets(st.integers(1, 30), min_size=1, max_size=5), max_size=30),
    st.integers(1, 50),
)
def test_calls_hold_every_item_once_and_dates_in_order(days: list[set[int]], size: int) -> None:
    """Calls cover the plan, none has an account twice, and no date overtakes an earlier one."""
    accounts = tuple(_account(number, *own) for number, own in enumerate(days))
    plan = make_plan(_spec(accounts, size), TENANT)
    assert sorted(p for group in plan.groups for p in group) == list(range(len(plan.items)))
    last: dict[str, date] = {}
    for group in plan.groups:
        identities = [plan.items[position].identity for position in group]
        assert 1 <= len(group) <= size
        assert len({identity.account_id for identity in identities}) == len(group)
        for identity in identities:
            assert last.get(identity.account_id, date.min) < identity.target_date
            last[identity.account_id] = identity.target_date


@pytest.mark.parametrize("name", GOLDEN)
def test_digest_is_pinned(name: str, repository: Path) -> None:
    """The plan of a fixed spec has the digest that it has had since version 2 of its record."""
    path = repository / f"tests/examples/valid/{name}.yaml"
    spec = load_spec(path)
    plan = make_plan(spec, resolve_tenant(spec, find_project(path)))
    assert plan.digest == GOLDEN[name]
    assert plan == make_plan(load_spec(path), plan.tenant)


@pytest.mark.parametrize(
    "change",
    [
        lambda spec: replace(spec, accounts=spec.accounts[::-1]),
        lambda spec: replace(spec, accounts=spec.accounts[1:]),
        lambda spec: replace(spec, accounts=(replace(spec.accounts[0], revision=2), _account(2))),
        lambda spec: replace(spec, dates=(_pair(29),)),
        lambda spec: replace(spec, dates=(replace(_pair(30), invoice_date=date(2026, 12, 1)),)),
        lambda spec: replace(spec, charges=Charges(usage=False)),
        lambda spec: replace(spec, limits=replace(spec.limits, objects_per_call=2)),
    ],
)
def test_digest_changes_with_what_is_billed(change: Callable[[Spec], Spec]) -> None:
    """Whatever decides what is billed, and in which calls, is in the digest."""
    spec = _spec((_account(1), _account(2)))
    assert make_plan(change(spec), TENANT).digest != make_plan(spec, TENANT).digest


@pytest.mark.parametrize("change", [{"host": "rest.zuora.com"}, {"entity_id": "x"}])
def test_digest_changes_with_where_it_is_billed(change: dict[str, str]) -> None:
    """The canonical host and the entity are in the digest."""
    spec = _spec((_account(1),))
    other = replace(TENANT, **change)  # type: ignore[arg-type]  # only text fields are named
    assert make_plan(spec, other).digest != make_plan(spec, TENANT).digest


def test_digest_does_not_change_with_the_rest() -> None:
    """Names, places, reasons, pace and credentials decide nothing of what is billed."""
    spec = _spec((_account(1), _account(2)))
    accounts = tuple(replace(a, reason="r", source=Source("y", 9)) for a in spec.accounts)
    limits = replace(spec.limits, concurrency=3, rate=Rate(1, 1.0), timeout=9.0)
    other = replace(
        spec,
        name="m",
        accounts=accounts,
        limits=limits,
        settling=Settling(0.0, 60.0),
        digest="11",
        file="y",
    )
    tenant = replace(TENANT, name="alias", credentials=Credentials("A", "B"))
    assert make_plan(other, tenant).digest == make_plan(spec, TENANT).digest
