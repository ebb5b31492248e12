"""How the differences between tenant and ledger are called."""

from __future__ import annotations

from zbatch.cli.words import counted
from zbatch.engine.agreement import Code
from zbatch.report.record import ReadBackRecord

SAID = {
    Code.DUPLICATE: "DUPLICATE",
    Code.NOT_SHOWN: "not shown",
    Code.CANCELED: "canceled",
    Code.GENERATING: "still generating",
    Code.STATUS_UNKNOWN: "unknown status",
    Code.CHANGED: "changed",
    Code.TAX_FAILED: "tax failed",
    Code.ZERO_AMOUNT: "amount is zero",
    Code.MISSING: "missing",
    Code.UNRECORDED: "not in the ledger",
}


def read_back_text(found: ReadBackRecord) -> str:
    """Say what of a run's invoices a person should look at, or an empty text."""
    parts = [f"{count:,} {SAID[Code(code)]}" for code, count in found.findings.items()]
    if found.unread:
        parts.append(f"{counted(found.unread, 'item')} not read back")
    return f"invoices: {', '.join(parts)}; zbatch verify tells of each" if parts else ""
