"""What a plan comes to, counted without making its items, and held against what was expected."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from zbatch.model import DatePair, Exclusion, Expect, Item, Source
from zbatch.spec.diagnostics import Diagnostic
from zbatch.spec.selection import Items

_AT_ONCE = 512  # IDs that are told together


def count_accounts(items: Sequence[Item]) -> int:
    """Tell how many accounts items are of."""
    if isinstance(items, Items):
        return sum(map(bool, items.selection.counts))
    return len({item.identity.account_id for item in items})


def items_of_each(items: Sequence[Item]) -> Iterable[int]:
    """Tell of each account how many items are of it; none at all counts as well."""
    if isinstance(items, Items):
        return items.selection.counts
    return Counter(item.identity.account_id for item in items).values()


def count_dates(items: Sequence[Item]) -> Counter[DatePair]:
    """Tell how many items have which dates."""
    if isinstance(items, Items):
        pairs = items.selection.pairs
        return Counter({pairs[day]: n for day, n in Counter(items.selection.days).items()})
    return Counter(DatePair(item.identity.target_date, item.invoice_date) for item in items)


def count_sources(items: Sequence[Item]) -> Counter[str]:
    """Tell how many items are listed in which file."""
    if not isinstance(items, Items):
        return Counter(item.source.file for item in items)
    roster = items.selection.roster
    by_file: Counter[str] = Counter()
    for style, count in Counter(roster.styles(items.selection.rows)).items():
        by_file[roster.traits[style].file] += count
    return by_file


def count_again(items: Sequence[Item]) -> int:
    """Tell how many items bill again what a lower revision has billed."""
    if not isinstance(items, Items):
        return sum(item.identity.revision > 1 for item in items)
    roster = items.selection.roster
    styles = Counter(roster.styles(items.selection.rows))
    return sum(n for style, n in styles.items() if roster.traits[style].revision > 1)


def accounts_digest(items: Sequence[Item]) -> str:
    """Return the SHA-256, in hexadecimal, over the sorted IDs of the accounts, one a line."""
    digest, ids = hashlib.sha256(), _sorted_ids(items)
    while some := list(islice(ids, _AT_ONCE)):
        digest.update("\n".join([*some, ""]).encode())
    return digest.hexdigest()


def _sorted_ids(items: Sequence[Item]) -> Iterator[str]:
    if not isinstance(items, Items):
        yield from sorted({item.identity.account_id for item in items})
        return
    roster = items.selection.roster
    billed = bytearray(len(roster))
    for row in items.selection.rows:
        billed[row] = True
    order = filter(billed.__getitem__, roster.order)
    last = ""
    while some := list(islice(order, _AT_ONCE)):
        for account_id in roster.account_ids(some):
            if account_id != last:
                yield account_id
            last = account_id


def nobody_left(exclusions: Sequence[Exclusion]) -> Diagnostic:
    """Refuse a spec whose exclusions keep everybody out."""
    at = exclusions[0].source
    message = "`exclude` keeps out every account that is listed, so nobody is billed"
    return Diagnostic(at.file, at.line, at.column, "ZB316", message)


def unexpected(
    expect: Expect | None, items: Sequence[Item], spec_file: str, *, final: bool = True
) -> Iterator[Diagnostic]:
    """Tell each control total that items do not come to.

    As long as they are not `final`, tell those that they can never come to: once the tenant has
    told which accounts numbers are, there may be fewer items, never more.
    """
    if expect is None:
        return
    places = dict(expect.places)
    totals = {
        "accounts": (expect.accounts, count_accounts(items)),
        "items": (expect.items, len(items)),
    }
    for name, (wanted, found) in totals.items():
        if wanted is not None and (wanted != found if final else wanted > found):
            message = f"the spec expects {wanted:,} {name}, and lists {found:,}"
            hint = "" if final else "looking up the numbers adds none"
            yield _at(places.get(name), spec_file, "ZB314", message, hint)
    if final and expect.accounts_digest is not None:
        found_digest = accounts_digest(items)
        if found_digest != expect.accounts_digest:
            message = (
                f"the spec expects another set of {count_accounts(items):,} accounts:"
                f" the digest of those listed is {found_digest}"
            )
            yield _at(places.get("accounts_digest"), spec_file, "ZB315", message)


def _at(place: Source | None, file: str, code: str, message: str, hint: str = "") -> Diagnostic:
    at = place or Source(file, 1)
    return Diagnostic(at.file, at.line, at.column, code, message, hint)
