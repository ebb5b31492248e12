"""From a spec to a plan: the ordered items, their calls, and a digest; pure and deterministic."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import compress

from zbatch.model import Account, DatePair, Exclusion, Plan, Spec, Tenant
from zbatch.spec.diagnostics import SpecError, tidy
from zbatch.spec.duplicates import duplicates
from zbatch.spec.lazy import Groups, Singles
from zbatch.spec.roster import Roster
from zbatch.spec.selection import Items, Selection, select
from zbatch.spec.totals import nobody_left, unexpected

_BATCH = 512  # items hashed at a time


def make_plan(spec: Spec, tenant: Tenant) -> Plan:
    """Return the plan: accounts in the spec's order, each with its target dates ascending.

    With one object a call each item is a call of its own, in that order. With more, calls are cut
    from waves (the first date of every account, then the second, …), so that no account stands
    twice in a call and none has a later date in an earlier call.

    What is named by number is left unresolved. Raises SpecError where nothing is, and the items do
    not come to what the spec expects.
    """
    roster = Roster.of(spec.accounts)
    named = select(roster, spec.dates, spec.exclusions)
    digest = _digest(spec, tenant, named)
    unresolved = tuple(_unresolved(named))
    unsure = tuple(_unresolved_exclusions(spec, roster))
    if not roster.resolved:
        named = select(roster, spec.dates, spec.exclusions, identified=True)
    if not unresolved and not unsure:
        return _whole(spec, tenant, named, digest)
    plan = _plan(spec, tenant, named, digest)
    return replace(plan, unresolved=unresolved, unresolved_exclusions=unsure)


def resolve_plan(plan: Plan, ids: Mapping[str, str]) -> Plan:
    """Return the plan with the accounts named by number in their places; `ids` has each ID.

    Raises SpecError for an account that is now listed twice, with both places, where nobody is
    left to bill, and where the items do not come to what the spec expects.
    """
    if plan.resolved:
        return plan
    spec = plan.spec
    kept_out = {one.number for one in spec.exclusions if one.number is not None}
    roster = Roster.of(spec.accounts).with_ids(ids, kept_out)
    twice = tidy(duplicates(roster, spec.dates))
    if twice:
        raise SpecError(twice)
    selection = select(roster, spec.dates, [_with_id(one, ids) for one in spec.exclusions])
    if spec.exclusions and not selection.rows:
        raise SpecError([nobody_left(spec.exclusions)])
    return _whole(spec, plan.tenant, selection, plan.digest)


def _whole(spec: Spec, tenant: Tenant, selection: Selection, digest: str) -> Plan:
    """Return a plan of which nothing is unresolved, held to what the spec expects."""
    plan = _plan(spec, tenant, selection, digest)
    wrong = tidy(unexpected(spec.expect, plan.items, spec.file))
    if wrong:
        raise SpecError(wrong)
    return plan


def _plan(spec: Spec, tenant: Tenant, selection: Selection, digest: str) -> Plan:
    items = Items(selection, spec.charges)
    size = spec.limits.objects_per_call
    groups = Singles(len(items)) if size == 1 else _waves(selection.counts, size)
    excluded = tuple(compress(spec.exclusions, selection.used))
    return Plan(spec, tenant, items, groups, digest, excluded=excluded)


def _unresolved(named: Selection) -> Iterator[Account]:
    """Tell which accounts to bill are named by number."""
    roster = named.roster
    if not roster.resolved:
        selected = bytearray(len(roster))
        for row in named.rows:
            selected[row] = True
        yield from (roster[row] for row in roster.numbered if selected[row])


def _unresolved_exclusions(spec: Spec, roster: Roster) -> Iterator[Exclusion]:
    """Tell who is kept out by number where the list has accounts by ID, one of which it may be."""
    if len(roster.numbered) < len(roster):
        yield from (one for one in spec.exclusions if one.number is not None)


def _with_id(one: Exclusion, ids: Mapping[str, str]) -> Exclusion:
    """Name whom to keep out by ID, where it is known."""
    if one.number is None or one.number not in ids:
        return one
    return replace(one, account_id=ids[one.number], number=None)


def _waves(counts: Sequence[int], size: int) -> Groups:
    """Cut each wave into runs; `counts` holds how many items each account has, in plan order."""
    waves = [array("I") for _ in range(max(counts, default=0))]
    position = 0
    for count in counts:
        for nth in range(count):
            waves[nth].append(position + nth)
        position += count
    members, starts = array("I"), array("I")
    for wave in waves:
        starts.extend(range(len(members), len(members) + len(wave), size))
        members.extend(wave)
    return Groups(members, starts)


def _digest(spec: Spec, tenant: Tenant, named: Selection) -> str:
    """Hash one line of JSON for the tenant, each file, each exclusion and each item.

    Accounts stand there as the spec names them. What is not hashed decides neither what is billed
    nor where: reasons, limits, names, places.
    """
    size = spec.limits.objects_per_call
    digest = hashlib.sha256()
    records: list[list[object]] = [["plan", 2, tenant.host, tenant.entity_id, size]]
    records += (["file", file.digest] for file in spec.files)
    records += (["exclude", _name(one.account_id, one.number)] for one in spec.exclusions)
    for record in records:
        digest.update(_line(record))
    for lines in _item_lines(spec, named):
        digest.update(lines)
    return digest.hexdigest()


def _item_lines(spec: Spec, named: Selection) -> Iterator[bytes]:
    """Write the lines of the items: what is behind the name is the same for very many of them."""
    roster, charges = named.roster, spec.charges
    kinds: list[object] = [charges.one_time, charges.recurring, charges.usage]
    numbers = {} if roster.resolved else dict(roster.numbered_rows())
    ends: dict[tuple[int, int], str] = {}
    for start in range(0, len(named.rows), _BATCH):
        rows, days = named.rows[start : start + _BATCH], named.days[start : start + _BATCH]
        alike = list(zip(days, roster.styles(rows), strict=True))
        for day, style in set(alike).difference(ends):
            pair: DatePair = named.pairs[day]
            revision = roster.traits[style].revision
            dates = [pair.target_date.isoformat(), revision, pair.invoice_date.isoformat()]
            ends[day, style] = "," + _line([*dates, kinds])[1:].decode()
        names = [f'"{account}"' for account in roster.account_ids(rows)]
        for at, row in enumerate(rows) if numbers else ():
            if row in numbers:
                names[at] = _line([_name(None, numbers[row])])[1:-2].decode()
        lines = zip(names, map(ends.__getitem__, alike), strict=True)
        yield "".join([f"[{name}{end}" for name, end in lines]).encode()


def _name(account_id: str | None, number: str | None) -> object:
    return account_id if number is None else {"number": number}


def _line(record: list[object]) -> bytes:
    return json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
