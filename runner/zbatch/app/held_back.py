"""What an item waits for that is not sent: told in words, and by whom that is told. Pure."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from zbatch.model import Identity, Item, ItemRecord, Outcome, Problem


def blocked(item: Item, by: Item) -> ItemRecord:
    """Report an item that waits for another date or revision of its account."""
    return ItemRecord(item, Outcome.NOT_ATTEMPTED, error=_what_for(item, by))


def not_retried(record: ItemRecord, why: str) -> ItemRecord:
    """Report an item that has failed, or had nothing to bill, and why it is not tried again."""
    error = record.error or Problem("FAILED", "")
    message = f"{error.message} (not retried: {why})".lstrip()
    return replace(record, error=replace(error, message=message))


def put_off(record: ItemRecord, why: Problem) -> ItemRecord:
    """Report the same where it waits for another date or revision of its account."""
    if record.outcome is not Outcome.FAILED and record.error is None:
        record = replace(record, error=replace(why, message=""))
    return not_retried(record, why.message)


def barred(record: ItemRecord, by: Item) -> ItemRecord:
    """Report the same by the item that it waits for."""
    return put_off(record, _what_for(record.item, by))


def waits_elsewhere(item: Item, by: Item, planned: Container[Identity]) -> bool:
    """Tell whether an item waits for what no failure of its own run tells.

    A failed date that the spec lists is told as failed by the same run, whose next step is to mend
    it. What another spec lists, and a higher revision that is invoiced, is mended by nothing here.
    """
    return by.identity > item.identity or by.identity not in planned


def _what_for(item: Item, by: Item) -> Problem:
    listed = f"{by.source.file}:{by.source.line}"
    other = by.identity.target_date
    if other < item.identity.target_date:
        return Problem(
            "EARLIER_DATE_OPEN",
            f"the account's earlier target date {other.isoformat()} is failed or unknown, and a"
            f" later invoice would bill its charges too: settle that one first ({listed})",
        )
    if other > item.identity.target_date:
        return Problem(
            "LATER_DATE_OPEN",
            f"the account's later target date {other.isoformat()} is unknown and may be billed"
            f" still, and an account has one call at a time: settle that one first ({listed})",
        )
    return Problem(
        "OTHER_REVISION_OPEN",
        f"revision {by.identity.revision} of this item is invoiced or unknown, and this one"
        f" would bill the same: settle that one first, or list it instead ({listed})",
    )
