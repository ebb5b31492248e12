"""Sequences that make their members when asked: a million of them are a few bytes each."""

from __future__ import annotations

from abc import abstractmethod
from array import array
from collections.abc import Iterator, Sequence
from itertools import repeat
from operator import eq
from typing import TypeVar, overload

T_co = TypeVar("T_co", covariant=True)


class Lazy(Sequence[T_co]):
    """A sequence whose members are equal, never the same, each time that they are asked for."""

    __slots__ = ()

    @abstractmethod
    def _at(self, position: int) -> T_co:
        """Make the member at a position that exists."""

    def _some(self, positions: range) -> tuple[T_co, ...]:
        """Make the members at positions that exist."""
        return tuple(map(self._at, positions))

    @overload
    def __getitem__(self, at: int) -> T_co: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[T_co, ...]: ...
    def __getitem__(self, at: int | slice) -> T_co | tuple[T_co, ...]:
        if isinstance(at, slice):
            return self._some(range(len(self))[at])
        return self._at(range(len(self))[at])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # equal to tuples, which are hashed by members

    def __repr__(self) -> str:
        more = ", …" if len(self) > 3 else ""
        return f"<{type(self).__name__} of {len(self)}: {', '.join(map(repr, self[:3]))}{more}>"


class Same(Lazy[int]):
    """One number, so many times."""

    __slots__ = ("_count", "_number")

    def __init__(self, number: int, count: int) -> None:
        self._number = number
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        return repeat(self._number, self._count)

    def _at(self, position: int) -> int:  # noqa: ARG002 - the same at any
        return self._number

    def _some(self, positions: range) -> tuple[int, ...]:
        return (self._number,) * len(positions)


class Singles(Lazy[tuple[int, ...]]):
    """The groups of one: (0,), (1,), (2,), …"""

    __slots__ = ("_count",)

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        return zip(range(self._count), strict=False)

    def _at(self, position: int) -> tuple[int, ...]:
        return (position,)


class Groups(Lazy[tuple[int, ...]]):
    """Groups of positions: them all, one after the other, and where each group begins."""

    __slots__ = ("_members", "_starts")

    def __init__(self, members: array[int], starts: array[int]) -> None:
        self._members = evenly(members)
        self._starts = evenly(starts)

    def __len__(self) -> int:
        return len(self._starts)

    def _at(self, position: int) -> tuple[int, ...]:
        following = position + 1
        end = self._starts[following] if following < len(self._starts) else len(self._members)
        return tuple(self._members[self._starts[position] : end])


def evenly(numbers: array[int]) -> Sequence[int]:
    """Give numbers as a range, which takes no room, where they go on by one step."""
    step = numbers[1] - numbers[0] if len(numbers) > 1 else 0
    if step < 1:
        return numbers
    even = range(numbers[0], numbers[0] + step * len(numbers), step)
    return even if all(map(eq, numbers, even)) else numbers
