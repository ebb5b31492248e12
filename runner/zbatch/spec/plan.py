"""From a spec to a plan: the ordered items, their calls, and a digest; pure and deterministic."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from zbatch.model import Account, DatePair, Identity, Item, Plan, Spec, Tenant


def make_plan(spec: Spec, tenant: Tenant) -> Plan:
    """Return the plan: accounts in the spec's order, each with its target dates ascending.

    With one object a call each item is a call of its own, in that order. With more, calls are cut
    from waves (the first date of every account, then the second, …), so that no account stands
    twice in a call and none has a later date in an earlier call.
    """
    by_account = _items(spec)
    items = tuple(item for items in by_account for item in items)
    size = spec.limits.objects_per_call
    groups = _singles(len(items)) if size == 1 else _waves([len(own) for own in by_account], size)
    return Plan(spec, tenant, items, groups, _digest(tenant, items, size))


def _items(spec: Spec) -> list[list[Item]]:
    found: dict[str, list[Item]] = {}
    for account in spec.accounts:
        dates = spec.dates if account.dates is None else account.dates
        own = found.setdefault(account.named, [])
        own.extend(_item(spec, account, pair) for pair in dates)
    for own in found.values():
        own.sort(key=lambda item: item.identity)
    return list(found.values())


def _item(spec: Spec, account: Account, pair: DatePair) -> Item:
    return Item(
        identity=Identity(account.named, pair.target_date, account.revision),
        invoice_date=pair.invoice_date,
        charges=spec.charges,
        source=account.source,
        reason=account.reason,
    )


def _singles(count: int) -> tuple[tuple[int, ...], ...]:
    return tuple((position,) for position in range(count))


def _waves(counts: list[int], size: int) -> tuple[tuple[int, ...], ...]:
    """Cut each wave into runs; `counts` holds how many items each account has, in plan order."""
    waves: list[list[int]] = [[] for _ in range(max(counts, default=0))]
    position = 0
    for count in counts:
        for nth in range(count):
            waves[nth].append(position + nth)
        position += count
    return tuple(
        tuple(wave[start : start + size]) for wave in waves for start in range(0, len(wave), size)
    )


def _digest(tenant: Tenant, items: Iterable[Item], size: int) -> str:
    """Hash one line of JSON for the tenant and one for each item.

    What is not hashed decides neither what is billed nor where: reasons, limits, names, places.
    """
    digest = hashlib.sha256()
    for record in (["plan", 1, tenant.host, tenant.entity_id, size], *map(_record, items)):
        digest.update(json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def _record(item: Item) -> list[object]:
    identity, charges = item.identity, item.charges
    return [
        identity.account_id,
        identity.target_date.isoformat(),
        identity.revision,
        item.invoice_date.isoformat(),
        [charges.one_time, charges.recurring, charges.usage],
    ]
