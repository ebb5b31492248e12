"""Sequences that make their members when asked: a million of them are a few bytes each."""

from __future__ import annotations

from abc import abstractmethod
from array import array
from collections.abc import Iterator, Sequence
from typing import TypeVar, overload

T_co = TypeVar("T_co", covariant=True)


class Lazy(Sequence[T_co]):
    """A sequence whose members are equal, never the same, each time that they are asked for."""

    __slots__ = ()

    @abstractmethod
    def _at(self, position: int) -> T_co:
        """Make the member at a position that exists."""

    @overload
    def __getitem__(self, at: int) -> T_co: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[T_co, ...]: ...
    def __getitem__(self, at: int | slice) -> T_co | tuple[T_co, ...]:
        if isinstance(at, slice):
            return tuple(map(self._at, range(len(self))[at]))
        return self._at(range(len(self))[at])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str | bytes):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # equal to tuples, which are hashed by members

    def __repr__(self) -> str:
        more = ", …" if len(self) > 3 else ""
        return f"<{type(self).__name__} of {len(self)}: {', '.join(map(repr, self[:3]))}{more}>"


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
    """Groups of positions: one array of them all, and another of where each group begins."""

    __slots__ = ("_members", "_starts")

    def __init__(self, members: array[int], starts: array[int]) -> None:
        self._members = members
        self._starts = starts

    def __len__(self) -> int:
        return len(self._starts)

    def _at(self, position: int) -> tuple[int, ...]:
        following = position + 1
        end = self._starts[following] if following < len(self._starts) else len(self._members)
        return tuple(self._members[self._starts[position] : end])
