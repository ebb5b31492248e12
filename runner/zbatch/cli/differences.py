"""How the differences between tenant and ledger are called."""

from __future__ import annotations

from zbatch.engine.agreement import Code
from zbatch.report.read_back import WORDS, to_look_at
from zbatch.report.record import ReadBackRecord

SAID = {code: WORDS[code.value] for code in Code}


def read_back_text(found: ReadBackRecord) -> str:
    """Say what of a run's invoices a person should look at, or an empty text."""
    return to_look_at(found.findings, found.unread)
