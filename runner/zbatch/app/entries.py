"""What the ledger holds of items, as it is held against what a tenant shows of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from zbatch.app.doubt import in_doubt
from zbatch.engine.agreement import LedgerEntry
from zbatch.engine.conclusion import decided
from zbatch.ledger.billed import Billed
from zbatch.model import Item, Outcome, Standing


def ledger_entries(
    standings: Iterable[Standing], billed: Iterable[tuple[Item, Billed]]
) -> Iterator[LedgerEntry]:
    """Put together what the ledger tells of each item, in their order."""
    for standing, (_, one) in zip(standings, billed, strict=True):
        yield ledger_entry(standing, one)


def ledger_entry(standing: Standing, billed: Billed) -> LedgerEntry:
    """Put together what the ledger tells of one item; what is in doubt is unknown."""
    record = standing.record or in_doubt(standing)
    identity = standing.item.identity
    if record is None:
        return LedgerEntry(identity, None, credited=billed.credited)
    baseline = standing.trail.baseline if record.outcome is Outcome.INVOICED else None
    ids = record.invoice_ids or tuple(filter(None, (record.invoice_id,)))
    return LedgerEntry(
        identity,
        record.outcome,
        ids,
        frozenset(baseline.invoice_ids) if baseline else frozenset(),
        billed.credited,
        _drafts(standing, ids),
        billed.sends,
        billed.since,
        record.finished_at,
        seen={one.id: one for one in record.invoices or ()},
        seen_for_others=billed.seen,
        decided=decided(record),
        invoice_date=standing.item.invoice_date,
    )


def _drafts(standing: Standing, ids: tuple[str, ...]) -> frozenset[str]:
    """Name the drafts that an item may have been billed in, whatever their target date.

    Where the ledger has noted none, or a person has decided, an item's own invoices may be such.
    """
    baseline, record = standing.trail.baseline, standing.record
    if baseline is None or (record is not None and decided(record)):
        return frozenset(ids)
    return frozenset(draft.id for draft in baseline.drafts)
