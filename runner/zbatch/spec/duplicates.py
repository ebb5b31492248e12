"""Nobody is billed twice for one day: what is listed twice, with both places."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from zbatch.model import DatePair
from zbatch.spec.diagnostics import Diagnostic, Related
from zbatch.spec.roster import Roster


def duplicates(roster: Roster, dates: tuple[DatePair, ...]) -> Iterator[Diagnostic]:
    """Tell each row that lists an account and target date which an earlier row lists already.

    Rows are of one account if they have one ID or, as long as it has none, one number; `dates`
    are the spec's own.
    """
    for rows in roster.repeated():
        seen: dict[date, int] = {}
        for row in rows:
            own = roster.traits_of(row).dates
            for pair in dates if own is None else own:
                first = seen.setdefault(pair.target_date, row)
                if first != row:
                    yield _twice(roster, row, first, pair.target_date)
                    break


def _twice(roster: Roster, row: int, first: int, target: date) -> Diagnostic:
    at, before = roster.source(row), roster.source(first)
    related = Related("first listed here", before.file, before.line, before.column)
    message = f"account {_name(roster, row, first)} with target date {target} is listed twice"
    mine, other = (roster.traits_of(one).revision for one in (row, first))
    if mine != other:
        what = message.removesuffix(" twice")
        message = (
            f"{what} with revision {mine} beside revision {other}; "
            "a spec holds one of them: the lower is settled before the next is asked for"
        )
    return Diagnostic(at.file, at.line, at.column, "ZB302", message, "", (related,))


def _name(roster: Roster, row: int, first: int) -> str:
    """Name an account by ID, and by the number where the two rows do not name it alike."""
    number, other = roster.number(row), roster.number(first)
    if not roster.resolved and number is not None:
        return number
    if number == other:
        return roster.account_id(row)
    return f"{roster.account_id(row)}, which has the number {number or other},"
