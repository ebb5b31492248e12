"""What two lists of accounts differ in, as a person would tell it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.accounts import account
from zbatch.spec.plan_diff import MOST_CHANGES, MOST_NAMED, Dates, Listing, PlanDiff, compare

OCTOBER, NOVEMBER = date(2026, 10, 31), date(2026, 11, 30)


def on(*days: date, revision: int = 1) -> Dates:
    """Give the dates of an account that is billed on these days."""
    return tuple((day, day, revision) for day in days)


def held(
    before: Iterable[tuple[str, Dates]],
    after: Iterable[tuple[str, Dates]],
    periods: tuple[str | None, str | None] = (None, None),
) -> PlanDiff:
    return compare(Listing("october", periods[0], before), Listing("november", periods[1], after))


def several(count: int, day: date, first: int = 0) -> Iterator[tuple[str, Dates]]:
    return ((account(number), on(day)) for number in range(first, first + count))


def test_new_gone_and_redated() -> None:
    """Each account is in one of four groups, and the groups name their accounts in list order."""
    before = [(account(n), on(NOVEMBER)) for n in (1, 2, 3, 4)]
    after = [(account(5), on(NOVEMBER)), (account(3), on(date(2026, 11, 15)))]
    after += [(account(4), on(NOVEMBER))]
    found = held(before, after)
    assert found.new.first == (account(5),)
    assert found.gone.first == (account(1), account(2))
    assert found.redated == 1
    (change,) = found.changed
    assert (change.before, change.after) == (on(NOVEMBER), on(date(2026, 11, 15)))
    assert change.accounts.first == (account(3),)
    assert (found.before.accounts, found.after.items) == (4, 3)


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        (date(2026, 10, 31), date(2026, 11, 30), True),  # both the end of the month
        (date(2026, 10, 15), date(2026, 11, 15), True),
        (date(2026, 10, 26), date(2026, 11, 25), True),  # five days before the end
        (date(2026, 11, 1), date(2026, 12, 1), True),  # the start of the next month
        (date(2026, 10, 15), date(2026, 10, 15), False),  # the one that was forgotten
        (date(2026, 10, 15), date(2026, 11, 14), False),
        (date(2025, 10, 31), date(2026, 11, 30), False),
    ],
)
def test_dates_move_with_the_period(before: date, after: date, same: bool) -> None:
    """Against its own period a date is the same if it is the same day, from either end."""
    old, new = [(account(1), on(before))], [(account(1), on(after))]
    found = held(old, new, ("2026-10", "2026-11"))
    assert found.relative
    assert found.redated == (0 if same else 1)


@pytest.mark.parametrize("periods", [(None, None), ("2026-10", None), (None, "2026-11")])
def test_without_both_periods_dates_are_what_they_are(
    periods: tuple[str | None, str | None],
) -> None:
    """One change of dates for all is one change, told with how many accounts it has."""
    found = held(several(40, OCTOBER), several(40, NOVEMBER), periods)
    assert not found.relative
    (change,) = found.changed
    assert change.accounts.count == found.redated == 40


def test_a_revision_or_another_invoice_date_is_a_change() -> None:
    """Billing again, and billing under another date, are seen in review."""
    before = [(account(1), on(NOVEMBER)), (account(2), on(NOVEMBER))]
    after = [
        (account(1), on(NOVEMBER, revision=2)),
        (account(2), ((NOVEMBER, date(2026, 12, 1), 1),)),
    ]
    assert held(before, after).redated == 2


def test_numbers_and_ids_are_told_apart() -> None:
    """An account number is never taken for an ID, whatever it looks like."""
    number = "#" + "a" * 15
    before = [(number, on(NOVEMBER)), (number.encode().hex(), on(NOVEMBER))]
    assert held(before, []).gone.first == (number, number.encode().hex())


def test_much_is_counted_and_little_is_named() -> None:
    """Names and ways of changing are kept up to a bound, and the counts stay right beyond it."""
    found = held(several(MOST_NAMED + 7, NOVEMBER), [])
    assert (found.gone.count, len(found.gone.first)) == (MOST_NAMED + 7, MOST_NAMED)
    ways = MOST_CHANGES + 9
    before = [(account(n), on(NOVEMBER)) for n in range(ways)]
    after = [(account(n), on(NOVEMBER + timedelta(days=n + 1))) for n in range(ways)]
    found = held(before, after)
    assert (len(found.changed), found.other_changes, found.redated) == (MOST_CHANGES, 9, ways)


def test_the_most_frequent_change_comes_first() -> None:
    """What concerns most accounts is read first."""
    day = date(2026, 11, 15)
    before = [*several(1, NOVEMBER), *several(3, OCTOBER, first=1)]
    after = [*several(1, day), *several(3, day, first=1)]
    assert [change.accounts.count for change in held(before, after).changed] == [3, 1]


@pytest.mark.parametrize(
    ("before", "after", "more", "fewer"),
    [
        (100, 120, False, False),
        (100, 121, True, False),
        (100, 79, False, True),
        (100, 80, False, False),
        (9, 0, False, False),
        (10, 0, False, True),
        (0, 10, True, False),
    ],
)
def test_f133_far_more_or_fewer_items(before: int, after: int, more: bool, fewer: bool) -> None:
    """F133: more than a fifth, and at least ten items."""
    found = held(several(before, NOVEMBER), several(after, NOVEMBER))
    assert (found.far_more, found.far_fewer) == (more, fewer)


LISTS = st.dictionaries(st.integers(0, 30), st.sampled_from([OCTOBER, NOVEMBER]), max_size=20)


@given(before=LISTS, after=LISTS)
def test_every_account_is_accounted_for(before: dict[int, date], after: dict[int, date]) -> None:
    """New, gone, changed and same make up both lists, and nothing else."""
    found = held(
        [(account(n), on(day)) for n, day in before.items()],
        [(account(n), on(day)) for n, day in after.items()],
    )
    assert set(found.new.first) == {account(n) for n in after.keys() - before.keys()}
    assert set(found.gone.first) == {account(n) for n in before.keys() - after.keys()}
    redated = {n for n in before.keys() & after.keys() if before[n] != after[n]}
    assert found.redated == len(redated)
    assert found.before.items == len(before)
    assert found.after.items == len(after)
