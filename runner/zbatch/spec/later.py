"""What the schema knows and this version does not do yet: refused, never passed over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from zbatch.model import Exclusion
from zbatch.spec.diagnostics import Diagnostic
from zbatch.spec.roster import Roster


def refused_numbers(roster: Roster, exclusions: Sequence[Exclusion]) -> Iterator[Diagnostic]:
    """Tell the first account that is named by number, which nobody asks the tenant about yet."""
    places = [roster.source(roster.numbered[0])] if roster.numbered else []
    places += [one.source for one in exclusions if one.number is not None][:1]
    for at in places:
        message = "accounts by number are not supported by this version of zbatch"
        yield Diagnostic(at.file, at.line, at.column, "ZB203", message)
