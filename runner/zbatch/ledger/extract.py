"""What a ledger holds of a run's items, row by row, for who is to check it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

# Bodies are told by their digest: an item's row says what was asked for, and a key what it was.
_ITEMS = "(SELECT item_id FROM run_item WHERE run_id = :run)"
_CALLS = f"(SELECT call_id FROM call_item WHERE item_id IN {_ITEMS})"
_TABLES = {
    "items": (
        "SELECT account_id, target_date, revision, outcome, invoice_id, invoice_ids, error_code,"
        " error_message, http_status, attempts, idempotency_key, track_id, request_id, started_at,"
        f" finished_at, settled_by FROM item WHERE id IN {_ITEMS}"
        " ORDER BY account_id, target_date, revision"
    ),
    "keys": (
        "SELECT call.key, call.generation, call.wire, call_item.position, item.account_id,"
        " item.target_date, item.revision, call_item.state, call_item.evidence FROM call_item"
        " JOIN call ON call.id = call_id JOIN item ON item.id = item_id"
        f" WHERE call_id IN {_CALLS} ORDER BY call.id, call_item.position"
    ),
    "attempts": (
        "SELECT call.key, attempt.number, attempt.run_id, attempt.sent, attempt.started_at,"
        " attempt.finished_at, attempt.server_date, attempt.answer, attempt.http_status,"
        " attempt.track_id, attempt.request_id, attempt.error_code, attempt.error_message"
        f" FROM attempt JOIN call ON call.id = call_id WHERE call_id IN {_CALLS}"
        " ORDER BY call_id, number"
    ),
    "runs": (
        "SELECT id, spec_name, spec_file, spec_digest, plan_digest, started_at, finished_at,"
        f" exit_code FROM run WHERE id = :run OR id IN (SELECT run_id FROM attempt WHERE call_id IN"
        f" {_CALLS}) ORDER BY started_at, id"
    ),
}
TABLES = tuple(_TABLES)


def extract(connection: sqlite3.Connection, table: str, run_id: str) -> Iterator[Mapping[str, Any]]:
    """Give the rows of one of `TABLES` that belong to a run, or to an item that it planned."""
    for row in connection.execute(_TABLES[table], {"run": run_id}):
        found = dict(row)
        if "wire" in found:
            found["wire_sha256"] = hashlib.sha256(found.pop("wire")).hexdigest()
        yield found
