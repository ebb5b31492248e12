"""How the differences between tenant and ledger are called, and what a run has seen of them."""

from __future__ import annotations

from collections.abc import Mapping

from zbatch.report.record import ReadBackRecord

SAID: Mapping[str, str] = {
    "duplicate": "DUPLICATE",
    "not_shown": "not shown",
    "canceled": "canceled",
    "generating": "still generating",
    "status_unknown": "unknown status",
    "changed": "changed",
    "tax_failed": "tax failed",
    "zero_amount": "amount is zero",
    "missing": "missing",
    "unrecorded": "not in the ledger",
}


def read_back_text(found: ReadBackRecord | None) -> str:
    """Say what of a run's invoices a person should look at, or an empty text."""
    if found is None:
        return ""
    parts = [f"{count:,} {SAID.get(code, code)}" for code, count in found.findings.items()]
    if found.unread:
        parts.append(f"{found.unread:,} item{'' if found.unread == 1 else 's'} not read back")
    return f"invoices: {', '.join(parts)}; zbatch verify tells of each" if parts else ""
