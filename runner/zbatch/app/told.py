"""What a run's own report tells of its plan, for a look at the ledger that it is laid over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from zbatch.ledger.planned import Told
from zbatch.report.kept import NotKept, read_lines


def told_in(report: Path) -> Iterator[Told]:
    """Give the items of a report, as far as there is one and it can be read."""
    with suppress(NotKept):
        for line in read_lines(report):
            yield Told(
                line.account_id,
                line.target_date.isoformat(),
                line.revision,
                line.invoice_date.isoformat(),
                line.account_number,
                line.reason,
                line.file,
                line.line,
            )
