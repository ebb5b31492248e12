"""What exclusions and control totals come to, as far as it can be told without a tenant."""

from __future__ import annotations

from zbatch.model import Spec
from zbatch.spec.diagnostics import Diagnostic
from zbatch.spec.idle import named_alike, unused
from zbatch.spec.roster import Roster
from zbatch.spec.selection import Items, select
from zbatch.spec.totals import nobody_left, unexpected


def told_offline(spec: Spec) -> list[Diagnostic]:
    """Hold exclusions and control totals against the accounts, where these all have one name."""
    roster = Roster.of(spec.accounts)
    by_number = sum(one.number is not None for one in spec.exclusions)
    selection = select(roster, spec.dates, spec.exclusions)
    if spec.exclusions and not selection.rows:
        return [nobody_left(spec.exclusions)]
    found: list[Diagnostic] = []
    if named_alike(roster, spec.exclusions):
        found += unused(spec.exclusions, selection.used)
    items = Items(selection, spec.charges)
    found += unexpected(spec.expect, items, spec.file, final=roster.resolved and not by_number)
    return found
