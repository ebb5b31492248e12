"""Exclusions that keep nobody out, or nobody whom another does not keep out already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from zbatch.model import Exclusion, Plan, Source
from zbatch.spec.diagnostics import Diagnostic, Related, tidy
from zbatch.spec.roster import Roster


def named_alike(roster: Roster, exclusions: Sequence[Exclusion]) -> bool:
    """Tell whether accounts and exclusions all have one kind of name, and can be compared by it."""
    by_number = sum(one.number is not None for one in exclusions)
    if roster.resolved:
        return not by_number
    return len(roster.numbered) == len(roster) and by_number == len(exclusions)


def idle_once_resolved(plan: Plan, ids: Mapping[str, str]) -> tuple[Diagnostic, ...]:
    """Warn of what could not be seen in a plan before numbers had their `ids`, which it has now."""
    exclusions = plan.spec.exclusions
    if named_alike(Roster.of(plan.spec.accounts), exclusions):
        return ()
    keep = set(map(id, plan.excluded))
    return tidy(unused(exclusions, [id(one) in keep for one in exclusions], ids))


def unused(
    exclusions: Sequence[Exclusion], used: Sequence[bool], ids: Mapping[str, str] | None = None
) -> Iterator[Diagnostic]:
    """Warn of each exclusion that keeps nobody out, or nobody whom another does not.

    `ids` has the accounts of numbers, where they are known.
    """
    first: dict[str, Source] = {}
    for exclusion, keeps in zip(exclusions, used, strict=True):
        at, named = exclusion.source, exclusion.named
        place = (at.file, at.line, at.column)
        before = first.setdefault((ids or {}).get(named, named), at)
        if before is not at:
            message = f"`exclude` names the account {named} twice"
            related = (Related("first named here", before.file, before.line, before.column),)
            yield Diagnostic(*place, "ZB916", message, "one of them is enough", related)
        elif not keeps:
            message = f"`exclude` names the account {named}, which is not billed anyway"
            yield Diagnostic(*place, "ZB915", message)
