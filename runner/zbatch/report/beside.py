"""What a report is told beside a run's own files, by rooms that know Zuora, money and ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zbatch.report.amounts import Total, Worth
from zbatch.report.reasons import Explain
from zbatch.report.since import Change


@dataclass(frozen=True, slots=True)
class Beside:
    """What codes mean, what a line's invoices and all come to, and what has changed since."""

    explain: Explain
    worth: Worth
    totals: Sequence[Total] = ()
    changes: Sequence[Change] = ()
