"""Compare some items with what the tenant shows of them: a question, and one more where it must."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from zbatch.engine.agreement import Agreement, LedgerEntry, compare
from zbatch.engine.details import Details
from zbatch.model import Invoice
from zbatch.zuora.query import Wanted


async def compared_with(
    details: Details, portion: Sequence[LedgerEntry], *, whole_accounts: bool = True
) -> list[Agreement]:
    """Ask about items, and about whole accounts where an invoice of theirs is not among these.

    They are at most a question's worth. Raises `Unanswered`.
    """
    shown = _by_account(await details.of_dates(_wanted(portion)))
    lost = [one for one in portion if _misses(one, shown.get(one.identity.account_id, {}))]
    whole = await details.of_accounts(_wanted(lost)) if lost and whole_accounts else ()
    shown |= _by_account(whole)  # all of these accounts, so those of the date as well
    return [compare(one, shown.get(one.identity.account_id, {})) for one in portion]


def _wanted(portion: Iterable[LedgerEntry]) -> tuple[Wanted, ...]:
    identities = [one.identity for one in portion]
    return tuple(dict.fromkeys([Wanted(one.account_id, one.target_date) for one in identities]))


def _misses(entry: LedgerEntry, shown: Mapping[str, Invoice]) -> bool:
    return not shown.keys() >= {*entry.invoice_ids}


def _by_account(invoices: Iterable[Invoice]) -> dict[str, dict[str, Invoice]]:
    found: dict[str, dict[str, Invoice]] = {}
    for invoice in invoices:
        found.setdefault(invoice.account_id, {})[invoice.id] = invoice
    return found
