"""Items as reviewers ask for them, without making a million of them: by account, or the unusual."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby

from zbatch.model import Item
from zbatch.spec.plan_diff import Dates
from zbatch.spec.selection import Items, Selection


def by_account(items: Sequence[Item]) -> Iterator[tuple[str, Dates]]:
    """Give each account once, by its ID, with the dates of its items, which stand together."""
    if isinstance(items, Items):
        yield from _selected(items.selection)
        return
    for account_id, own in groupby(items, key=lambda item: item.identity.account_id):
        yield account_id, tuple(map(_dates, own))


def unusual(items: Sequence[Item]) -> Iterator[Item]:
    """Give the items that bill again, or for a reason that the spec gives."""
    if not isinstance(items, Items):
        yield from (item for item in items if item.reason or item.identity.revision > 1)
        return
    roster = items.selection.roster
    wanted = {
        style for style, traits in enumerate(roster.traits) if traits.reason or traits.revision > 1
    }
    if wanted:
        for position, row in enumerate(items.selection.rows):
            if roster.style(row) in wanted:
                yield items[position]


def _dates(item: Item) -> tuple[date, date, int]:
    return item.identity.target_date, item.invoice_date, item.identity.revision


def _selected(selection: Selection) -> Iterator[tuple[str, Dates]]:
    roster, rows, days = selection.roster, selection.rows, selection.days
    usual: dict[tuple[int, int], Dates] = {}
    position = 0
    for count in selection.counts:
        places = range(position, position + count)
        position += count
        if not count:
            continue
        row = rows[places[0]]
        if count > 1:
            yield roster.account_id(row), tuple(_date(selection, at) for at in places)
            continue
        key = (days[places[0]], roster.style(row))
        dates = usual.get(key)
        if dates is None:
            dates = usual[key] = (_date(selection, places[0]),)
        yield roster.account_id(row), dates


def _date(selection: Selection, position: int) -> tuple[date, date, int]:
    pair = selection.pairs[selection.days[position]]
    revision = selection.roster.traits_of(selection.rows[position]).revision
    return pair.target_date, pair.invoice_date, revision
