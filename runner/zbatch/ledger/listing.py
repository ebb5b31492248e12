"""The items that runs list as planned, and whether they are what another run has listed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from zbatch.ledger import rows
from zbatch.ledger import statements as sql
from zbatch.model import Batch, Item, batches, listed


def list_items(
    connection: sqlite3.Connection,
    run_id: str,
    items: Sequence[Item],
    part: range,
    like: str | None,
) -> None:
    """Record that a run has items in its plan; what has an outcome is only listed.

    A run that was `like` it may have listed the same ones.
    """
    several = list(batches(items, part.start, part.stop))
    stretch = (like, part.start, part.stop)
    if like and _in_a_row(connection, sql.SETTLED_IN_A_ROW, stretch, several):
        connection.execute(sql.COPY_RUN_ITEMS, (run_id, *stretch))
        return
    found = 0
    for batch in several:
        known = (run_id, *rows.batch_columns(batch))
        found += connection.execute(sql.INSERT_SETTLED_OF_BATCH, known).rowcount
    if found == len(part):
        return
    planned = rows.item_columns(listed(items, part.start, part.stop))
    connection.executemany(sql.INSERT_ITEM, planned)
    for batch in several:
        columns = (run_id, *rows.batch_columns(batch))
        found += connection.execute(sql.INSERT_BATCH, columns).rowcount
    insist(found, len(part))


def all_invoiced(
    connection: sqlite3.Connection, items: Sequence[Item], part: range, listed_by: str | None
) -> bool:
    """Tell whether some items, none of a higher revision, are invoiced as they are planned."""
    several = list(batches(items, part.start, part.stop))
    if any(batch.revision > 1 for batch in several):
        return False
    if listed_by:
        stretch = (listed_by, part.start, part.stop)
        statement = sql.INVOICED_IN_A_ROW
        if _in_a_row(connection, statement, stretch, several, rows.batch_payload):
            return True
    return all(_invoiced(connection, batch) == len(batch.accounts) for batch in several)


def insist(changed: int, wanted: int) -> None:
    """Insist on how many rows are changed: anything else would be an outcome lost."""
    if changed != wanted:
        raise sqlite3.IntegrityError(f"{changed} rows changed where {wanted} must")


def _in_a_row(
    connection: sqlite3.Connection,
    statement: str,
    stretch: tuple[object, ...],
    several: Sequence[Batch],
    values: Callable[[Batch], tuple[object, ...]] = lambda _: (),
) -> bool:
    """Tell whether a stretch of what a run has listed is these very items, as asked for."""
    for batch in several:
        kind = (batch.target_date.isoformat(), batch.revision, *values(batch))
        found = connection.execute(statement, (*stretch, *kind)).fetchone()[0]
        if found != "".join(batch.accounts.values()):
            return False
    return True


def _invoiced(connection: sqlite3.Connection, batch: Batch) -> int:
    values = (*rows.batch_columns(batch), *rows.batch_payload(batch))
    count: int = connection.execute(sql.INVOICED_OF_BATCH, values).fetchone()[0]
    return count
