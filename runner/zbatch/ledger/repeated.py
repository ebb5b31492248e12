"""What is invoiced already, as the report of a later run repeats it: read in a row, without items.

A run over a finished ledger has nothing else to do, and items and records take most of its time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from zbatch.ledger import rows
from zbatch.model import Item, Problem, Repeated, Settlement, Terms, listed

_IN_A_ROW = (
    "SELECT account_id, target_date, revision, invoice_id, invoice_ids, invoices, error_code,"
    " error_message, http_status, attempts, idempotency_key, track_id, request_id, started_at,"
    " finished_at, settled_by FROM run_item JOIN item ON item.id = item_id"
    " WHERE run_id = ? AND ordinal >= ? AND ordinal < ? AND outcome = 'invoiced' ORDER BY ordinal"
)


def read_repeated(
    connection: sqlite3.Connection, run_id: str, items: Sequence[Item], part: range
) -> list[Repeated] | None:
    """Give what is held of a stretch of the items that a run has listed.

    Gives None where they are not those very items, or not all are invoiced and as zbatch writes
    them: then each has to be looked at.
    """
    cursor = connection.cursor()
    cursor.row_factory = None
    found = cursor.execute(_IN_A_ROW, (run_id, part.start, part.stop)).fetchall()
    if len(found) != len(part):
        return None
    try:
        return list(_repeated(items, part, found))
    except (ValueError, TypeError):
        return None


def _repeated(
    items: Sequence[Item], part: range, found: Sequence[tuple[Any, ...]]
) -> Iterator[Repeated]:
    """Put together what plan and ledger tell; raises `ValueError` where they tell of others."""
    last: Terms | None = None
    held: list[Any] = []
    settlement = dates = None
    for planned, row in zip(listed(items, part.start, part.stop), found, strict=True):
        account_id, target_date, revision, invoice_id, ids, invoices, *others = row
        terms = planned[3]
        if terms is not last:
            last, dates = terms, (terms.target_date.isoformat(), terms.revision)
        if account_id != planned[0] or (target_date, revision) != dates or not invoice_id:
            raise ValueError("another item, or no invoice")
        if settlement is None or others != held:  # one call after the other, mostly
            held, settlement = others, _settlement(*others)
        all_ids = rows.invoice_ids_after(invoice_id, ids)
        own = (invoice_id, all_ids, rows.details_of(invoices, all_ids))
        yield Repeated(*planned, *own, settlement)


def _settlement(code: str | None, message: str | None, *others: Any) -> Settlement:
    status, attempts, key, track, request, started, finished, run = others
    return Settlement(
        None if code is None else Problem(code, message or ""),
        status,
        attempts,
        key,
        track,
        request,
        rows.moment(started),
        rows.moment(finished),
        run,
    )
