"""What a spec lists that another did not, and the other way round: account by account; pure."""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from zbatch.model import ACCOUNT_ID
from zbatch.spec.expressions import month_of

MOST_NAMED = 1000  # accounts of a kind that are kept by name; beyond that they are counted
MOST_CHANGES = 100  # different changes of dates that are kept apart

Dates = tuple[tuple[date, date, int], ...]
"""The target date, invoice date and revision of each of an account's items, ascending."""

Key = bytes | str  # an ID as 16 bytes, which is a third of its text; a number as it is

LAST_DAYS = 7  # within these, dates count from the end of the month too

FAR = 0.2  # more or fewer items than last time by this share are worth a warning
FEW = 10  # and by at least so many


@dataclass(frozen=True, slots=True)
class Listing:
    """All that one side lists: each account once, by its ID, or by its number as it is written.

    `excluded` has the reason of each account that it keeps out.
    """

    label: str
    period: str | None
    accounts: Iterable[tuple[str, Dates]]
    excluded: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Side:
    """How one side is called, and how much it lists."""

    label: str
    accounts: int
    items: int


@dataclass(frozen=True, slots=True)
class Named:
    """So many accounts, the first of them by name."""

    count: int = 0
    first: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DatesChange:
    """Accounts whose dates changed from the same old ones to the same new ones."""

    before: Dates
    after: Dates
    accounts: Named


@dataclass(frozen=True, slots=True)
class PlanDiff:
    """What changed from `before` to `after`; the most frequent change of dates comes first.

    `excluded` are the accounts of `before` that `after` keeps out, by reason; `gone` are the others
    that it does not list. `relative` tells that dates were held against each side's own period.
    `other_changes` counts the accounts whose change is none of `changed`, of which there are too
    many to tell apart.
    """

    before: Side
    after: Side
    relative: bool
    new: Named
    gone: Named
    changed: tuple[DatesChange, ...]
    other_changes: int = 0
    excluded: tuple[tuple[str, Named], ...] = ()

    @property
    def kept_out(self) -> int:
        """How many accounts are not listed any more since they are excluded."""
        return sum(accounts.count for _, accounts in self.excluded)

    @property
    def redated(self) -> int:
        """How many accounts are in both, with other dates."""
        return sum(change.accounts.count for change in self.changed) + self.other_changes

    @property
    def far_more(self) -> bool:
        """Whether there are so many more items that somebody should have meant it."""
        return self._far(self.after.items - self.before.items)

    @property
    def far_fewer(self) -> bool:
        """Whether there are so many fewer items that somebody should have meant it."""
        return self._far(self.before.items - self.after.items)

    def _far(self, by: int) -> bool:
        return by >= FEW and by > FAR * self.before.items


def compare(before: Listing, after: Listing) -> PlanDiff:
    """Hold two lists against each other; of `before` one entry an account is kept in memory.

    Dates move with the month: where both sides name a period, the end of the one is the same as
    the end of the other, and its 15th the same as the other's 15th. In the last week of a month a
    date is the same by its day or by how many days are left.
    """
    then, now = month_of(before.period), month_of(after.period)
    months = None if then is None or now is None else (then, now)
    old, old_items = _by_key(before.accounts)
    old_accounts = len(old)
    same = _Sameness(*(months or (0, 0)))
    new, changes = _Names(), _Changes()
    accounts = items = 0
    for key, dates in after.accounts:
        accounts += 1
        items += len(dates)
        was = old.pop(_packed(key), None)
        if was is None:
            new.add(key)
        elif not same(was, dates):
            changes.add(was, dates, key)
    gone, excluded = _Names(), defaultdict[str, _Names](_Names)
    for packed in old:
        key = _unpacked(packed)
        reason = after.excluded.get(key)
        (gone if reason is None else excluded[reason]).add(key)
    told, others = changes.told()
    return PlanDiff(
        Side(before.label, old_accounts, old_items),
        Side(after.label, accounts, items),
        months is not None,
        new.named(),
        gone.named(),
        told,
        others,
        tuple((reason, names.named()) for reason, names in excluded.items()),
    )


def _by_key(accounts: Iterable[tuple[str, Dates]]) -> tuple[dict[Key, Dates], int]:
    """Keep each account's dates, as one value for all accounts that have the same."""
    found: dict[Key, Dates] = {}
    known: dict[Dates, Dates] = {}
    items = 0
    for key, dates in accounts:
        items += len(dates)
        found[_packed(key)] = known.setdefault(dates, dates)
    return found, items


def _packed(key: str) -> Key:
    return bytes.fromhex(key) if ACCOUNT_ID.fullmatch(key) else key


def _unpacked(packed: Key) -> str:
    return packed.hex() if isinstance(packed, bytes) else packed


class _Names:
    """Counts accounts, and keeps the first of them."""

    def __init__(self) -> None:
        self._count = 0
        self._first: list[str] = []

    def add(self, key: str) -> None:
        self._count += 1
        if len(self._first) < MOST_NAMED:
            self._first.append(key)

    def named(self) -> Named:
        return Named(self._count, tuple(self._first))


class _Changes:
    """Counts accounts by how their dates changed, as long as that is a few ways."""

    def __init__(self) -> None:
        self._ways: dict[tuple[Dates, Dates], _Names] = {}
        self._others = 0

    def add(self, before: Dates, after: Dates, key: str) -> None:
        way = (before, after)
        if way not in self._ways and len(self._ways) == MOST_CHANGES:
            self._others += 1
        else:
            self._ways.setdefault(way, _Names()).add(key)

    def told(self) -> tuple[tuple[DatesChange, ...], int]:
        changes = [DatesChange(*way, names.named()) for way, names in self._ways.items()]
        changes.sort(key=lambda change: -change.accounts.count)
        return tuple(changes), self._others


class _Sameness:
    """Whether two accounts' dates are the same, remembered for all that have them."""

    def __init__(self, before: int, after: int) -> None:
        self._months = (before, after)
        self._known: dict[tuple[Dates, Dates], bool] = {}

    def __call__(self, before: Dates, after: Dates) -> bool:
        if before == after and self._months[0] == self._months[1]:
            return True
        pair = (before, after)
        if pair not in self._known:
            if len(self._known) >= MOST_NAMED:
                self._known.clear()
            self._known[pair] = self._same(before, after)
        return self._known[pair]

    def _same(self, before: Dates, after: Dates) -> bool:
        return len(before) == len(after) and all(
            old[2] == new[2] and self._moved(old[0], new[0]) and self._moved(old[1], new[1])
            for old, new in zip(before, after, strict=True)
        )

    def _moved(self, before: date, after: date) -> bool:
        if _months_of(before) - self._months[0] != _months_of(after) - self._months[1]:
            return False
        left = _days_left(before)
        return before.day == after.day or (left < LAST_DAYS and left == _days_left(after))


def _months_of(day: date) -> int:
    return day.year * 12 + day.month - 1


def _days_left(day: date) -> int:
    return monthrange(day.year, day.month)[1] - day.day
