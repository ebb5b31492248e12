"""The summary of records that are all there at once."""

from __future__ import annotations

from collections.abc import Iterable

from zbatch.model import ItemRecord
from zbatch.report.summary import Fold, Summary


def summarise(records: Iterable[ItemRecord], planned: int, run_id: str) -> Summary:
    """Fold records one by one, as a run does."""
    fold = Fold(run_id)
    for record in records:
        fold.add(record)
    return fold.summary(planned)
