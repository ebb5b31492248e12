"""Which accounts of a roster are billed for which dates: the items, as two small numbers each."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

from zbatch.model import Batch, Charges, DatePair, Exclusion, Identity, Item, Listed, Terms
from zbatch.spec.lazy import Lazy, Same
from zbatch.spec.roster import BYTES, Roster


@dataclass(frozen=True, slots=True)
class Selection:
    """The items in the order of the plan: for each a row of the roster, and a pair of dates.

    `counts` holds how many items each account has. `used` tells of each exclusion whether it
    keeps an account out. Where each row is an item, as in most long lists, none of it takes room.
    """

    roster: Roster
    rows: Sequence[int]
    days: Sequence[int]
    counts: Sequence[int]
    pairs: tuple[DatePair, ...]
    used: tuple[bool, ...]


def select(
    roster: Roster,
    dates: tuple[DatePair, ...],
    exclusions: Sequence[Exclusion],
    *,
    identified: bool = False,
) -> Selection:
    """Lay out the items: accounts where they first stand, each with its target dates ascending.

    Where only those `identified` are asked for, accounts without an ID are passed over.
    """
    kept_out: set[int] = set()
    by_number = _by_number(roster, exclusions)
    used: list[bool] = []
    for one in exclusions:
        rows = roster.rows_of(one.account_id) if one.account_id else by_number[one.named]
        before = len(kept_out)
        kept_out.update(rows)
        used.append(len(kept_out) > before)
    if identified:
        kept_out.update(roster.numbered)
    chooser = _Chooser(roster, dates)
    repeated = roster.repeated()
    style = None if kept_out or repeated else roster.only_style
    rows_of = {row: run if row == run[0] else [] for run in repeated for row in run}
    for row in range(len(roster)) if style is None else ():
        if row not in kept_out:
            chooser.take(rows_of.get(row, (row,)))
    columns = chooser.taken if style is None else chooser.every(style)
    return Selection(roster, *columns, used=tuple(used), pairs=tuple(chooser.pairs))


def _by_number(roster: Roster, exclusions: Sequence[Exclusion]) -> dict[str, list[int]]:
    """Find the rows of the accounts that are kept out by number."""
    found: dict[str, list[int]] = {one.number: [] for one in exclusions if one.number is not None}
    for row, number in roster.numbered_rows() if found else ():
        if number in found:
            found[number].append(row)
    return found


class Items(Lazy[Item]):
    """The items of a selection whose accounts all have their ID."""

    __slots__ = ("charges", "selection")

    def __init__(self, selection: Selection, charges: Charges) -> None:
        self.selection = selection
        self.charges = charges

    def __len__(self) -> int:
        return len(self.selection.rows)

    def _at(self, position: int) -> Item:
        # A run makes each item several times: by position, which takes less time than by name.
        selection = self.selection
        row, pair = selection.rows[position], selection.pairs[selection.days[position]]
        roster = selection.roster
        traits = roster.traits_of(row)
        return Item(
            Identity(roster.account_id(row), pair.target_date, traits.revision),
            pair.invoice_date,
            self.charges,
            roster.source(row),
            traits.reason,
            roster.number(row) if roster.numbered else None,
        )

    def batches(self, start: int, stop: int) -> Iterator[Batch]:
        """Give the items from `start` to before `stop`, those together that are alike."""
        selection, roster = self.selection, self.selection.roster
        rows, days = selection.rows[start:stop], selection.days[start:stop]
        found: dict[tuple[int, int], dict[int, str]] = defaultdict(dict)
        alike = zip(days, roster.styles(rows), strict=True)
        for position, kind, account in zip(
            range(start, stop), alike, roster.account_ids(rows), strict=True
        ):
            found[kind][position] = account
        for (day, style), accounts in found.items():
            pair, revision = selection.pairs[day], roster.traits[style].revision
            yield Batch(pair.target_date, revision, pair.invoice_date, self.charges, accounts)

    def listed(self, start: int, stop: int) -> Iterator[Listed]:
        """Give the items from `start` to before `stop` in their order."""
        selection, roster = self.selection, self.selection.roster
        rows, days = selection.rows[start:stop], selection.days[start:stop]
        alike = list(zip(days, roster.styles(rows), strict=True))
        kinds = {one: self._terms(*one) for one in set(alike)}
        numbers = map(roster.number, rows) if roster.numbered else repeat(None, len(rows))
        ids, lines = roster.account_ids(rows), roster.lines(rows)
        return zip(ids, numbers, lines, map(kinds.__getitem__, alike), strict=True)

    def _terms(self, day: int, style: int) -> Terms:
        pair, traits = self.selection.pairs[day], self.selection.roster.traits[style]
        return Terms(
            pair.target_date,
            traits.revision,
            pair.invoice_date,
            self.charges,
            traits.file,
            traits.column,
            traits.reason,
        )


_Columns = tuple[Sequence[int], Sequence[int], Sequence[int]]


class _Chooser:
    """Takes the rows of one account after the other."""

    def __init__(self, roster: Roster, dates: tuple[DatePair, ...]) -> None:
        self.rows, self.days, self.counts = array("I"), array("B"), array("B")
        self.pairs: dict[DatePair, int] = {}
        self._roster = roster
        self._dates = dates
        self._by_style: dict[int, tuple[int, ...]] = {}

    @property
    def taken(self) -> _Columns:
        """The row and the dates of each item that was taken, and how many each account has."""
        return self.rows, self.days, self.counts

    def every(self, style: int) -> _Columns:
        """Give the same of a whole roster in which all have one style, each of its own account."""
        days, count = self._sorted(style), len(self._roster)
        counts = Same(len(days), count)
        if len(days) == 1:
            return range(count), Same(days[0], count), counts
        each = (range(count) for _ in days)
        rows = array("I", chain.from_iterable(zip(*each, strict=True)))
        return rows, array(self.days.typecode, days * count), counts

    def take(self, rows: Sequence[int]) -> None:
        """Take the rows of one account."""
        if len(rows) == 1:
            row = rows[0]
            style = self._roster.style(row)
            days = self._by_style.get(style)
            if days is None:
                days = self._by_style[style] = self._sorted(style)
            if len(days) == 1:
                self.rows.append(row)
            else:
                self.rows.extend([row] * len(days))
            self.days.extend(days)
            self.counts.append(len(days))
        elif rows:
            self._take_several(rows)

    def _take_several(self, rows: Sequence[int]) -> None:
        chosen = [
            (pair.target_date, self._roster.traits_of(row).revision, row, self._number(pair))
            for row in rows
            for pair in self._pairs(self._roster.style(row))
        ]
        for _, _, row, day in sorted(chosen):
            self.rows.append(row)
            self.days.append(day)
        self._make_room(len(chosen))
        self.counts.append(len(chosen))

    def _pairs(self, style: int) -> tuple[DatePair, ...]:
        own = self._roster.traits[style].dates
        return self._dates if own is None else own

    def _sorted(self, style: int) -> tuple[int, ...]:
        pairs = sorted(self._pairs(style), key=lambda pair: pair.target_date)
        self._make_room(len(pairs))
        return tuple(map(self._number, pairs))

    def _number(self, pair: DatePair) -> int:
        number = self.pairs.setdefault(pair, len(self.pairs))
        if number == BYTES and self.days.typecode == "B":
            self.days = array("I", self.days)
        return number

    def _make_room(self, count: int) -> None:
        """See to it that an account may have so many items; a byte is enough for most specs."""
        if count >= BYTES and self.counts.typecode == "B":
            self.counts = array("I", self.counts)
