"""What a person should look at in a run's invoices, by what reading them back has found."""

from __future__ import annotations

from collections.abc import Mapping

from zbatch.report.kept import RunHead

WORDS = {
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
"""How each difference between tenant and ledger is called, by its code."""


def to_look_at(findings: Mapping[str, int], unread: int) -> str:
    """Count the findings and what was not read back; an empty text where there is neither."""
    parts = [f"{count:,} {WORDS.get(code, code)}" for code, count in findings.items()]
    if unread:
        parts.append(f"{unread:,} item{'' if unread == 1 else 's'} not read back")
    return f"invoices: {', '.join(parts)}; zbatch verify tells of each" if parts else ""


def found_by(head: RunHead) -> str:
    """Say the same of a run that has ended; runs of older versions have read nothing back."""
    kept = head.raw.get("read_back")
    if not isinstance(kept, dict):
        return ""
    findings, unread = kept.get("findings"), kept.get("unread")
    counts = findings if isinstance(findings, dict) else {}
    whole = {str(code): count for code, count in counts.items() if isinstance(count, int)}
    return to_look_at(whole, unread if isinstance(unread, int) else 0)
