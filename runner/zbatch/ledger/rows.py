"""Between the ledger's rows and the nouns: the only place that knows both shapes."""

from __future__ import annotations

import gzip
import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime
from functools import lru_cache
from operator import attrgetter

from zbatch.model import (
    Attempt,
    Baseline,
    Batch,
    Call,
    Charges,
    Detail,
    Draft,
    Identity,
    Item,
    ItemRecord,
    Listed,
    Outcome,
    Problem,
    Source,
    Terms,
)

_quoted = json.encoder.encode_basestring_ascii


@lru_cache(maxsize=256)  # the items of a call share their moments
def stamp(moment: datetime | None) -> str | None:
    """Write a moment as UTC text that sorts by time, to the microsecond."""
    if moment is None:
        return None
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)  # as most are
    return utc.isoformat(timespec="microseconds")


def moment(text: str | None) -> datetime | None:
    """Read what `stamp` wrote."""
    return datetime.fromisoformat(text) if text else None


def home_of(found: Iterable[sqlite3.Row]) -> dict[str, str]:
    """Read of which `tenant` and `entity` of its host a ledger is."""
    return {row["name"]: row["value"] for row in found}


def identity_columns(identity: Identity) -> tuple[str, str, int]:
    """Give the values by which an item is found."""
    return identity.account_id, identity.target_date.isoformat(), identity.revision


def item_columns(listed: Iterable[Listed]) -> Iterator[tuple[object, ...]]:
    """Give the values of items' identities, payloads and sources, in the order of `ITEM_COLUMNS`.

    What neighbours have in common is written once for them.
    """
    last: Terms | None = None
    for account_id, number, line, terms in listed:
        if terms is not last:
            last = terms
            day = (terms.target_date.isoformat(), terms.revision)
            before = (*day, *payload_of(terms.invoice_date, terms.charges), terms.reason)
        yield (account_id, *before, number, terms.file, line, terms.column)


def payload_columns(item: Item) -> tuple[object, ...]:
    """Give the values of an item's payload, in the order of `PAYLOAD_COLUMNS`."""
    return payload_of(item.invoice_date, item.charges)


def payload_of(invoice_date: date, charges: Charges) -> tuple[object, ...]:
    """Give the values of a payload, in the order of `PAYLOAD_COLUMNS`."""
    return (
        invoice_date.isoformat(),
        int(charges.one_time),
        int(charges.recurring),
        int(charges.usage),
    )


def batch_payload(batch: Batch) -> tuple[object, ...]:
    """Give the payload of the items of a batch, in the order of `PAYLOAD_COLUMNS`."""
    return payload_of(batch.invoice_date, batch.charges)


def batch_columns(batch: Batch) -> tuple[object, ...]:
    """Give the values by which the items of a batch are found."""
    return json.dumps(batch.accounts), batch.target_date.isoformat(), batch.revision


def places_of(items: Sequence[Item]) -> Iterator[tuple[str, str, int]]:
    """Give the accounts of items by position, those of one date and revision together."""
    found: dict[tuple[date, int], dict[int, str]] = {}
    for position, item in enumerate(items):
        identity = item.identity
        kind = (identity.target_date, identity.revision)
        found.setdefault(kind, {})[position] = identity.account_id
    for (target_date, revision), accounts in found.items():
        yield json.dumps(accounts), target_date.isoformat(), revision


def payload_changed(row: sqlite3.Row, item: Item) -> bool:
    """Tell whether an item asks for another payload than its row holds."""
    held = (row["invoice_date"], row["one_time"], row["recurring"], row["usage"])
    return held != payload_columns(item)


PAYLOAD_COLUMNS = "invoice_date, one_time, recurring, usage"
ITEM_COLUMNS = (
    "account_id, target_date, revision, invoice_date, one_time, recurring, usage,"
    " reason, account_number, source_file, source_line, source_column"
)


def item_of(row: sqlite3.Row) -> Item:
    """Read an item as the ledger last took it from a plan."""
    return Item(
        identity=Identity(
            row["account_id"], date.fromisoformat(row["target_date"]), row["revision"]
        ),
        invoice_date=date.fromisoformat(row["invoice_date"]),
        charges=charges_of(row),
        source=Source(row["source_file"], row["source_line"], row["source_column"]),
        reason=row["reason"],
        account_number=row["account_number"],
    )


def charges_of(row: sqlite3.Row) -> Charges:
    """Read the charges of an item."""
    return Charges(bool(row["one_time"]), bool(row["recurring"]), bool(row["usage"]))


def record_columns(record: ItemRecord) -> tuple[object, ...]:
    """Give the values of an outcome, in the order of `RECORD_COLUMNS`, without the run."""
    return (
        record.outcome.value,
        record.invoice_id,
        invoice_ids_text(record.invoice_ids),
        record.error.code if record.error else None,
        record.error.message if record.error else None,
        record.http_status,
        record.attempts,
        record.idempotency_key,
        record.track_id,
        record.request_id,
        stamp(record.started_at),
        stamp(record.finished_at),
    )


RECORD_COLUMNS = (
    "outcome, invoice_id, invoice_ids, error_code, error_message, http_status, attempts,"
    " idempotency_key, track_id, request_id, started_at, finished_at, settled_by"
)


def restored_columns(record: ItemRecord) -> tuple[object, ...]:
    """Give the values by which an outcome stands again, and those by which its item is found."""
    error = (record.error.code, record.error.message) if record.error else (None, None)
    outcome = (record.outcome.value, *error)
    return (*payload_columns(record.item), *outcome, *identity_columns(record.item.identity))


def record_of(row: sqlite3.Row, item: Item) -> ItemRecord | None:
    """Read an item's outcome, or None while it has none.

    Raises `ValueError` where its invoice is none of its invoices, as after a wrong bit in either.
    """
    if row["outcome"] is None:
        return None
    return ItemRecord(
        item=item,
        outcome=Outcome(row["outcome"]),
        invoice_id=row["invoice_id"],
        invoice_ids=_ids_with(row["invoice_id"], row["invoice_ids"]),
        error=problem_of(row),
        http_status=row["http_status"],
        attempts=row["attempts"],
        idempotency_key=row["idempotency_key"],
        track_id=row["track_id"],
        request_id=row["request_id"],
        started_at=moment(row["started_at"]),
        finished_at=moment(row["finished_at"]),
        run_id=row["settled_by"],
        invoices=details_in(row),
    )


def invoice_ids_text(ids: tuple[str, ...]) -> str:
    """Write the IDs of an outcome's invoices as `json.dumps` would, which takes thrice as long."""
    return f"[{', '.join(map(_quoted, ids))}]"


@lru_cache(maxsize=1024)  # each date of an account reads what the others hold
def invoice_ids_of(text: str) -> tuple[str, ...]:
    """Read the IDs of an outcome's invoices."""
    return tuple(json.loads(text))


def invoice_ids_after(first: str, text: str) -> tuple[str, ...]:
    """Read the same of an item whose first invoice is known: mostly there is no other.

    Raises `ValueError` as `record_of` does.
    """
    alone = text == f'["{first}"]' and first.isalnum()
    return (first,) if alone else _ids_with(first, text)


def _ids_with(invoice_id: str | None, text: str) -> tuple[str, ...]:
    ids = invoice_ids_of(text)
    if ids and invoice_id not in ids:
        raise ValueError("an invoice that is none of its item's")
    return ids


def detail_columns(record: ItemRecord) -> tuple[object, ...]:
    """Give the values that add to a settled item what the tenant shows of its invoices."""
    ids, details = invoice_ids_text(record.invoice_ids), details_text(record.invoices or ())
    return ids, details, *identity_columns(record.item.identity), record.invoice_id


_values_of = attrgetter(*(one.name for one in fields(Detail)))


def details_text(details: tuple[Detail, ...]) -> str:
    """Write what the tenant has shown of invoices as JSON."""
    return json.dumps(list(map(_values_of, details)))


def details_of(text: str | None, ids: Sequence[str]) -> tuple[Detail, ...] | None:
    """Read what `details_text` wrote of these invoices.

    Raises `ValueError` where it tells of another, as after a wrong bit in its ID.
    """
    if text is None:
        return None
    details = tuple(Detail(*values) for values in json.loads(text))
    if any(one.id not in ids for one in details):
        raise ValueError("details of an invoice that is none of its item's")
    return details


def details_in(row: sqlite3.Row) -> tuple[Detail, ...] | None:
    """Read what the tenant has shown of an item's invoices, as `details_of` does."""
    return details_of(row["invoices"], invoice_ids_of(row["invoice_ids"]))


@lru_cache(maxsize=64)  # most items of a question have nothing, as of the same moment
def baseline_text(baseline: Baseline) -> str:
    """Write a baseline as JSON."""
    drafts = [[draft.id, draft.amount, stamp(draft.updated_at)] for draft in baseline.drafts]
    held = {
        "asked_at": stamp(baseline.asked_at),
        "invoice_ids": baseline.invoice_ids,
        "drafts": drafts,
    }
    beside = {"gone": baseline.gone, "shown": baseline.shown}
    return json.dumps(held | {name: ids for name, ids in beside.items() if ids})


@lru_cache(maxsize=1024)  # an item's own standing and its call's read the same one
def baseline_of(text: str | None) -> Baseline | None:
    """Read what `baseline_text` wrote."""
    if text is None:
        return None
    held = json.loads(text)
    return Baseline(
        asked_at=datetime.fromisoformat(held["asked_at"]),
        invoice_ids=tuple(held["invoice_ids"]),
        drafts=tuple(Draft(id_, amount, moment(at)) for id_, amount, at in held["drafts"]),
        gone=tuple(held.get("gone", ())),
        shown=tuple(held.get("shown", ())),
    )


def problem_of(row: sqlite3.Row) -> Problem | None:
    """Read the error columns, or None where there is no error."""
    if row["error_code"] is None:
        return None
    return Problem(row["error_code"], row["error_message"] or "")


def call_of(row: sqlite3.Row, items: tuple[Item, ...]) -> Call:
    """Read a call; only the bytes on the wire are kept, and the body is what they hold.

    Raises `ValueError` where they hold none.
    """
    try:
        body = gzip.decompress(row["wire"])
    except (OSError, EOFError, zlib.error) as error:  # what gzip says of bytes that it never wrote
        raise ValueError("the bytes of a call are damaged") from error
    if not body:
        raise ValueError("a call without a body")
    return Call(items, row["generation"], row["key"], body, row["wire"])


def attempt_columns(attempt: Attempt) -> tuple[object, ...]:
    """Give the values of an attempt, in the order of `ATTEMPT_COLUMNS`."""
    return (
        attempt.number,
        stamp(attempt.started_at),
        attempt.track_id,
        attempt.answer,
        int(attempt.sent),
        stamp(attempt.finished_at),
        stamp(attempt.server_date),
        attempt.http_status,
        attempt.request_id,
        attempt.token,
        attempt.problem.code if attempt.problem else None,
        attempt.problem.message if attempt.problem else None,
    )


ATTEMPT_COLUMNS = (
    "number, started_at, track_id, answer, sent, finished_at, server_date, http_status,"
    " request_id, token, error_code, error_message"
)


def attempt_of(row: sqlite3.Row) -> Attempt:
    """Read an attempt."""
    return Attempt(
        number=row["number"],
        started_at=datetime.fromisoformat(row["started_at"]),
        track_id=row["track_id"],
        answer=row["answer"],
        sent=bool(row["sent"]),
        finished_at=moment(row["finished_at"]),
        server_date=moment(row["server_date"]),
        http_status=row["http_status"],
        request_id=row["request_id"],
        token=row["token"],
        problem=problem_of(row),
    )
