"""What the ledger holds of many items: a handful of queries for hundreds of them."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from itertools import islice

from zbatch.ledger import rows
from zbatch.ledger import statements as sql
from zbatch.model import (
    Charges,
    Earlier,
    IfAbsent,
    Item,
    ItemRecord,
    KeyState,
    OpenCall,
    Outcome,
    Standing,
    Trail,
)

AT_ONCE = 500  # items whose standings are read together

_SETTLED = KeyState.SETTLED.value
_INVOICED = Outcome.INVOICED.value
_ALREADY_INVOICED = Outcome.ALREADY_INVOICED.value
_TRIED_AGAIN = (Outcome.FAILED.value, Outcome.NOTHING_TO_BILL.value)
_RENEWING = frozenset({IfAbsent.RENEW.value, IfAbsent.RENEW_TWICE.value})


class Damaged(ValueError):
    """The ledger holds what zbatch never writes; the text tells of which item."""


def read_standings(connection: sqlite3.Connection, items: Iterable[Item]) -> Iterator[Standing]:
    """Tell what is held of each item, in their order, reading some of them ahead.

    Raises `Damaged`.
    """
    left = iter(items)
    while chunk := list(islice(left, AT_ONCE)):
        shelf = _Shelf(connection, chunk)
        for item in chunk:
            try:
                standing = shelf.standing(item)
            except (ValueError, TypeError, KeyError) as error:
                raise Damaged(f" of {item.identity}") from error
            yield standing


def read_outcomes(connection: sqlite3.Connection, items: Iterable[Item]) -> Iterator[ItemRecord]:
    """Give the outcomes of those items that have one, in their order.

    Raises `Damaged`.
    """
    left = iter(items)
    while chunk := list(islice(left, AT_ONCE)):
        accounts = json.dumps(sorted({item.identity.account_id for item in chunk}))
        held = {
            (row["account_id"], row["target_date"], row["revision"]): row
            for row in connection.execute(sql.OUTCOMES_OF_ACCOUNTS, (accounts,))
        }
        for item in chunk:
            row = held.get(rows.identity_columns(item.identity))
            try:
                record = row and rows.record_of(row, item)
            except (ValueError, TypeError, KeyError) as error:
                raise Damaged(f" of {item.identity}") from error
            if record:
                yield record


class _Shelf:
    """All that is held of some accounts, and of the open calls that any item of them is in."""

    def __init__(self, connection: sqlite3.Connection, items: Sequence[Item]) -> None:
        self._connection = connection
        self._rows: dict[str, list[sqlite3.Row]] = defaultdict(list)
        self._keys: dict[int, list[sqlite3.Row]] = defaultdict(list)
        self._members: dict[int, list[sqlite3.Row]] = defaultdict(list)
        self._attempts: dict[int, list[sqlite3.Row]] = defaultdict(list)
        self._calls: dict[int, OpenCall] = {}
        accounts = {item.identity.account_id for item in items}
        self._take_accounts(accounts)
        self._call_rows = {call["id"]: call for call in self._take_calls()}
        others = {member["account_id"] for members in self._members.values() for member in members}
        self._take_accounts(others - accounts)

    def _take_accounts(self, accounts: set[str]) -> None:
        """Read the items of accounts, earliest date first, and the keys of each."""
        if not accounts:
            return
        named = (json.dumps(sorted(accounts)),)
        for row in self._connection.execute(sql.ITEMS_OF_ACCOUNTS, named):
            self._rows[row["account_id"]].append(row)
        for key in self._connection.execute(sql.KEYS_OF_ACCOUNTS, named):
            self._keys[key["item_id"]].append(key)

    def _take_calls(self) -> list[sqlite3.Row]:
        """Read the calls that are not settled for one of the items."""
        unsettled = {
            key["id"] for keys in self._keys.values() for key in keys if key["state"] != _SETTLED
        }
        if not unsettled:
            return []
        named = (json.dumps(sorted(unsettled)),)
        for member in self._connection.execute(sql.ITEMS_OF_CALLS, named):
            self._members[member["call_id"]].append(member)
        for attempt in self._connection.execute(sql.ATTEMPTS_OF_CALLS, named):
            self._attempts[attempt["call_id"]].append(attempt)
        return self._connection.execute(sql.CALLS, named).fetchall()

    def standing(self, item: Item) -> Standing:
        """Tell what is held of one item."""
        account, target, revision = rows.identity_columns(item.identity)
        around = self._rows.get(account, ())
        row = _row_of(around, target, revision)
        lower = _row_of(around, target, revision - 1)
        later = _invoiced_after(around, target, revision, item.charges)
        keys = self._keys.get(row["id"], ()) if row else ()
        changed = row is not None and rows.payload_changed(row, item)
        return Standing(
            item=item,
            record=rows.record_of(row, item) if row else None,
            call=self._call_of(row) if row else None,
            generation=max((key["generation"] + 1 for key in keys), default=0),
            attempts=sum(key["attempts"] for key in keys),
            payload_changed=changed,
            trail=self._trail(row, account, target, revision),
            earlier=tuple(self._open_beside(around, target, revision)),
            lower=Outcome(lower["outcome"]) if lower and lower["outcome"] else None,
            later_invoiced=date.fromisoformat(later) if later else None,
            was=rows.item_of(row) if row is not None and changed else None,
        )

    def _call_among(self, keys: Sequence[sqlite3.Row]) -> OpenCall | None:
        """Give the one call of an item whose key is not settled; the schema allows no second."""
        unsettled = (key["id"] for key in keys if key["state"] != _SETTLED)
        call_id = next(unsettled, None)
        if call_id is None:
            return None
        if call_id not in self._calls:
            self._calls[call_id] = self._open_call(self._call_rows[call_id])
        return self._calls[call_id]

    def _call_of(self, row: sqlite3.Row) -> OpenCall | None:
        """Give an item's open call, but for one that has left the outcome as it was."""
        call = self._call_among(self._keys.get(row["id"], ()))
        return None if call and row["outcome"] and call.never_left else call

    def _open_beside(
        self, around: Sequence[sqlite3.Row], target: str, revision: int
    ) -> Iterator[Earlier]:
        """Give what of the account may hold an item back, by date and revision.

        That is whatever has an open key, the earlier dates that have failed, and the higher
        revisions that are invoiced. A failure is over once a later date is invoiced whose charges
        include its own, or a higher revision is. What somebody else invoiced may be gone by now, so
        it ends no failure.
        """
        for row in around:
            if (row["target_date"], row["revision"]) == (target, revision):
                continue
            call = self._call_of(row)
            outcome = _holding(around, row, target, revision)
            if call or outcome:
                yield Earlier(rows.item_of(row), outcome, call)

    def _trail(
        self,
        row: sqlite3.Row | None,
        account: str,
        target: str,
        revision: int,
        if_absent: str | None = None,
        *,
        burnt: bool = False,
    ) -> Trail:
        around = self._rows.get(account, ())
        keys = self._keys.get(row["id"], ()) if row else ()
        renewals = [key for key in keys if key["state"] == _SETTLED]
        return Trail(
            baseline=rows.baseline_of(row["baseline"]) if row else None,
            credited=_credited(around, target, revision),
            renewals=sum(key["if_absent"] in _RENEWING for key in renewals),
            if_absent=IfAbsent(if_absent) if if_absent else None,
            lower_took=self._took(around, target, revision - 1),
            rests_until=rows.moment(row["rests_until"]) if row else None,
            of_lower=_credited(_of_date(around, target), target, revision),
            before=_before(row),
            said=rows.problem_of(row) if row and burnt else None,
        )

    def _took(self, around: Sequence[sqlite3.Row], target: str, revision: int) -> timedelta | None:
        """Tell how long it took to invoice a revision: one that billed nothing has made no invoice.

        What was turned away before, and waited for, made none either.
        """
        row = _row_of(around, target, revision)
        if row is None or row["outcome"] != _INVOICED:
            return None
        key = (row["idempotency_key"],)
        since = self._connection.execute(sql.MAY_HAVE_BILLED_SINCE, key).fetchone()[0]
        started, finished = rows.moment(since), rows.moment(row["finished_at"])
        return finished - started if started and finished else None

    def _open_call(self, call: sqlite3.Row) -> OpenCall:
        members = self._members[call["id"]]
        items = tuple(map(rows.item_of, members))
        trails = (
            self._trail(
                *(member, member["account_id"], member["target_date"], member["revision"]),
                if_absent=member["key_if_absent"],
                burnt=member["key_state"] == KeyState.BURNT,
            )
            for member in members
        )
        return OpenCall(
            call=rows.call_of(call, items),
            attempts=tuple(map(rows.attempt_of, self._attempts[call["id"]])),
            states=tuple(KeyState(member["key_state"]) for member in members),
            trails=tuple(trails),
            settle=call["settle"],
        )


def _before(row: sqlite3.Row | None) -> ItemRecord | None:
    """Give the outcome that a next key would try again."""
    if row is None or row["outcome"] not in _TRIED_AGAIN:
        return None
    return rows.record_of(row, rows.item_of(row))


def _row_of(around: Sequence[sqlite3.Row], target: str, revision: int) -> sqlite3.Row | None:
    return next(
        (row for row in around if (row["target_date"], row["revision"]) == (target, revision)), None
    )


def _of_date(around: Sequence[sqlite3.Row], target: str) -> list[sqlite3.Row]:
    return [row for row in around if row["target_date"] == target]


def _holding(
    around: Sequence[sqlite3.Row], row: sqlite3.Row, target: str, revision: int
) -> Outcome | None:
    """Give the outcome of a row for which an item is not sent, whatever becomes of open keys."""
    if row["target_date"] == target:
        above = row["revision"] > revision and row["outcome"] == _INVOICED
        return Outcome.INVOICED if above else None
    failed = row["target_date"] < target and row["outcome"] == Outcome.FAILED.value
    return Outcome.FAILED if failed and not _invoiced_after_row(around, row) else None


def _invoiced_after_row(around: Sequence[sqlite3.Row], row: sqlite3.Row) -> str | None:
    place = (row["target_date"], row["revision"])
    return _invoiced_after(around, *place, rows.charges_of(row))


def _invoiced_after(
    around: Sequence[sqlite3.Row], target: str, revision: int, charges: Charges
) -> str | None:
    """Give the account's first later date, or this very one in a later revision, that is invoiced.

    A later date counts only if its charges include these: it has not billed any others. The rows
    stand in the order of date and revision.
    """
    this = (target, revision)
    return next(
        (
            row["target_date"]
            for row in around
            if row["outcome"] == _INVOICED
            and (row["target_date"], row["revision"]) > this
            and (row["target_date"] == target or rows.charges_of(row).include(charges))
        ),
        None,
    )


def _credited(around: Sequence[sqlite3.Row], target: str, revision: int) -> frozenset[str]:
    """Tell which of the account's invoices are credited to other dates or lower revisions.

    What a higher revision was credited with is there for a lower one, which must not bill again.
    What only a question has found for a lower revision is credited to none: after the loss of a
    ledger it may be this very one's own.
    """
    credited = (
        row["invoice_ids"]
        for row in around
        if row["invoice_id"] is not None
        and (row["target_date"] != target or row["revision"] < revision)
        and not (row["target_date"] == target and row["outcome"] == _ALREADY_INVOICED)
    )
    return frozenset(one for ids in credited for one in rows.invoice_ids_of(ids))
