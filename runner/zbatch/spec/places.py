"""Where in a plan an item stands: found from its identity, without a table of them all."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from zbatch.model import Identity, Item
from zbatch.spec.selection import Items, Selection

_NOWHERE = 2**32 - 1


class Places:
    """The positions of a plan's items; who asks for them in the plan's order is told fastest."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items
        self._selection = items.selection if isinstance(items, Items) else None
        self._known: dict[Identity, int] | None = None
        self._first: array[int] | None = None
        self._last = -1

    def __contains__(self, identity: object) -> bool:
        return isinstance(identity, Identity) and self.of(identity) is not None

    def of(self, identity: Identity) -> int | None:
        """Give the position of an item, None where the plan does not list it."""
        if self._selection is None:
            if self._known is None:  # a short list, or one that was narrowed down
                self._known = {item.identity: at for at, item in enumerate(self._items)}
            return self._known.get(identity)
        key = bytes.fromhex(identity.account_id)
        if _is_at(self._selection, self._last + 1, key, identity):
            self._last += 1
            return self._last
        at = self._of_account(self._selection, identity.account_id)
        while _is_of(self._selection, at, key):
            if _is_at(self._selection, at, key, identity):
                self._last = at
                return at
            at += 1
        return None

    def _of_account(self, selection: Selection, account_id: str) -> int:
        """Give the first position of an account: its items stand together."""
        rows = selection.roster.rows_of(account_id)
        if isinstance(selection.rows, range):  # each row is an item, and stands where it does
            return min(rows, default=_NOWHERE)
        if self._first is None:
            self._first = array("I", [_NOWHERE]) * len(selection.roster)
            for at, row in enumerate(selection.rows):
                if self._first[row] == _NOWHERE:
                    self._first[row] = at
        return min((self._first[row] for row in rows), default=_NOWHERE)


def _is_of(selection: Selection, at: int, key: bytes) -> bool:
    """Tell whether the item at a position is of an account."""
    rows = selection.rows
    return at < len(rows) and selection.roster.key(rows[at]) == key


def _is_at(selection: Selection, at: int, key: bytes, identity: Identity) -> bool:
    if not _is_of(selection, at, key):
        return False
    pair = selection.pairs[selection.days[at]]
    revision = selection.roster.traits_of(selection.rows[at]).revision
    return (pair.target_date, revision) == (identity.target_date, identity.revision)
