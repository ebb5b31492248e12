"""What a run planned: as it has told it itself, and what it never told as the ledger holds it now.

An item has one row, which takes the payload of each later run that lists it until it is sent, and
of each that sends it anew. What an earlier run meant by it stands in that run's report alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

# A report may have a million lines, in the order of the plan; they are found again by item.
_TOLD = (
    "CREATE TEMP TABLE IF NOT EXISTS told (account_id TEXT, target_date TEXT, revision INTEGER,"
    " invoice_date TEXT, account_number TEXT, reason TEXT, source_file TEXT, source_line INTEGER,"
    " PRIMARY KEY (account_id, target_date, revision)) STRICT, WITHOUT ROWID"
)
_TELL = "INSERT OR REPLACE INTO told VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_FROM = (
    " FROM run_item JOIN item ON item.id = item_id LEFT JOIN told"
    " ON told.account_id = item.account_id AND told.target_date = item.target_date"
    " AND told.revision = item.revision WHERE run_id = ?"
)


def _own(name: str) -> str:
    """Give the expression for what the run has told; what it told as null is null."""
    return f"CASE WHEN told.account_id IS NULL THEN item.{name} ELSE told.{name} END AS {name}"


_PLANNED = (
    f"SELECT ordinal, item.account_id, {_own('account_number')}, item.target_date, item.revision,"
    f" {_own('invoice_date')}, one_time, recurring, usage, {_own('reason')}, {_own('source_file')},"
    f" {_own('source_line')}, CASE WHEN told.account_id IS NULL THEN 'ledger' ELSE 'report' END"
    f' AS "from"{_FROM} ORDER BY ordinal'
)
_LISTED = (
    f"SELECT item.account_id, item.target_date, {_own('invoice_date')}, item.revision{_FROM}"
    " ORDER BY item.account_id, item.target_date, item.revision"
)


class Told(NamedTuple):
    """An item as a run's own report names it; dates as they stand there."""

    account_id: str
    target_date: str
    revision: int
    invoice_date: str
    account_number: str | None
    reason: str | None
    file: str
    line: int


def planned(
    connection: sqlite3.Connection, run_id: str, told: Iterable[Told]
) -> Iterator[Mapping[str, Any]]:
    """Give the items of a run in its order; `from` says whether its report tells of them so."""
    _take(connection, told)
    return map(dict, connection.execute(_PLANNED, (run_id,)))


def listed(
    connection: sqlite3.Connection, run_id: str, told: Iterable[Told]
) -> Iterator[sqlite3.Row]:
    """Give the dates and revisions of the items of a run, account by account."""
    _take(connection, told)
    return iter(connection.execute(_LISTED, (run_id,)))


def _take(connection: sqlite3.Connection, told: Iterable[Told]) -> None:
    """Put what was told where the ledger's rows meet it: a table that is gone with the look."""
    connection.execute(_TOLD)
    connection.execute("DELETE FROM told")
    connection.executemany(_TELL, told)
