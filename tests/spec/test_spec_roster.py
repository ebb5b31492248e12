"""Compact accounts and plans, held against plain lists of the same."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.engine import TENANT
from zbatch.model import (
    Account,
    Batch,
    Charges,
    DatePair,
    Exclusion,
    Identity,
    Item,
    Source,
    Spec,
    batches,
    listed,
)
from zbatch.spec import SpecError, blank_spec, make_plan, resolve_plan
from zbatch.spec.lazy import Groups, Same, Singles, evenly
from zbatch.spec.places import Places
from zbatch.spec.roster import Roster
from zbatch.spec.selection import Items
from zbatch.spec.sorting import sorted_by
from zbatch.spec.totals import accounts_digest, count_accounts, count_dates, count_sources

DATES = (DatePair(date(2026, 11, 30), date(2026, 12, 1)),)
IDS = [f"{n:032x}" for n in (0, 1, 255, 2**127, 2**128 - 1)]
NUMBERS = {f"A{n}": account_id for n, account_id in enumerate(IDS)}


def _pairs(days: set[int]) -> tuple[DatePair, ...]:
    return tuple(DatePair(date(2026, 11, day), date(2026, 11, day)) for day in days)


_own = st.none() | st.sets(st.integers(1, 4), min_size=1).map(_pairs)
_named = st.sampled_from([(one, None) for one in IDS] + [(None, number) for number in NUMBERS])
_reasons = st.sampled_from([None, "moved out"])
_any = st.lists(
    st.builds(
        lambda named, own, reason, line, file: Account(
            named[0], Source(file, line, 1 + line % 3), own, reason, 1, named[1]
        ),
        _named,
        _own,
        _reasons,
        st.integers(1, 10**9),
        st.sampled_from(["spec.yaml", "emea.csv"]),
    ),
    max_size=8,
)
# as in most long lists: one line after the other, and nothing that sets an account apart
_alike = st.builds(
    lambda ids, own, line, step: [
        Account(one, Source("emea.csv", line + step * n, 1), own) for n, one in enumerate(ids)
    ],
    st.permutations(IDS),
    _own,
    st.integers(1, 9),
    st.integers(1, 3),
)
_accounts = _any | _alike
_exclusions = st.lists(
    st.builds(
        lambda named: Exclusion(named[0], named[1], "dispute", Source("spec.yaml", 1)), _named
    ),
    max_size=3,
)


def _spec(accounts: list[Account], exclusions: list[Exclusion]) -> Spec:
    spec = replace(blank_spec("n", "emulator"), dates=DATES, exclusions=tuple(exclusions))
    return replace(spec, accounts=tuple(accounts))


def _id(one: Account | Exclusion) -> str:
    return one.account_id or NUMBERS[one.number or ""]


def _plainly(spec: Spec) -> list[Item]:
    """Lay out the items of a spec as its page says, one object each."""
    kept_out = {_id(one) for one in spec.exclusions}
    found: dict[str, list[Item]] = {}
    for account in spec.accounts:
        for pair in DATES if account.dates is None else account.dates:
            item = Item(
                Identity(_id(account), pair.target_date),
                pair.invoice_date,
                Charges(),
                account.source,
                account.reason,
                account.number,
            )
            found.setdefault(_id(account), []).append(item)
    kept = [
        sorted(own, key=lambda i: i.identity) for one, own in found.items() if one not in kept_out
    ]
    return [item for own in kept for item in own]


def _twice(spec: Spec) -> bool:
    identities = [item.identity for item in _plainly(replace(spec, exclusions=()))]
    return len(set(identities)) < len(identities)


@settings(max_examples=300, deadline=None)
@given(_accounts, _exclusions)
def test_a_compact_plan_is_the_plain_one(
    accounts: list[Account], exclusions: list[Exclusion]
) -> None:
    """Once every number has its ID, a plan's items and totals are those counted one by one."""
    spec = _spec(accounts, exclusions)
    plan = make_plan(spec, TENANT)
    if _twice(spec):
        if not plan.resolved:
            with pytest.raises(SpecError):
                resolve_plan(plan, NUMBERS)
        return
    items = _plainly(spec)
    if exclusions and not items and not plan.resolved:
        with pytest.raises(SpecError, match="ZB316"):
            resolve_plan(plan, NUMBERS)
        return
    resolved = resolve_plan(plan, NUMBERS)
    assert resolved.items == items
    assert resolved.groups == [(n,) for n in range(len(items))]
    assert resolved.digest == plan.digest
    assert resolved.resolved
    assert count_accounts(resolved.items) == count_accounts(items)
    assert count_dates(resolved.items) == count_dates(items)
    assert count_sources(resolved.items) == count_sources(items)
    assert accounts_digest(resolved.items) == accounts_digest(items)
    listed = {_id(account) for account in accounts}
    assert {_id(one) for one in resolved.excluded} == listed & {_id(one) for one in exclusions}


@settings(max_examples=100, deadline=None)
@given(_accounts)
def test_a_roster_gives_back_its_accounts(accounts: list[Account]) -> None:
    """A roster holds what was put in, by position, from the end, and in slices."""
    roster = Roster.of(tuple(accounts))
    assert roster == accounts
    assert roster[::-1] == tuple(accounts[::-1])
    assert Roster.of(roster) is roster
    if accounts:
        assert roster[-1] == accounts[-1]
        assert accounts[0] in roster
    with pytest.raises(IndexError):
        roster[len(accounts)]


@pytest.mark.parametrize("lines", [[2, 3, 4], [2, 5, 8, 11]])
def test_lines_that_go_on_by_one_step_are_a_range(lines: list[int]) -> None:
    """They take no room, however many there are."""
    even = evenly(array("I", lines))
    assert isinstance(even, range)
    assert list(even) == lines


@pytest.mark.parametrize("lines", [[], [7], [2, 3, 5], [2, 4, 3], [3, 2, 1], [3, 3, 3]])
def test_other_lines_are_kept_one_by_one(lines: list[int]) -> None:
    """As in a list with an empty line or a comment in it."""
    kept = array("I", lines)
    assert evenly(kept) is kept


@pytest.mark.parametrize(("days", "own"), [([30], False), ([29, 30], True)])
def test_a_plain_list_has_no_table_of_its_items(days: list[int], own: bool) -> None:
    """Where each account is one item, an item's place is that of its account."""
    accounts = [Account(one, Source("emea.csv", n, 1)) for n, one in enumerate(IDS[::-1], 2)]
    dates = tuple(DatePair(date(2026, 11, day), date(2026, 12, 1)) for day in days)
    items = make_plan(replace(_spec(accounts, []), dates=dates), TENANT).items
    assert isinstance(items, Items)
    assert isinstance(items.selection.rows, array) is own


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=200), st.integers(1, 3))
def test_rows_are_sorted_in_buckets_as_they_are_at_once(keys: list[int], width: int) -> None:
    """Sorting in buckets keeps the order of equal keys, as sorting at once does."""
    many = keys * 60
    key = lambda row: many[row].to_bytes(width, "big")  # noqa: E731 - a key for both sides
    assert [*sorted_by(key, range(len(many)))] == sorted(range(len(many)), key=key)


def test_lazy_sequences_are_compared_by_their_members() -> None:
    """They equal any sequence of the same members, no text and no other length."""
    assert Singles(2) == ((0,), (1,))
    assert Singles(2) != ((0,), (2,))
    assert Singles(2) != ((0,),)
    assert Singles(0) != ""
    assert Groups(array("I", range(5)), array("I", [0, 2, 4])) == [(0, 1), (2, 3), (4,)]
    assert Same(7, 3) == [7, 7, 7]
    assert Groups(array("I", [3, 1, 2]), array("I", [0, 2])) == [(3, 1), (2,)]
    assert repr(Singles(5)) == "<Singles of 5: (0,), (1,), (2,), …>"


def test_what_no_longer_goes_into_a_byte_is_kept_whole() -> None:
    """More than 256 reasons, pairs of dates, or dates of one account: no item is another's."""
    days = [date(2026, 1, 1) + timedelta(days) for days in range(600)]
    pairs = [DatePair(day, day) for day in days]
    accounts = [
        Account(f"{n:032x}", Source("spec.yaml", n + 1), (pairs[n],), f"reason {n}")
        for n in range(300)
    ]
    once = Account("a" * 32, Source("spec.yaml", 400), tuple(pairs[:257]), "many")
    twice = [
        Account(
            "b" * 32, Source("spec.yaml", 500 + n), tuple(pairs[300 * n : 300 * n + 300]), "two"
        )
        for n in range(2)
    ]
    for order in ([*accounts, once, *twice], [once, *accounts, *twice], [*twice, once, *accounts]):
        spec = _spec(order, [])
        items = make_plan(spec, TENANT).items
        assert items == _plainly(spec)
        assert count_accounts(items) == 302
        assert count_dates(items) == count_dates(list(items))


@settings(max_examples=200, deadline=None)
@given(_accounts, _exclusions, st.data())
def test_items_are_found_and_put_together_as_in_a_plain_plan(
    accounts: list[Account], exclusions: list[Exclusion], data: st.DataObject
) -> None:
    """Asked in whatever order: each item's place, none for another; and batches of any stretch."""
    spec = _spec([one for one in accounts if one.number is None], exclusions)
    if _twice(spec):
        return
    items = make_plan(spec, TENANT).items
    plain = [*items]
    places = Places(items)
    for at in data.draw(st.permutations(range(len(plain)))) * 2:
        assert places.of(plain[at].identity) == at
        assert plain[at].identity in places
        later = replace(plain[at].identity, revision=7)
        assert places.of(later) is None
    assert places.of(Identity("c" * 32, date(2026, 11, 30))) is None
    assert "an account" not in places
    start = data.draw(st.integers(0, len(plain)))
    stop = data.draw(st.integers(start, len(plain)))
    assert _laid_out(batches(items, start, stop)) == _laid_out(batches(plain, start, stop))
    assert list(listed(items, start, stop)) == list(listed(plain, start, stop))


def _laid_out(found: Iterable[Batch]) -> dict[int, tuple[object, ...]]:
    return {
        at: (account, one.target_date, one.revision, one.invoice_date, one.charges)
        for one in found
        for at, account in one.accounts.items()
    }
