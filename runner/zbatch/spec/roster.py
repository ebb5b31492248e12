"""Accounts by the million: their IDs in one row of bytes, and an `Account` only where asked for."""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import compress, count, repeat
from operator import eq
from typing import TYPE_CHECKING

from zbatch import model
from zbatch.model import DatePair, Source
from zbatch.spec.lazy import Lazy, evenly
from zbatch.spec.sorting import sorted_by

if TYPE_CHECKING:
    from zbatch.model import Account

WIDTH = 16  # bytes of an account ID
BYTES = 256  # different numbers that go into a byte
_AT_ONCE = 512  # keys that are compared together


@dataclass(frozen=True, slots=True)
class Traits:
    """What many rows have in common: where they are written, and what is special about them."""

    file: str
    column: int
    dates: tuple[DatePair, ...] | None = None
    reason: str | None = None
    revision: int = 1


class Roster(Lazy["Account"]):
    """The accounts of a spec, in its order.

    `order` holds the rows that have an ID, sorted by it. Rows of accounts named by number, which
    are `numbered`, have none until the roster is `resolved`.
    """

    __slots__ = (
        "_ids",
        "_lines",
        "_numbers",
        "_order",
        "_repeated",
        "_styles",
        "numbered",
        "resolved",
        "traits",
    )

    def __init__(
        self,
        ids: bytes,
        lines: Sequence[int],
        styles: array[int],
        traits: Sequence[Traits],
        numbered: array[int],
        numbers: Sequence[str],
        *,
        resolved: bool = False,
    ) -> None:
        self._ids = ids
        self._lines = lines
        self._styles = styles
        self.traits = traits
        self.numbered = numbered
        self._numbers = numbers
        self.resolved = resolved or not numbers
        self._order: array[int] | None = None
        self._repeated: tuple[list[int], ...] | None = None

    @classmethod
    def of(cls, accounts: Sequence[Account]) -> Roster:
        """Return accounts as a roster; a roster is one already."""
        if isinstance(accounts, Roster):
            return accounts
        builder = RosterBuilder()
        for account in accounts:
            at, own = account.source, (account.dates, account.reason, account.revision)
            style = builder.style(Traits(at.file, at.column, *own))
            builder.add(account.named, at.line, style, by_number=account.number is not None)
        return builder.roster()

    def __len__(self) -> int:
        return len(self._lines)

    def _at(self, position: int) -> Account:
        traits = self.traits_of(position)
        number = None if self.resolved else self.number(position)
        return model.Account(
            self.account_id(position) if number is None else None,
            self.source(position),
            traits.dates,
            traits.reason,
            traits.revision,
            number,
        )

    def key(self, row: int) -> bytes:
        """Return the ID of a row as bytes."""
        return self._ids[row * WIDTH : row * WIDTH + WIDTH]

    def account_id(self, row: int) -> str:
        """Return the ID of a row that has one."""
        return self.key(row).hex()

    def account_ids(self, rows: Iterable[int]) -> list[str]:
        """Return the IDs of rows that have one, in less time than one by one."""
        ids = self._ids
        keys = b"".join([ids[row * WIDTH : row * WIDTH + WIDTH] for row in rows])
        return keys.hex(",", WIDTH).split(",") if keys else []

    def number(self, row: int) -> str | None:
        """Return the number of a row that the spec names by number."""
        at = bisect_left(self.numbered, row)
        if at < len(self.numbered) and self.numbered[at] == row:
            return self._numbers[at]
        return None

    def style(self, row: int) -> int:
        """Return the position in `traits` of what a row has in common with others."""
        return self._styles[row]

    def styles(self, rows: Iterable[int]) -> Iterator[int]:
        """Return the styles of rows, one after the other."""
        return map(self._styles.__getitem__, rows)

    def traits_of(self, row: int) -> Traits:
        """Return what a row has in common with others."""
        return self.traits[self._styles[row]]

    def source(self, row: int) -> Source:
        """Return where a row is written."""
        traits = self.traits_of(row)
        return Source(traits.file, self._lines[row], traits.column)

    def lines(self, rows: Iterable[int]) -> list[int]:
        """Return the lines in which rows are written."""
        return [self._lines[row] for row in rows]

    @property
    def only_style(self) -> int | None:
        """The style of all rows, None where they have several."""
        alike = bool(self._styles) and self._styles.count(self._styles[0]) == len(self._styles)
        return self._styles[0] if alike else None

    @property
    def order(self) -> array[int]:
        """The rows that have an ID, sorted by ID and then by row."""
        if self._order is None:
            rows: Sequence[int] = range(len(self))
            if not self.resolved:
                without = set(self.numbered)
                rows = array("I", (row for row in rows if row not in without))
            self._order = sorted_by(self.key, rows)
        return self._order

    def rows_of(self, account_id: str) -> Iterator[int]:
        """Return the rows with an ID."""
        wanted, order = bytes.fromhex(account_id), self.order
        at = bisect_left(order, wanted, key=self.key)
        while at < len(order) and self.key(order[at]) == wanted:
            yield order[at]
            at += 1

    def numbered_rows(self) -> Iterator[tuple[int, str]]:
        """Return the rows that the spec names by number, with that number."""
        return zip(self.numbered, self._numbers, strict=True)

    def repeated(self) -> Sequence[list[int]]:
        """Return the rows of each account that is named alike more than once, ascending."""
        if self._repeated is None:
            found = _runs(self.order, self.key)
            if not self.resolved:
                numbers = self._numbers
                by_number = sorted(range(len(numbers)), key=numbers.__getitem__)
                for run in _runs(by_number, numbers.__getitem__):
                    found.append([self.numbered[at] for at in run])
            self._repeated = tuple(found)
        return self._repeated

    def with_ids(self, ids: Mapping[str, str], kept_out: Container[str] = ()) -> Roster:
        """Return the roster with the ID of every number; one that is `kept_out` may have none."""
        filled = bytearray(self._ids)
        for row, number in self.numbered_rows():
            known = number in ids or number not in kept_out
            key = bytes.fromhex(ids[number]) if known else _nobodys(number)
            filled[row * WIDTH : row * WIDTH + WIDTH] = key
        columns = (self._lines, self._styles, self.traits, self.numbered, self._numbers)
        return Roster(bytes(filled), *columns, resolved=True)


def _nobodys(number: str) -> bytes:
    """Return what stands in the place of an ID that nobody needs, another for each number."""
    return hashlib.blake2b(number.encode(), digest_size=WIDTH).digest()


def _runs(order: Sequence[int], key: Callable[[int], object]) -> list[list[int]]:
    """Return those that have one key, as long as they are several; most have one of their own."""
    found: list[list[int]] = []
    last = -2
    for at in _like_the_next(order, key):
        if at == last + 1:
            found[-1].append(order[at + 1])
        else:
            found.append([order[at], order[at + 1]])
        last = at
    return found


def _like_the_next(order: Sequence[int], key: Callable[[int], object]) -> Iterator[int]:
    """Give the positions of those that have the key of the next one."""
    for start in range(0, len(order), _AT_ONCE):
        keys = list(map(key, order[start : start + _AT_ONCE + 1]))
        yield from compress(count(start), map(eq, keys, keys[1:]))


class RosterBuilder:
    """Takes the accounts of a spec one by one."""

    def __init__(self) -> None:
        self._ids = BytesIO()  # which gives away its bytes without a copy of them
        self._lines = array("I")
        self._styles = array("B")
        self._traits: list[Traits] = []
        self._known: dict[Traits, int] = {}
        self._numbered = array("I")
        self._numbers: list[str] = []

    def __len__(self) -> int:
        return len(self._lines)

    def style(self, traits: Traits) -> int:
        """Return the style of rows that have these traits in common."""
        style = self._known.setdefault(traits, len(self._traits))
        if style == len(self._traits):
            self.open_style(traits)
        return style

    def open_style(self, traits: Traits) -> int:
        """Return a style whose dates are set later, and which is therefore no other row's."""
        self._traits.append(traits)
        if len(self._traits) == BYTES + 1:  # rarely: a byte a row is enough for most specs
            self._styles = array("I", self._styles)
        return len(self._traits) - 1

    def set_dates(self, style: int, dates: tuple[DatePair, ...]) -> None:
        """Set the dates of an open style."""
        self._traits[style] = replace(self._traits[style], dates=dates)

    def add(self, name: str, line: int, style: int, *, by_number: bool) -> None:
        """Add a row; `name` is an ID in whatever case, or a number."""
        if by_number:
            self._numbered.append(len(self._lines))
            self._numbers.append(name)
            self._ids.write(bytes(WIDTH))
        else:
            self._ids.write(bytes.fromhex(name))
        self._lines.append(line)
        self._styles.append(style)

    def add_lines(self, names: Sequence[str], line: int, style: int) -> None:
        """Add rows with these IDs, a line each, from `line` on."""
        self._ids.write(bytes.fromhex("".join(names)))
        self._lines.extend(range(line, line + len(names)))
        self._styles.extend(repeat(style, len(names)))

    def roster(self) -> Roster:
        """Return the rows; nothing can be added afterwards."""
        ids, self._ids = self._ids.getvalue(), BytesIO()
        columns = (evenly(self._lines), self._styles, self._traits, self._numbered, self._numbers)
        return Roster(ids, *columns)
